/**
 * RCU: readers that never wait, and callbacks that wait for readers.
 *
 * Invariant: a callback runs only after every reader that was inside at its call_rcu() has left;
 * readers that came later do not matter. The grace period is an actor: each callback is a task of
 * its own that may go on at any moment from then on. Regions under a spinlock are readers too.
 * Mirrors include/linux/rcupdate.h and the guarantee of kernel/rcu/tree.c, not its machinery.
 */

import {
  assert_in_section,
  join,
  might_sleep,
  READ_ONCE,
  section_actors,
  section_await,
  section_enter,
  section_exit,
  section_snapshot,
  smp_store_release,
  spawn,
  type Bound,
  type Cell,
  type Machine,
  type Section,
  type SectionToken,
  type Struct,
  type Task,
} from '../machine/index.js';

/** What RCU needs of a kernel. */
export interface RcuKernel {
  readonly rcu: Section;
}

/** The RCU functions as kernel code calls them. */
export type RcuOps = Omit<Bound<typeof rcu_functions>, 'call_rcu' | 'rcu_dereference'> & {
  rcu_dereference<T>(cell: Cell<T>): Task<T>;
  call_rcu<S extends Struct>(head: S, callback: RcuCallback<S>): Task<void>;
};

/** What runs after the grace period; may not sleep. */
export type RcuCallback<S extends Struct> = (k: never, head: S) => Task<void>;

/** Declare RCU's read-side section on a machine. */
export function rcu_section(machine: Machine): Section {
  return machine.section({ name: 'RCU', impliedBySpinlock: true, atomic: true });
}

/** Enter a reader. Nests, never waits. Source: include/linux/rcupdate.h. */
function* rcu_read_lock(k: RcuKernel): Task<void> {
  yield* section_enter(k.rcu);
}

/** Leave a reader. Source: include/linux/rcupdate.h. */
function* rcu_read_unlock(k: RcuKernel): Task<void> {
  yield* section_exit(k.rcu);
}

/** Load a protected pointer; must be called inside a reader. Source: include/linux/rcupdate.h. */
function* rcu_dereference<T>(k: RcuKernel, cell: Cell<T>): Task<T> {
  yield* assert_in_section(k.rcu, `rcu_dereference(${cell.name})`);
  return yield* READ_ONCE(cell);
}

/** Publish a pointer: everything stored before is visible to who finds it. */
export function* rcu_assign_pointer<T>(cell: Cell<T>, value: T): Task<void> {
  yield* smp_store_release(cell, value);
}

function* rcu_callback(
  k: RcuKernel,
  token: SectionToken,
  head: Struct,
  callback: RcuCallback<Struct>,
): Task<void> {
  yield* section_await(k.rcu, token);
  yield* callback(k as never, head);
}

/**
 * Run `callback(head)` after a grace period. Never waits; may be called anywhere.
 * Source: kernel/rcu/tree.c.
 */
function* call_rcu(k: RcuKernel, head: Struct, callback: RcuCallback<Struct>): Task<void> {
  const token = yield* section_snapshot(k.rcu);
  yield* spawn({ name: 'rcu', actor: true }, rcu_callback, k, token, head, callback);
}

/** Wait for a grace period. Sleeps; inside a reader it would wait for itself. */
function* synchronize_rcu(k: RcuKernel): Task<void> {
  yield* might_sleep('synchronize_rcu');
  const token = yield* section_snapshot(k.rcu);
  yield* section_await(k.rcu, token);
}

/**
 * Wait until every callback queued so far has run. Sleeps. It does not wait for a grace period if
 * nothing is queued, nor for callbacks queued by those callbacks. Source: kernel/rcu/tree.c.
 */
function* rcu_barrier(k: RcuKernel): Task<void> {
  yield* might_sleep('rcu_barrier');
  for (const callback of yield* section_actors(k.rcu)) yield* join(callback);
}

export const rcu_functions = {
  rcu_read_lock,
  rcu_read_unlock,
  rcu_dereference,
  call_rcu,
  synchronize_rcu,
  rcu_barrier,
};
