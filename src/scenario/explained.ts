/** A bug for reading: its explanation as renderers want it, and its interleaving recorded. */

import type { Bug, Explanation, Schedule } from '../explore/index.js';
import type { TraceExplanation } from '../trace/index.js';

/**
 * An explanation as renderers want it.
 * @param tokenOf the replay token of a schedule; null if there is none
 */
export function traceExplanationOf(
  { bug, doom, noReturn, near, stopped }: Explanation,
  tokenOf: (bug: Bug, schedule: Schedule) => string | null,
): TraceExplanation {
  return {
    minimal: bug.minimal,
    doom: doom.map((point) => point?.share ?? null),
    noReturn,
    near:
      near === null
        ? null
        : {
            pair: near.pair,
            steps: near.steps,
            switches: near.switches,
            every: near.every,
            token: tokenOf(bug, near.schedule),
          },
    stopped,
  };
}
