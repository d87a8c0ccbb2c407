/**
 * Operations that wait, call, start tasks, allocate or choose.
 *
 * What may have to wait, or has several outcomes, is a step of its own, so that every order and every
 * outcome is explored.
 */

import type { Cell, Slab, Struct } from './memory.js';
import {
  KIND,
  type Op,
  type Section,
  type SectionToken,
  type SpawnOptions,
  type Task,
  type TaskHandle,
  note,
  op,
} from './op.js';
import type { List } from './value.js';

/**
 * Take the lock in the lowest bit of the cell; waits while it is held. Acquire.
 * @param fairness `fair`: whoever waits gets it if it becomes free again and again, as with queued
 *   spinlocks; `unfair`: others may always be quicker, as with bit spinlocks
 */
export function lock_bit(
  cell: Cell<number>,
  subclass = 0,
  fairness: 'fair' | 'unfair' = 'fair',
): Op<void> {
  return op(KIND.lock, cell as Cell<never>, subclass, fairness, 'acquire');
}

/** Release the lock in the lowest bit of the cell. Release. */
export function unlock_bit(cell: Cell<number>): Op<void> {
  return op(KIND.unlock, cell as Cell<never>, null, null, 'release');
}

/** Take the lock if it is free. Acquire on success; a failed attempt orders nothing. */
export function trylock_bit(cell: Cell<number>): Op<boolean> {
  return op(KIND.trylock, cell as Cell<never>, null, null, 'acquire');
}

/** Sleep or spin until the condition holds for the cell's value; answers that value. */
export function await_until<T>(cell: Cell<T>, condition: (value: T) => boolean): Op<T> {
  return op(KIND.await, cell as Cell<never>, condition, null, 'acquire');
}

/**
 * Sleep until woken: until `isWoken` holds for the cell's value; answers that value.
 * @param condition what the task sleeps for, as kernel code that only looks: if it holds when nobody
 *   can step any more, the wake-up was lost
 */
export function sleep_until<T>(
  cell: Cell<T>,
  isWoken: (value: T) => boolean,
  condition?: () => Task<boolean>,
): Op<T> {
  return op(KIND.await, cell as Cell<never>, isWoken, condition ?? null, 'acquire');
}

/**
 * End of a retry round. The task waits here until something that it read since the last
 * cpu_relax() has changed: a round that would read the same again is never run.
 */
export function cpu_relax(): Op<void> {
  return op(KIND.relax, null, null, null, 'relaxed');
}

/** End of a round of {@link retry}, which alone may say so. */
export function end_of_round(): Op<void> {
  return op(KIND.relax, null, 'round', null, 'relaxed');
}

/** Begin of a round of {@link retry}. */
export function begin_round(): Op<void> {
  return note({ type: 'round' });
}

/** Enter a read-side section. Nests. Never waits. */
export function section_enter(section: Section): Op<void> {
  return op(KIND.sectionEnter, null, section, null, 'relaxed');
}

/** Leave a read-side section. */
export function section_exit(section: Section): Op<void> {
  return op(KIND.sectionExit, null, section, null, 'release');
}

/**
 * Note, in one step, every task that is inside the section, also the caller: a grace period that it
 * asks for inside a section is not over before it has left.
 */
export function section_snapshot(section: Section): Op<SectionToken> {
  return op(KIND.sectionSnapshot, null, section, null, 'full');
}

/**
 * {@link section_snapshot}, apart for each CPU: the tokens in the order of the CPUs' numbers, each of
 * what runs on that CPU and is inside. They are awaited one by one.
 * @param cpus a bit per CPU that is looked at; the tokens of others are empty
 */
export function section_snapshot_per_cpu(section: Section, cpus: number): Op<List<SectionToken>> {
  return op(KIND.sectionSnapshot, null, section, cpus, 'full');
}

/** Wait until everybody in the token has left. Once true it stays true. */
export function section_await(section: Section, token: SectionToken): Op<void> {
  return op(KIND.sectionAwait, null, section, token, 'full');
}

/** Every actor that was started after a snapshot of the section, so that each can be joined. */
export function section_actors(section: Section): Op<List<TaskHandle>> {
  return op(KIND.sectionActors, null, section, null, 'full');
}

/**
 * Call kernel code as a function: once it has returned, its caller depends on what it returned and
 * on what it holds, and on nothing else that it did or saw. That is what makes states equal. So
 * nothing may leave a function but through its result and through cells.
 */
export function call<A extends readonly unknown[], T>(
  body: (...args: A) => Task<T>,
  ...args: A
): Op<T> {
  return op(KIND.call, null, body, args, 'relaxed');
}

/** Start a task. Every object it can reach goes through `args`: the machine shares them. */
export function spawn<A extends readonly unknown[]>(
  options: SpawnOptions,
  body: (...args: A) => Task<unknown>,
  ...args: A
): Op<TaskHandle> {
  return op(KIND.spawn, null, { options, body }, args, 'full');
}

/** Wait until a task has ended. */
export function join(task: TaskHandle): Op<void> {
  return op(KIND.join, null, task, null, 'acquire');
}

/**
 * An object from a slab, private to the caller until its pointer is stored where others look;
 * null if the machine injects a failure here. Does not itself sleep: say `might_sleep()` first
 * where the kernel passes GFP_KERNEL. Source: mm/slub.c.
 */
export function kmem_cache_alloc<S extends Struct, A extends readonly unknown[]>(
  slab: Slab<S, A>,
  ...args: A
): Op<S | null> {
  return op(KIND.alloc, null, slab, args, 'full');
}

/** Give an object back. Any later access is a use after free. Source: mm/slub.c. */
export function kmem_cache_free(object: Struct): Op<void> {
  return op(KIND.free, object.life as Cell<never>, object, null, 'full');
}

/**
 * The number of the CPU that this code runs on: that of the scenario's task which it is, or which
 * started it. A task stays on its CPU. Never a scheduling point. Source: include/linux/smp.h.
 */
export function smp_processor_id(): Op<number> {
  return note({ type: 'this-cpu' }) as Op<unknown> as Op<number>;
}

/** A number from 0 to n-1, every one of which is explored. */
export function choose(n: number): Op<number> {
  return op(KIND.choose, null, n, null, 'full');
}
