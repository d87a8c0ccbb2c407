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
  lockdep_assert_held,
  might_sleep,
  MisuseError,
  READ_ONCE,
  section_actors,
  section_await,
  section_enter,
  section_exit,
  section_snapshot,
  smp_store_release,
  spawn,
  type Cell,
  type Machine,
  type Section,
  type SectionToken,
  type Struct,
  type Task,
} from '../machine/index.js';

/**
 * How RCU is modelled. `abstract`: a grace period is an actor, with the fewest interleavings. `tree`:
 * by the machinery of Tree RCU, with sequence numbers, quiescent states and callback lists; tasks stay
 * on their CPU, so its callbacks are invoked in order. `fifo`: as `abstract`, and in that order.
 */
export type RcuLevel = (typeof RCU_LEVELS)[number];

/** The levels of detail, the default first. */
export const RCU_LEVELS = ['abstract', 'fifo', 'tree'] as const;

/** The most CPUs that `fifo` and `tree` have. */
export const NR_CPUS = 8;

/** The number of CPUs. @throws MisuseError if that is more than there can be */
export function cpus_of(machine: Machine): number {
  if (machine.cpus > NR_CPUS) {
    throw new MisuseError(
      `this level of RCU has ${NR_CPUS} CPUs, and there are ${machine.cpus} tasks: use the level ` +
        'abstract, or fewer tasks',
    );
  }
  return machine.cpus;
}

/** What RCU needs of a kernel. */
export interface RcuKernel {
  readonly rcu: Section;
}

/** What runs after the grace period; may not sleep. */
export type RcuCallback<S extends Struct> = (k: never, head: S) => Task<void>;

/** Declare RCU's read-side section on a machine. */
export function rcu_section(machine: Machine): Section {
  return machine.section({ name: 'RCU', impliedBySpinlock: true, atomic: true });
}

/** Enter a reader. Nests, never waits. Source: include/linux/rcupdate.h. */
export function* rcu_read_lock(k: RcuKernel): Task<void> {
  yield* section_enter(k.rcu);
}

/** Leave a reader. Source: include/linux/rcupdate.h. */
export function* rcu_read_unlock(k: RcuKernel): Task<void> {
  yield* section_exit(k.rcu);
}

/** Load a protected pointer; must be called inside a reader. Source: include/linux/rcupdate.h. */
export function* rcu_dereference<T>(k: RcuKernel, cell: Cell<T>): Task<T> {
  yield* assert_in_section(k.rcu, `rcu_dereference(${cell.name})`);
  return yield* READ_ONCE(cell);
}

/**
 * Load a protected pointer, inside a reader or with the lock held that excludes its freeing.
 * Source: include/linux/rcupdate.h.
 */
export function* rcu_dereference_check<T>(
  k: RcuKernel,
  cell: Cell<T>,
  lock: Cell<number>,
): Task<T> {
  yield* assert_in_section(k.rcu, `rcu_dereference_check(${cell.name})`, lock);
  return yield* READ_ONCE(cell);
}

/**
 * The caller's contract: this runs inside a reader. What WARN_ON(!rcu_read_lock_held()) asks; the
 * question alone is not here, since without lockdep its answer is always yes. Source:
 * include/linux/rcupdate.h.
 */
export function* lockdep_assert_in_rcu_read_lock(k: RcuKernel): Task<void> {
  yield* assert_in_section(k.rcu, 'lockdep_assert_in_rcu_read_lock()');
}

/** Load a pointer whose target stays: the lock that excludes its freeing is held. */
export function* rcu_dereference_protected<T>(
  _k: RcuKernel,
  cell: Cell<T>,
  lock: Cell<number>,
): Task<T> {
  yield* lockdep_assert_held(lock);
  return yield* READ_ONCE(cell);
}

/** Load a pointer only to look at its value; needs no reader. Source: include/linux/rcupdate.h. */
export function* rcu_access_pointer<T>(_k: RcuKernel, cell: Cell<T>): Task<T> {
  return yield* READ_ONCE(cell);
}

/** Publish a pointer: everything stored before is visible to who finds it. */
export function* rcu_assign_pointer<T>(cell: Cell<T>, value: T): Task<void> {
  yield* smp_store_release(cell, value);
}

/** What the actors of callbacks are called. */
export const CALLBACK = 'rcu';

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
export function* call_rcu(k: RcuKernel, head: Struct, callback: RcuCallback<Struct>): Task<void> {
  const token = yield* section_snapshot(k.rcu);
  yield* spawn({ name: CALLBACK, actor: true, head }, rcu_callback, k, token, head, callback);
}

/** Wait for a grace period. Sleeps; inside a reader it would wait for itself. */
export function* synchronize_rcu(k: RcuKernel): Task<void> {
  yield* might_sleep('synchronize_rcu');
  const token = yield* section_snapshot(k.rcu);
  yield* section_await(k.rcu, token);
}

/** A grace period in a hurry: what it waits for is the same. Sleeps. Source: kernel/rcu/tree_exp.h. */
export function* synchronize_rcu_expedited(k: RcuKernel): Task<void> {
  yield* might_sleep('synchronize_rcu_expedited');
  const token = yield* section_snapshot(k.rcu);
  yield* section_await(k.rcu, token);
}

/**
 * Wait until every callback queued so far has run. Sleeps. It does not wait for a grace period if
 * nothing is queued, nor for callbacks queued by those callbacks, nor for kfree_rcu. Source: kernel/rcu/tree.c.
 */
export function* rcu_barrier(k: RcuKernel): Task<void> {
  yield* might_sleep('rcu_barrier');
  for (const actor of yield* section_actors(k.rcu)) {
    if (actor.name === CALLBACK) yield* join(actor);
  }
}
