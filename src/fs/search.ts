/**
 * Every interleaving of calls: by running the programs again from the start for each schedule.
 *
 * Programs are plain JavaScript, which cannot be copied, so a state is come back to by replay. Two
 * schedules that lead to the same filesystem, and in which every program has seen the same, are the
 * same state and searched once. Invariant: HOLDS needs every state visited and no bug.
 */

import type { Verdict } from '../explore/index.js';
import { switchesOf, textOf, type Call, type FsBug, type FsReport, type Row } from './report.js';

/** One run of the programs, somewhere on its way. */
export interface Run {
  choices(): readonly Call[];
  /** Take a decision. @returns what came of it, for the story */
  step(choice: number): string | Promise<string>;
  /** Have all programs come to their end, or wait for ever? A crash may still come. */
  atEnd(): boolean;
  /** Why not everything can be tried from here on. */
  gaveUp(): string | null;
  /** Equal texts mean equal futures. */
  key(): string;
  /** What is wrong so far or, with nothing left to choose, at the end. */
  problem(): { readonly kind: string; readonly title: string } | null;
  /** `task: value` for what programs have said. */
  outcomes(): readonly string[];
}

/** What to search, and for how long. */
export interface SearchOptions {
  /** Most states to visit (default 200,000). */
  readonly states?: number;
}

const STATES_MAX = 200_000;

/** Search all interleavings of what `start` begins. */
export async function search(
  start: () => Run | Promise<Run>,
  options: SearchOptions = {},
): Promise<FsReport> {
  const max = options.states ?? STATES_MAX;
  const memo = new Map<string, number>();
  const outcomes = new Map<string, number>();
  let runs = 0;
  let ends = 0;
  let branched = false;
  let reason: string | null = null;
  let failing: number[] | null = null;

  const begin = async (path: readonly number[]): Promise<Run> => {
    runs += 1;
    const run = await start();
    for (const choice of path) await run.step(choice);
    return run;
  };
  const visit = async (run: Run, path: readonly number[]): Promise<number> => {
    const key = run.key();
    const known = memo.get(key);
    if (known !== undefined) return known;
    if (memo.size >= max) reason ??= `more than ${max} states`;
    if (reason !== null) return 0;
    if (run.problem() !== null) {
      failing = [...path];
      reason = 'a bug was found';
      return 1;
    }
    memo.set(key, 0);
    const count = run.choices().length;
    reason ??= run.gaveUp();
    const atEnd = run.atEnd();
    let paths = atEnd || count === 0 ? 1 : 0;
    if (atEnd) {
      ends += 1;
      for (const outcome of new Set(run.outcomes())) {
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    }
    if (count > 1) branched = true;
    for (let choice = 0; choice < count && reason === null; choice += 1) {
      // The first child goes on with this run, the others begin anew.
      const next = choice === 0 ? run : await begin(path);
      await next.step(choice);
      paths += await visit(next, [...path, choice]);
    }
    memo.set(key, paths);
    return paths;
  };

  const interleavings = await visit(await begin([]), []);
  const bugs = failing === null ? [] : [await smallest(begin, failing, max)];
  const complete = reason === null;
  let verdict: Verdict = 'INCOMPLETE';
  if (bugs.length > 0) verdict = 'VIOLATED';
  else if (complete) verdict = branched ? 'HOLDS' : 'VACUOUS';
  const report = {
    verdict,
    complete,
    reason,
    interleavings,
    states: memo.size,
    runs,
    bugs,
    outcomes: Object.fromEntries(
      [...outcomes].map(
        ([name, seen]) => [name, seen === ends && complete ? 'always' : 'sometimes'] as const,
      ),
    ),
  };
  return { ...report, text: textOf(report) };
}

/** The failing schedule with the fewest switches: searched by their number, from none. */
async function smallest(
  begin: (path: readonly number[]) => Promise<Run>,
  failing: readonly number[],
  max: number,
): Promise<FsBug> {
  const bound = switchesOf(await rowsOf(begin, failing));
  let visited = 0;
  for (let switches = 0; switches < bound; switches += 1) {
    const seen = new Set<string>();
    const find = async (
      run: Run,
      path: readonly number[],
      last: string,
      left: number,
    ): Promise<number[] | null> => {
      if (run.problem() !== null) return [...path];
      const key = `${last} ${left} ${run.key()}`;
      if (seen.has(key) || visited > max) return null;
      seen.add(key);
      visited += 1;
      let spare: Run | null = run;
      for (const [choice, { task }] of [...run.choices()].entries()) {
        const cost = last === '' || last === task ? 0 : 1;
        if (cost > left) continue;
        // The first child goes on with this run, the others begin anew.
        const next: Run = spare ?? (await begin(path));
        spare = null;
        await next.step(choice);
        const found = await find(next, [...path, choice], task, left - cost);
        if (found !== null) return found;
      }
      return null;
    };
    const found = await find(await begin([]), [], '', switches);
    if (found !== null) return bugOf(begin, found, visited <= max);
  }
  return bugOf(begin, failing, visited <= max);
}

async function bugOf(
  begin: (path: readonly number[]) => Promise<Run>,
  path: readonly number[],
  minimal: boolean,
): Promise<FsBug> {
  const rows = await rowsOf(begin, path);
  const problem = (await begin(path)).problem()!;
  return { ...problem, rows, switches: switchesOf(rows), minimal };
}

async function rowsOf(
  begin: (path: readonly number[]) => Promise<Run>,
  path: readonly number[],
): Promise<Row[]> {
  const run = await begin([]);
  const rows: Row[] = [];
  for (const choice of path) {
    const { task, label } = run.choices()[choice];
    rows.push({ task, label, result: await run.step(choice) });
  }
  return rows;
}
