/**
 * What a patch changed: both sides of every scenario that it touches, side by side.
 *
 * Invariant: only what was explored to its end on both sides is said to have gained or lost a branch
 * or a retry; a violation ends its exploration, so nothing is said about the rest.
 */

import type { Verdict } from '../../explore/index.js';
import { EXIT, exitCodeOf } from '../exit.js';
import type { Job } from '../job.js';
import type { Side } from './side.js';

/** One scenario, without the patch and with it. */
export interface Pair {
  /** Of the side with the patch. */
  readonly job: Job;
  readonly before: Side;
  readonly after: Side;
}

export const CHANGES = [
  'newly violated',
  'violated in another way',
  'still violated',
  'newly proved',
  'INCOMPLETE',
  'VACUOUS',
  'still holds',
] as const;

export type Change = (typeof CHANGES)[number];

/** What became of one scenario. */
export function changeOf({ before, after }: Pair): Change {
  switch (after.verdict) {
    case 'VIOLATED':
      if (before.verdict !== 'VIOLATED') return 'newly violated';
      return before.bug?.title === after.bug?.title ? 'still violated' : 'violated in another way';
    case 'HOLDS':
      return before.verdict === 'HOLDS' ? 'still holds' : 'newly proved';
    case 'VACUOUS':
      return 'VACUOUS';
    default:
      return 'INCOMPLETE';
  }
}

/** The pair with the shortest counterexample to what held before; null if nothing got worse. */
export function worst(pairs: readonly Pair[]): Pair | null {
  const newly = pairs.filter((pair) => changeOf(pair) === 'newly violated');
  const sizeOf = ({ after: { bug } }: Pair): number => bug!.switches * 1e6 + bug!.steps;
  return newly.sort((a, b) => sizeOf(a) - sizeOf(b))[0] ?? null;
}

/** Branches that some interleaving takes on one side only. */
export function branchesOf(pairs: readonly Pair[]): { gained: string[]; lost: string[] } {
  const whole = wholeOf(pairs);
  const before = new Set(whole.flatMap((pair) => pair.before.taken));
  const after = new Set(whole.flatMap((pair) => pair.after.taken));
  return {
    gained: [...after].filter((branch) => !before.has(branch)),
    lost: [...before].filter((branch) => !after.has(branch)),
  };
}

/** How often a call of a function tries again, at most, on each side; Infinity for no bound. */
export interface Retries {
  readonly fn: string;
  readonly before: number | null;
  readonly after: number | null;
}

/** Of the replaced functions, and of those where it changed. */
export function retriesOf(pairs: readonly Pair[], replaced: readonly string[]): Retries[] {
  const whole = wholeOf(pairs).filter(
    ({ before, after }) => before.retries.length > 0 && after.retries.length > 0,
  );
  const most = (side: 'before' | 'after', fn: string): number | null => {
    const all = whole.flatMap((pair) => pair[side].retries.filter((bound) => bound.fn === fn));
    return all.length === 0
      ? null
      : Math.max(...all.map((bound) => bound.most ?? Number.POSITIVE_INFINITY));
  };
  const names = whole.flatMap(({ before, after }) =>
    [...before.retries, ...after.retries].map(({ fn }) => fn),
  );
  return [...new Set(names)]
    .sort()
    .map((fn) => ({ fn, before: most('before', fn), after: most('after', fn) }))
    .filter(({ fn, before, after }) => replaced.includes(fn) || before !== after);
}

/** Explored to their end on both sides. */
function wholeOf(pairs: readonly Pair[]): Pair[] {
  return pairs.filter(({ before, after }) => [before, after].every(isWhole));
}

/** How many scenarios branches and retries are told of. */
export function wholeCount(pairs: readonly Pair[]): number {
  return wholeOf(pairs).length;
}

function isWhole({ verdict }: Side): boolean {
  return verdict === 'HOLDS' || verdict === 'VACUOUS';
}

/**
 * The exit code: what got worse, else what is not known, else 0.
 * @param unseen scenarios of which it is not known whether they call the patch
 */
export function exitOf(pairs: readonly Pair[], unseen: number): number {
  // Nothing calls the patch: nothing was put to the test.
  if (pairs.length === 0) return unseen > 0 ? EXIT.INCOMPLETE : EXIT.VACUOUS;
  const verdicts = pairs.map((pair): Verdict => {
    const change = changeOf(pair);
    if (change === 'newly violated') return 'VIOLATED';
    return change === 'INCOMPLETE' || change === 'VACUOUS' ? change : 'HOLDS';
  });
  return exitCodeOf(unseen > 0 ? [...verdicts, 'INCOMPLETE'] : verdicts);
}
