/** What `dlab patch` prints: what changed first, what stayed the same last. */

import { programOfJob } from '../job.js';
import { counterexampleOf, showCommand, type Look } from '../report.js';
import { group } from '../progress.js';
import {
  branchesOf,
  changeOf,
  CHANGES,
  retriesOf,
  wholeCount,
  worst,
  type Change,
  type Pair,
} from './compare.js';
import type { Side } from './side.js';

/** Everything that was looked at. */
export interface Comparison {
  readonly path: string;
  /** Names of the replaced functions. */
  readonly replaced: readonly string[];
  readonly pairs: readonly Pair[];
  /** Scenarios no run of which calls any of them. */
  readonly untouched: readonly string[];
  /** Scenarios of which that is not known. */
  readonly unseen: readonly string[];
}

/** The whole report. */
export async function comparisonText(comparison: Comparison, look: Look): Promise<string> {
  const { path, replaced, pairs, untouched, unseen } = comparison;
  const all = pairs.length + untouched.length + unseen.length;
  const lines = [
    `  ${path} replaces ${replaced.join(', ')}`,
    `    ${pairs.length} of ${all} scenarios call ${replaced.length === 1 ? 'it' : 'one of them'}`,
  ];
  if (unseen.length > 0) {
    lines.push(
      `    not known of ${unseen.length}, which did not call it within the budget:`,
      ...wrapped(unseen, look.width, '      '),
    );
  }
  if (pairs.length === 0 && unseen.length === 0) {
    lines.push('    so nothing was put to the test. Who calls what: dlab list functions');
  }
  for (const change of CHANGES) lines.push(...(await changeLines(pairs, change, look)));
  lines.push(...coverageLines(pairs, replaced));
  const shown = worst(pairs);
  if (shown !== null) {
    const { job, after } = shown;
    lines.push(
      '',
      `  the shortest of what is newly violated: ${job.scenario} @ ${job.variant}`,
      ...(await counterexampleOf(job, [after.bug!], look)),
    );
  }
  return lines.join('\n');
}

async function changeLines(pairs: readonly Pair[], change: Change, look: Look): Promise<string[]> {
  const those = pairs.filter((pair) => changeOf(pair) === change);
  if (those.length === 0) return [];
  const lines = ['', `  ${change} (${those.length})`];
  if (change === 'still holds') {
    const names = those.map(({ job }) => nameOf(job));
    return [...lines, ...wrapped(names, look.width, '    ')];
  }
  for (const { job, before, after } of those) {
    const was = before.verdict === after.verdict ? '' : `was ${before.verdict}; `;
    lines.push(`    ${nameOf(job)}`, `      ${was}${detailOf(after)}`);
    if (after.bug !== null) {
      lines.push(`      ${showCommand(job, await programOfJob(job), after.bug)}`);
    }
  }
  return lines;
}

/** A scenario, with its variant where that says something. */
function nameOf({ scenario, variant }: Pair['job']): string {
  return `${scenario} @ ${variant}`;
}

function detailOf({ verdict, bug, states, reason }: Side): string {
  if (bug !== null) return `${bug.title} (${bug.steps} steps, ${bug.switches} switches)`;
  if (verdict === 'INCOMPLETE') return `not a proof: ${reason}, after ${group(states)} states`;
  return `${verdict}, ${group(states)} states`;
}

function coverageLines(pairs: readonly Pair[], replaced: readonly string[]): string[] {
  const count = wholeCount(pairs);
  if (count === 0) return [];
  const { gained, lost } = branchesOf(pairs);
  const listed = (what: string, branches: readonly string[]): string[] =>
    branches.length === 0
      ? [`    ${what}: none`]
      : [`    ${what}:`, ...branches.map((branch) => `      ${branch}`)];
  const bound = (most: number | null): string =>
    most === null ? 'not known' : Number.isFinite(most) ? `at most ${most}` : 'without bound';
  const retries = retriesOf(pairs, replaced).map(({ fn, before, after }) =>
    before === after
      ? `    retries of ${fn}: ${bound(before)}, as before`
      : `    retries of ${fn}: ${bound(after)}, before ${bound(before)}`,
  );
  return [
    '',
    `  in the ${count} explored to the end on both sides`,
    ...listed('branches gained', gained),
    ...listed('branches lost', lost),
    ...retries,
  ];
}

function wrapped(items: readonly string[], width: number, indent: string): string[] {
  const lines = [indent];
  for (const [i, item] of items.entries()) {
    const text = i === items.length - 1 ? item : `${item}, `;
    const line = lines.at(-1)!;
    if (line !== indent && line.length + text.trimEnd().length > width) lines.push(indent + text);
    else lines[lines.length - 1] = line + text;
  }
  return lines.map((line) => line.trimEnd());
}

/** The whole report as data. */
export async function comparisonJson(comparison: Comparison, exitCode: number): Promise<object> {
  const { path, replaced, pairs, untouched, unseen } = comparison;
  const sideJson = ({ verdict, states, reason, bug }: Side): object => ({
    verdict,
    states,
    reason,
    title: bug?.title ?? null,
    steps: bug?.steps ?? null,
    switches: bug?.switches ?? null,
  });
  return {
    schema: 1,
    patch: path,
    replaced,
    scenarios: await Promise.all(
      pairs.map(async (pair) => ({
        scenario: pair.job.scenario,
        variant: pair.job.variant,
        change: changeOf(pair),
        before: sideJson(pair.before),
        after: sideJson(pair.after),
        show:
          pair.after.bug === null
            ? null
            : showCommand(pair.job, await programOfJob(pair.job), pair.after.bug),
      })),
    ),
    untouched,
    unseen,
    branches: branchesOf(pairs),
    retries: retriesOf(pairs, replaced).map(({ fn, before, after }) => ({
      fn,
      before: boundOf(before),
      after: boundOf(after),
    })),
    exitCode,
  };
}

/** JSON knows no Infinity. */
function boundOf(most: number | null): number | string | null {
  return most === Number.POSITIVE_INFINITY ? 'unbounded' : most;
}
