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
  /** What there was to say could not be written; 74 as in sysexits.h. */
  output: 74,
  interrupted: 130,
  /** By SIGTERM or SIGHUP. */
  terminated: 143,
} as const;

/** Worst first: what a run over several scenarios answers. */
const ORDER: readonly Verdict[] = ['VIOLATED', 'DIVERGED', 'INCOMPLETE', 'VACUOUS', 'HOLDS'];

/** The exit code of several verdicts. */
export function exitCodeOf(verdicts: readonly Verdict[]): number {
  return EXIT[ORDER.find((verdict) => verdicts.includes(verdict)) ?? 'HOLDS'];
}

/** A mistake in how dlab was called. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
  /** The command that helps; null for the help of the verb that was called. */
  readonly help: string | null;

  constructor(message: string, help: string | null = null) {
    super(message);
    this.help = help;
  }
}
