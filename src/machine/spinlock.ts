/**
 * Spinlocks. A task that finds the lock held waits; holding one turns preemption off, so nothing
 * under it may sleep, and every such region is an RCU reader too.
 *
 * Mirrors include/linux/spinlock.h. Lock classes feed the lock-order check.
 */

import type { Cell } from './memory.js';
import { lock_bit, trylock_bit, unlock_bit } from './op-control.js';
import type { Op } from './op.js';

/** A field that holds a spinlock: declare it with `this.lockCell(name, lockClass)`. */
export type Spinlock = Cell<number>;

/** Acquire; waits while another task holds it. May not sleep, so may be called anywhere. */
export function spin_lock(lock: Spinlock): Op<void> {
  return lock_bit(lock);
}

/** {@link spin_lock} with a lockdep subclass, for a second lock of one class. */
export function spin_lock_nested(lock: Spinlock, subclass: number): Op<void> {
  return lock_bit(lock, subclass);
}

/** A lock in one bit of a word. Whoever is quickest gets it. Source: include/linux/bit_spinlock.h. */
export function bit_spin_lock(lock: Spinlock): Op<void> {
  return lock_bit(lock, 0, 'unfair');
}

/** Release; the caller must hold it. */
export function spin_unlock(lock: Spinlock): Op<void> {
  return unlock_bit(lock);
}

/** Acquire if free; never waits. @returns whether the lock is now held */
export function spin_trylock(lock: Spinlock): Op<boolean> {
  return trylock_bit(lock);
}
