/**
 * A failing schedule near one that no longer fits: what is left of a replay token after the code
 * has changed.
 *
 * Tries the schedule as far as it fits, then each single edit of it, nearest first. Invariant: what
 * is returned was run, and its last step, or the end of the run, reports what was looked for.
 */

import type { Finding } from '../machine/index.js';
import type { Limits } from './limits.js';
import { editsOf, LenientRun } from './near.js';
import type { Decision, Program, Schedule } from './program.js';
import { titleOf } from './titles.js';

/**
 * A schedule at most one edit away that fails as wanted; null if the limits allow to find none.
 * @param isWanted whether a report is what is looked for
 */
export function nearbyFailing(
  program: Program,
  schedule: Schedule,
  isWanted: (title: string, finding: Finding) => boolean,
  limits: Limits,
): Decision[] | null {
  const built = program.build({});
  const { machine } = built;
  const run = new LenientRun(built);
  const isBad = (findings: readonly Finding[]): boolean =>
    findings.some((finding) => isWanted(titleOf(machine, finding), finding));
  const edited = editsOf(schedule).map(({ from, middle, to }) => [
    ...schedule.slice(0, from),
    ...schedule.slice(middle, to),
    ...schedule.slice(from, middle),
    ...schedule.slice(to),
  ]);
  for (const guide of [schedule, ...edited]) {
    if (limits.stopped !== null) return null;
    const failing = run.failing(guide, isBad, limits);
    if (failing !== null) return failing;
  }
  return null;
}
