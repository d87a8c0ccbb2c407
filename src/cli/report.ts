/** What `check`, `demo` and `show` print about one exploration. */

import { readFileSync } from 'node:fs';
import pc from 'picocolors';
import {
  explain,
  KEY_BITS,
  type Bug,
  type Explanation,
  type ExploreResult,
  type Program,
  type Verdict,
} from '../explore/index.js';
import { findScenario, record, tokenOfRun, traceExplanationOf } from '../scenario/index.js';
import {
  explanationLines,
  ladder,
  PLAIN,
  TRACE_SCHEMA_VERSION,
  type CheckReport,
  type Palette,
  type ReportedBug,
  type Snapshot,
  type Trace,
  type TraceExplanation,
} from '../trace/index.js';
import { programOfJob, type Job } from './job.js';
import { estimateOf, group } from './progress.js';
import type { Outcome } from './runner.js';

/** The version of the package. */
export const VERSION = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  }
).version;

export interface Look {
  readonly width: number;
  readonly ascii: boolean;
  readonly colour: boolean;
  readonly verbose: boolean;
}

/** Colour is a second signal only: every word says what its colour says. */
export function paletteOf({ colour }: Look): Palette {
  if (!colour) return PLAIN;
  const colours = pc.createColors(true);
  return { bad: colours.red, dim: colours.dim, name: colours.bold };
}

function verdictWord(verdict: Verdict, look: Look): string {
  if (!look.colour) return verdict;
  const colours = pc.createColors(true);
  const paint =
    verdict === 'HOLDS' ? colours.green : verdict === 'VIOLATED' ? colours.red : colours.yellow;
  return colours.bold(paint(verdict));
}

/** The models that a verdict is about, besides the machine's. The abstract RCU goes without saying. */
export function modelOf({ lockref, rcu }: Job): string {
  return `lockref ${lockref}${rcu === 'abstract' ? '' : `, rcu ${rcu}`}`;
}

/** The replay token of a bug. */
export function tokenOf(job: Job, program: Program, bug: Bug): string {
  return tokenOfRun(program, {
    scenario: job.scenario,
    variant: job.variant,
    lockref: job.lockref,
    rcu: job.rcu,
    fs: job.fs,
    reuse: job.reuse,
    failAlloc: job.failAlloc,
    patched: job.patch !== null,
    schedule: bug.schedule,
    ...(bug.cycleFrom === undefined ? {} : { cycleFrom: bug.cycleFrom }),
  });
}

/** An explanation within the time that a reader waits for one. */
export function explainNow(program: Program, bug: Bug): Explanation {
  return explain(program, bug, { now: () => performance.now() / 1000 });
}

/** An explanation as renderers want it. */
export function explanationOf(
  job: Job,
  program: Program,
  explanation: Explanation,
): TraceExplanation {
  return traceExplanationOf(explanation, (bug, schedule) =>
    tokenOf(job, program, { ...bug, schedule }),
  );
}

/** How many of what, by engine. */
export function countOf(result: ExploreResult): string {
  switch (result.engine) {
    case 'dpor': {
      const blocked = result.blocked === 0 ? '' : `, ${group(result.blocked)} blocked`;
      return `${group(result.executions)} interleavings up to equivalence${blocked}`;
    }
    case 'states':
    case 'bounded':
      return `${group(result.states)} states, ${group(result.steps)} steps between them`;
    default:
      return `${group(result.executions)} sampled executions`;
  }
}

/** How sure a search is that it took no two states for one, rounded to the unsafe side. */
export function keysOf(missedStateChance: number): string {
  const exponent = missedStateChance === 0 ? KEY_BITS : Math.floor(-Math.log2(missedStateChance));
  return `states compared by ${KEY_BITS}-bit keys: chance of a missed one at most 2^-${exponent}`;
}

/** The whole report of one check, as text. */
export async function reportOf(
  job: Job,
  result: ExploreResult,
  look: Look,
  { estimate, units }: Pick<Outcome, 'estimate' | 'units'> = { estimate: null, units: null },
): Promise<string> {
  const lines: string[] = [];
  const what = `${job.scenario} @ ${job.variant}${job.patch === null ? '' : ` with ${job.patch}`}`;
  lines.push(`  ${verdictWord(result.verdict, look)}  ${what}`);
  const { title, invariants } = findScenario(job.scenario);
  lines.push(`    ${title}`);
  if (result.verdict === 'VIOLATED') {
    lines.push(...(await counterexampleOf(job, result.bugs, look)));
    return lines.join('\n');
  }
  lines.push(`    ${countOf(result)}, ${result.seconds.toFixed(2)} s`);
  if (result.missedStateChance !== null) lines.push(`    ${keysOf(result.missedStateChance)}`);
  lines.push(
    `    model: sequentially consistent, ${modelOf(job)}, ${job.fs}, memory reuse ${job.reuse}, engine ${result.engine}`,
  );
  if (result.verdict === 'INCOMPLETE') {
    lines.push(`    not a proof: ${result.reason}`);
    if (units !== null) lines.push(`    ${units.done} of ${units.all} units finished`);
    if (estimate !== null) lines.push(`    in all there are ${estimateOf(estimate)}`);
  } else {
    if (invariants.length > 0) lines.push(...wrapList('    checked: ', invariants, look.width));
  }
  if (result.guarantee !== null) lines.push(...wrapText('    ', result.guarantee, look.width));
  if (result.neverTaken.length > 0) {
    lines.push('    branches that no interleaving took:');
    for (const { fn, what: branch } of result.neverTaken) lines.push(`      ${fn} ${branch}`);
  }
  return lines.join('\n');
}

