/**
 * Rules: what must hold of a cell whenever somebody writes it, in every run.
 *
 * A rule sees one write, with who makes it and what the writer holds, right after it was made.
 * Invariant: it changes nothing but shadow cells, which are the rule's own memory and which kernel
 * code never sees; so a run with rules takes the same steps as one without.
 */

import type { Cell } from './memory.js';
import type { Body } from './node.js';
import type { Kind } from './op.js';

/** A function that the writer is in, with its arguments. */
export interface CallFrame {
  readonly body: Body;
  readonly args: readonly unknown[];
}

/** One write, as a rule sees it. The object is the machine's own: it is good during the call only. */
export interface Write {
  readonly cell: Cell;
  /** What the cell held before; `cell.value` is what it holds now. */
  readonly old: unknown;
  /** By which kind of operation. */
  readonly kind: Kind;
  /** Can the writer alone reach the object? */
  readonly isPrivate: boolean;
  /** Does the writer hold this spinlock, before a lock is taken and until it is given back? */
  holds(lock: Cell<number>): boolean;
  /** The spinlocks that the writer holds, innermost first. */
  held(): Iterable<Cell>;
  /** The functions that the writer is in, innermost first. */
  frames(): Iterable<CallFrame>;
  /** Write a shadow cell. */
  remember<T>(shadow: Cell<T>, value: T): void;
  /** Say that an invariant is broken. @param name of the invariant @param detail what is wrong */
  broken(name: string, detail: string): void;
}

/** Looks at a write. */
export type Rule = (write: Write) => void;
