/**
 * Reports: what the machine's sanitizers find. Data, never exceptions.
 *
 * A finding is made where it happens and gets its title, which names the kernel function, only
 * when somebody wants to read it: finding out the function costs a replay of the task.
 */

import type { Cell } from './memory.js';

/** Which sanitizer speaks. */
export type FindingKind =
  | 'KASAN'
  | 'KCSAN'
  | 'lockdep'
  | 'atomic-sleep'
  | 'RCU'
  | 'WARN'
  | 'oops'
  | 'deadlock'
  | 'leak'
  | 'invariant'
  | 'livelock';

/** A finding that depends on one task's history only. */
export interface LocalFinding {
  readonly kind: FindingKind;
  /** Title with `%f` where the kernel function belongs. */
  readonly title: string;
  readonly detail: string;
  /** Of a lock order: the node where the other order was seen first, in whatever interleaving. */
  readonly first?: unknown;
}

/** A place in a task's run. */
export interface Place {
  /** Task number. */
  readonly task: number;
  /** Node of the task's tree: the operation that was about to run. */
  readonly node: unknown;
}

export interface Finding extends LocalFinding {
  /** The step's own place; null for findings about the whole machine. */
  readonly place: Place | null;
  /** The other side of a race: replaces `%g` in the title. */
  readonly other: Place | null;
  readonly cell: Cell | null;
}
