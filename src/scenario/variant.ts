/**
 * A variant: a kernel in which some functions are others. Variants contain only what differs.
 */

import type { Branch, KernelFunction } from '../machine/index.js';
import type { DentryOperations } from '../dcache/index.js';
import type { Version } from '../vfs/index.js';

/** A kernel in which some functions are others. */
export interface Variant {
  /** As given to `--variant`. */
  readonly name: string;
  /** One line: what it is, or what its author may have thought. */
  readonly summary: string;
  /** Whose dcache it runs on. */
  readonly version: Version;
  readonly functions: Readonly<Record<string, KernelFunction>>;
  readonly d_op?: DentryOperations;
  readonly d_flags?: number;
  /** Names of invariants that it breaks by design: not reported, but what comes of it is. */
  readonly unruled?: readonly string[];
  /** Branches of its own. */
  readonly branches?: readonly Branch[];
}
