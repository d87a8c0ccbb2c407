/**
 * Operations on memory: loads, stores, read-modify-writes, lists, fences.
 *
 * Each is one access, and its order is the kernel's own word for it. Mirrors rwonce.h, barrier.h,
 * atomic.h, rculist.h.
 */

import type { Cell } from './memory.js';
import { type AtomicStep, FOR_UPDATE, KIND, type Op, type Task, op } from './op.js';
import type { List } from './value.js';

/** A plain load. Two CPUs, one of them writing, make it a data race. */
export function read<T>(cell: Cell<T>): Op<T> {
  return op(KIND.read, cell as Cell<never>, null, null, 'plain');
}

/** A plain store. */
export function write<T>(cell: Cell<T>, value: T): Op<void> {
  return op(KIND.write, cell as Cell<never>, value, null, 'plain');
}

/** Single-copy atomic load, no ordering. Source: include/asm-generic/rwonce.h. */
export function READ_ONCE<T>(cell: Cell<T>): Op<T> {
  return op(KIND.read, cell as Cell<never>, null, null, 'once');
}

/**
 * A load that only a compare-exchange loop on the same cell depends on, which is what lets the two
 * be one step. Only cmpxchg_loop() can promise that, see update.ts.
 */
export function load_for_update<T>(cell: Cell<T>): Op<T> {
  return op(KIND.read, cell as Cell<never>, FOR_UPDATE, null, 'once');
}

/** Single-copy atomic store, no ordering. Source: include/asm-generic/rwonce.h. */
export function WRITE_ONCE<T>(cell: Cell<T>, value: T): Op<void> {
  return op(KIND.write, cell as Cell<never>, value, null, 'once');
}

/** Load, ordered before everything after it. Source: include/asm-generic/barrier.h. */
export function smp_load_acquire<T>(cell: Cell<T>): Op<T> {
  return op(KIND.read, cell as Cell<never>, null, null, 'acquire');
}

/** Store, ordered after everything before it. Source: include/asm-generic/barrier.h. */
export function smp_store_release<T>(cell: Cell<T>, value: T): Op<void> {
  return op(KIND.write, cell as Cell<never>, value, null, 'release');
}

/** Exchange; answers the old value. Fully ordered. Source: Documentation/atomic_t.txt. */
export function xchg<T>(cell: Cell<T>, value: T): Op<T> {
  return op(KIND.xchg, cell as Cell<never>, value, null, 'full');
}

/**
 * Store `value` if the cell holds `expected`; answers the value found. Success is fully ordered
 * (or as `order` says); a failed exchange is only a load. Source: Documentation/atomic_t.txt.
 */
export function cmpxchg<T>(
  cell: Cell<T>,
  expected: T,
  value: T,
  order: 'full' | 'acquire' | 'release' | 'relaxed' = 'full',
): Op<T> {
  return op(KIND.cmpxchg, cell as Cell<never>, expected, value, order);
}

/** `true` if the exchange was made. See {@link cmpxchg}. */
export function* try_cmpxchg<T>(
  cell: Cell<T>,
  expected: T,
  value: T,
  order: 'full' | 'acquire' | 'release' | 'relaxed' = 'full',
): Task<boolean> {
  return (yield* cmpxchg(cell, expected, value, order)) === expected;
}

/** Add; answers the old value. Fully ordered by default. Source: include/linux/atomic. */
export function atomic_fetch_add(
  cell: Cell<number>,
  amount: number,
  order: 'full' | 'relaxed' = 'full',
): Op<number> {
  return op(KIND.add, cell as Cell<never>, amount, null, order);
}

/**
 * Add a reference. Relaxed. On a pinned count, increments and decrements commute.
 * @returns false if the count was zero. Source: include/linux/refcount.h.
 */
export function refcount_inc(cell: Cell<number>): Op<boolean> {
  return op(KIND.refInc, cell as Cell<never>, null, null, 'relaxed');
}

/** Drop a reference. Release. @returns the number left if that is 0 or less, else 1 */
export function refcount_dec(cell: Cell<number>): Op<number> {
  return op(KIND.refDec, cell as Cell<never>, null, null, 'release');
}

/** Set bits; answers the old value. */
export function atomic_fetch_or(cell: Cell<number>, bits: number): Op<number> {
  return op(KIND.or, cell as Cell<never>, bits, null, 'full');
}

/** Keep only these bits; answers the old value. */
export function atomic_fetch_and(cell: Cell<number>, bits: number): Op<number> {
  return op(KIND.and, cell as Cell<never>, bits, null, 'full');
}

/** Add an item at the head of a list that a lock protects: one plain store in this model. */
export function list_add<T>(cell: Cell<List<T> | null>, item: T): Op<void> {
  return op(KIND.listAdd, cell as Cell<never>, item, null, 'plain');
}

/** Remove an item from a list that a lock protects: one plain store in this model. */
export function list_del<T>(cell: Cell<List<T> | null>, item: T): Op<void> {
  return op(KIND.listDel, cell as Cell<never>, item, null, 'plain');
}

/** {@link list_add} on a list that is walked without the lock. Release. Source: include/linux/rculist.h. */
export function list_add_rcu<T>(cell: Cell<List<T> | null>, item: T): Op<void> {
  return op(KIND.listAdd, cell as Cell<never>, item, null, 'release');
}

/** {@link list_del} from a list that is walked without the lock. Source: include/linux/rculist.h. */
export function list_del_rcu<T>(cell: Cell<List<T> | null>, item: T): Op<void> {
  return op(KIND.listDel, cell as Cell<never>, item, null, 'once');
}

/** A step on several cells at once, for bookkeeping that real hardware does not have. */
export function atomic_step<T>(step: AtomicStep<T>): Op<T> {
  return op(KIND.atomic, null, step, null, 'full');
}

/** smp_mb, smp_rmb, smp_wmb: recorded; they order nothing more under sequential consistency. */
export function smp_mb(): Op<void> {
  return op(KIND.fence, null, 'smp_mb', null, 'full');
}
/** See {@link smp_mb}. */
export function smp_rmb(): Op<void> {
  return op(KIND.fence, null, 'smp_rmb', null, 'full');
}
/** See {@link smp_mb}. */
export function smp_wmb(): Op<void> {
  return op(KIND.fence, null, 'smp_wmb', null, 'full');
}
