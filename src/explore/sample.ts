/**
 * Sampling schedules: uniformly among the open decisions, or by PCT.
 *
 * PCT (Burckhardt et al., ASPLOS 2010): tasks have random priorities and the highest runs, except
 * that at d-1 random steps the running task drops below all others, to a priority of that step's
 * own. A bug of depth d is found by one run with a probability of at least 1/(n * k^(d-1)) for n
 * tasks and k steps, if it needs no outcome of a choice. Invariant: sampling never proves anything,
 * so the verdict without a bug is INCOMPLETE.
 */

import type { TaskRec } from '../machine/index.js';
import type { Limits } from './limits.js';
import type { Built, Decision } from './program.js';
import { Prng } from './prng.js';
import { endOfRun, type BugBook } from './run.js';
import { StateTable } from './state-table.js';

const STATES_MAX = 2_000_000;

export interface SampleOptions {
  readonly strategy: 'random' | 'pct';
  readonly seed: number;
  readonly keepGoing: boolean;
  /** PCT's d: one more than the number of priority changes in a run. */
  readonly depth: number;
}

type Pick = (open: readonly TaskRec[], step: number) => TaskRec;

/**
 * Run sampled schedules until a limit stops it.
 * @returns what the sample promises, or how much it still found out, in words
 */
export function exploreSamples(
  built: Built,
  limits: Limits,
  book: BugBook,
  options: SampleOptions,
): string {
  const { machine } = built;
  const prng = new Prng(options.seed);
  const base = machine.mark();
  const seen = new StateTable({ sizeMax: STATES_MAX, numbersMax: 0 });
  /** Distinct states seen after each power of two of executions. */
  const growth: number[] = [];
  machine.store.hashing = true;
  const start = [machine.store.h0, machine.store.h1, machine.store.h2] as const;
  // PCT needs a guess of a run's length; the longest so far is the usual one.
  let length = 1;
  /** Runs since then: only these had the right guess, and only these keep the promise. */
  let guessed = 0;
  const tasks = new Set<TaskRec>();
  while (limits.stopped === null) {
    const schedule: Decision[] = [];
    const pick: Pick =
      options.strategy === 'random'
        ? (open) => open[prng.below(open.length)]
        : pctPick(prng, length, options.depth);
    for (let step = 0; limits.stopped === null; step += 1) {
      const open = machine.tasks.filter((task) => machine.enabled(task));
      if (open.length === 0) {
        endOfRun(built);
        note(schedule);
        limits.executions += 1;
        break;
      }
      for (const task of open) tasks.add(task);
      const task = pick(open, step);
      const choice = prng.below(machine.choices(task));
      machine.step(task, choice);
      const { h0, h1, h2 } = machine.store;
      if (!seen.full) seen.enter(h0, h1, h2);
      schedule.push({ task: task.key, choice });
      limits.step(schedule.length);
      if (machine.findings.length > 0) note(schedule);
    }
    guessed = schedule.length > length ? 0 : guessed + 1;
    length = Math.max(length, schedule.length);
    machine.undo(base);
    [machine.store.h0, machine.store.h1, machine.store.h2] = start;
    if (Number.isInteger(Math.log2(limits.executions))) growth.push(seen.size);
    limits.check();
  }
  return options.strategy === 'pct' ? promise() : coverage();

  /** PCT's bound for all runs together. */
  function promise(): string {
    const perRun = 1 / (tasks.size * length ** (options.depth - 1));
    const missed = (1 - perRun) ** guessed;
    return (
      `a bug of depth ${options.depth} is found by one run with a probability of at least ` +
      `1/(${tasks.size} tasks * ${length} steps^${options.depth - 1}) = ${perRun.toPrecision(2)}, ` +
      `and missed by all ${guessed} with one of at most ${missed.toPrecision(2)}`
    );
  }

  function coverage(): string {
    const before = growth.at(-2) ?? 0;
    const share = seen.size === 0 ? 0 : (100 * (seen.size - before)) / seen.size;
    return (
      `${seen.size} distinct states were seen, ${share.toFixed(1)} % of them for the first time ` +
      'since half of the executions or earlier'
    );
  }

  function note(schedule: Decision[]): void {
    if (machine.findings.length === 0) return;
    limits.bugs += book.add(machine.findings, () => [...schedule]);
    if (!options.keepGoing && book.grave) limits.stopped ??= 'a bug was found';
  }
}

function pctPick(prng: Prng, length: number, depth: number): Pick {
  const priority = new Map<TaskRec, number>();
  // The i-th change gives priority i, wherever it falls: below all that tasks begin with.
  const changes = new Map<number, number>();
  for (let i = 1; i < depth; i += 1) changes.set(prng.below(length), i);
  return (open, step) => {
    for (const task of open) if (!priority.has(task)) priority.set(task, depth + prng.next());
    const highest = (): TaskRec =>
      open.reduce((a, b) => (priority.get(b)! > priority.get(a)! ? b : a));
    const lowered = changes.get(step);
    if (lowered !== undefined) priority.set(highest(), lowered);
    return highest();
  };
}