/** The first of some bugs as a ladder with its explanation and its token; the others by title. */
export async function counterexampleOf(
  job: Job,
  bugs: readonly Bug[],
  look: Look,
): Promise<string[]> {
  const [first, ...others] = bugs as [Bug, ...Bug[]];
  const program = await programOfJob(job);
  // A livelock is a cycle: there is no step after which it has happened.
  const explanation = first.kind === 'livelock' ? null : explainNow(program, first);
  const bug = explanation?.bug ?? first;
  const { trace } = record(program, bug.schedule, bug.cycleFrom);
  const drawn = { ...look, palette: paletteOf(look) };
  const lines = [
    `    ${bug.title}`,
    '',
    ladder(trace, drawn),
    '',
    ...(explanation === null
      ? wrapText('  ', bug.detail, look.width)
      : explanationLines(trace, explanationOf(job, program, explanation), drawn)),
  ];
  if (others.length > 0)
    lines.push('', '  also found:', ...others.map((other) => `    ${other.title}`));
  return [...lines, `  show  ${showCommand(job, program, bug)}`];
}

/** What replays a bug. */
export function showCommand(job: Job, program: Program, bug: Bug): string {
  return `dlab show ${tokenOf(job, program, bug)}${job.patch === null ? '' : ` --with ${job.patch}`}`;
}

function wrapText(indent: string, text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)!} ${word}`.trimStart();
    if (indent.length + line.length > width && lines.at(-1) !== '') lines.push(word);
    else lines[lines.length - 1] = line;
  }
  return lines.map((line) => indent + line);
}

function wrapList(head: string, items: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = head;
  for (const [i, item] of items.entries()) {
    const text = i === items.length - 1 ? item : `${item}; `;
    if (line.length + text.trimEnd().length > width) {
      lines.push(line.trimEnd());
      line = ' '.repeat(head.length);
    }
    line += text;
  }
  lines.push(line);
  return lines;
}

/** One check as data, with the trace of the bug that is shown. */
export async function checkReportOf(
  job: Job,
  result: ExploreResult,
): Promise<{ report: CheckReport; snapshots: readonly Snapshot[] }> {
  const program = await programOfJob(job);
  const violations: ReportedBug[] = [];
  let snapshots: readonly Snapshot[] = [];
  for (const [i, found] of result.bugs.entries()) {
    let shown = found;
    let trace: Trace | null = null;
    let explanation: TraceExplanation | null = null;
    if (i === 0) {
      if (found.kind !== 'livelock') {
        const explained = explainNow(program, found);
        shown = explained.bug;
        explanation = explanationOf(job, program, explained);
      }
      ({ trace, snapshots } = record(program, shown.schedule, shown.cycleFrom));
    }
    const { title, kind, steps, switches, minimal } = shown;
    // The trace calls objects by the names that all of its pictures use.
    const inTrace = trace?.findings.find((finding) => finding.title === title);
    const detail = inTrace?.detail ?? shown.detail;
    const token = tokenOf(job, program, shown);
    violations.push({ title, kind, detail, token, steps, switches, minimal, trace, explanation });
  }
  const report = { ...(await jsonOf(job, { ...result, bugs: [] })), violations };
  const [bug] = violations;
  if (bug === undefined) return { report, snapshots };
  const { title, token, steps, switches } = bug;
  const titles = violations.map((violation) => violation.title);
  return { report: { ...report, title, token, steps, switches, titles }, snapshots };
}

/** One check as data, without its traces. */
export async function jsonOf(
  job: Job,
  result: ExploreResult,
): Promise<Omit<CheckReport, 'violations'>> {
  const bug = result.bugs[0];
  // How far a search came before its first bug depends on the number of threads.
  const stoppedAtBug = result.verdict === 'VIOLATED' && !result.complete;
  const whole = <T>(value: T): T | null => (stoppedAtBug ? null : value);
  return {
    schema: TRACE_SCHEMA_VERSION,
    tool: { name: 'dlab', version: VERSION },
    scenario: job.scenario,
    variant: job.variant,
    patch: job.patch,
    lockref: job.lockref,
    rcu: job.rcu,
    fs: job.fs,
    reuse: job.reuse,
    verdict: result.verdict,
    engine: result.engine,
    executions: whole(result.executions),
    blocked: whole(result.blocked),
    states: whole(result.states),
    missedStateChance: whole(result.missedStateChance),
    steps: bug?.steps ?? null,
    switches: bug?.switches ?? null,
    title: bug?.title ?? null,
    token: bug === undefined ? null : tokenOf(job, await programOfJob(job), bug),
    titles: result.bugs.map(({ title }) => title),
    neverTaken: whole(result.neverTaken.map(({ fn, what }) => `${fn} ${what}`)),
    reason: result.reason,
    seconds: Number(result.seconds.toFixed(3)),
  };
}
