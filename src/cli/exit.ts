/** Exit codes: a stable part of the command line. */

import type { Verdict } from '../explore/index.js';

export const EXIT = {
  HOLDS: 0,
  VIOLATED: 1,
  usage: 2,
  INCOMPLETE: 3,
  DIVERGED: 4,
  VACUOUS: 5,
  internal: 70,
  interrupted: 130,
} as const;

/** Worst first: what a run over several scenarios answers. */
const ORDER: readonly Verdict[] = ['VIOLATED', 'DIVERGED', 'INCOMPLETE', 'VACUOUS', 'HOLDS'];

/** The exit code of several verdicts. */
export function exitCodeOf(verdicts: readonly Verdict[]): number {
  return EXIT[ORDER.find((verdict) => verdicts.includes(verdict)) ?? 'HOLDS'];
}

/** A mistake in how dlab was called. The message ends with what helps. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}
