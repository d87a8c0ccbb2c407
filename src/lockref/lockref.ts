/**
 * struct lockref: a spinlock and a reference count in one 64-bit word.
 *
 * Invariant: the count is 0 or more, or -128 for dead, and dead is for ever. One word means that a
 * compare-exchange of the count also proves that nobody held the lock. Mirrors
 * include/linux/lockref.h.
 */

import type { Cell, Task } from '../machine/index.js';

/** The word: count * 2 + lock bit. Declare it with `this.lockCell(name, class, lockref_word(1))`. */
export type Lockref = Cell<number>;

/** Count of a dead lockref. Far below zero, so that a stray increment still reads as dead. */
export const LOCKREF_DEAD = -128;

/** Failed exchanges after which the fast path gives up and takes the lock. */
export const CMPXCHG_BUDGET = 100;

/** The unlocked word with this count. */
export function lockref_word(count: number): number {
  return count * 2;
}

/** The count in a word. */
export function count_of(word: number): number {
  return word >> 1;
}

/** Is the lock in this word held? */
export function is_locked(word: number): boolean {
  return (word & 1) === 1;
}

/** A word with another count and the same lock bit. */
export function with_count(word: number, count: number): number {
  return count * 2 + (word & 1);
}

/**
 * How lockref behaves: `faithful` (operations wait for the lock), `spinlock` (the configuration
 * without a fast path, as with lockdep), or `counter` (an abstraction that looks at the count only;
 * no kernel is like that, but it shows which verdicts depend on waiting).
 */
export type LockrefModel = 'faithful' | 'spinlock' | 'counter';

/** What kernel code calls. None of these sleeps; all may wait for the lock unless said otherwise. */
export interface LockrefOps {
  /** Add a reference; the caller must own one already. */
  lockref_get(lockref: Lockref): Task<void>;
  /** Add a reference unless the count is zero or dead. @returns whether it did */
  lockref_get_not_zero(lockref: Lockref): Task<boolean>;
  /** Add a reference unless dead; zero may come back to life. @returns whether it did */
  lockref_get_not_dead(lockref: Lockref): Task<boolean>;
  /** Drop a reference without ever waiting. @returns the new count, or -1 if that was not possible */
  lockref_put_return(lockref: Lockref): Task<number>;
  /** Drop a reference unless it is the last. @returns whether it did */
  lockref_put_not_zero(lockref: Lockref): Task<boolean>;
  /** Drop a reference, or, if it is the last, return false with the lock held. */
  lockref_put_or_lock(lockref: Lockref): Task<boolean>;
  /**
   * Mark dead; the lock must be held.
   * @returns true; only the counter model may answer false, when somebody took a reference
   *          although the lock is held, and then nothing is marked
   */
  lockref_mark_dead(lockref: Lockref): Task<boolean>;
}
