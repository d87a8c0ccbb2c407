/**
 * The kernel's own tests of pidfs and nsfs: what each of them asserts, as a program here, or why it
 * is beyond what is simulated. docs/conformance.md is made from what came of running these.
 */

import type { Process } from 'dentrylab/fs';

/** A test of the kernel: a program, or the reason why there is none. */
export type Case = ((init: Process) => void) | string;

/** The tests of one file of tools/testing/selftests, by name. */
export interface Suite {
  readonly file: string;
  readonly cases: Readonly<Record<string, Case>>;
}
