/**
 * The segmented callback list of one CPU, as a value: what waits for which grace period.
 *
 * Invariant: callbacks leave in the order in which they came. `done` may be invoked, `wait` waits
 * for the grace period that ends at `wait_seq`, `next_ready` for a later one, and `next` has no
 * number yet. Only segments that are not empty have a number. Mirrors kernel/rcu/rcu_segcblist.c.
 */

import type { List, Struct, Task } from '../../machine/index.js';
import { rcu_seq_done } from './seq.js';

/** What is invoked; may not sleep. */
export type RcuFunction = (k: never, head: Struct) => Task<void>;

/** A callback: the object it belongs to, and what is done to it. */
export type RcuHead = List<Struct | RcuFunction>;

export interface RcuSegcblist {
  readonly done: readonly RcuHead[];
  readonly wait: readonly RcuHead[];
  readonly next_ready: readonly RcuHead[];
  readonly next: readonly RcuHead[];
  readonly wait_seq: number;
  readonly next_ready_seq: number;
}

/** A list with a new callback, which no grace period is assigned to yet. */
export function rcu_segcblist_enqueue(cblist: RcuSegcblist, head: RcuHead): RcuSegcblist {
  return { ...cblist, next: [...cblist.next, head] };
}

/** A list with a callback behind the last one; it waits for that one, and for no grace period. */
export function rcu_segcblist_entrain(cblist: RcuSegcblist, head: RcuHead): RcuSegcblist {
  for (const segment of ['next', 'next_ready', 'wait'] as const) {
    if (cblist[segment].length > 0) return { ...cblist, [segment]: [...cblist[segment], head] };
  }
  return { ...cblist, done: [...cblist.done, head] };
}

/** Move the segments whose grace period has ended to `done`, and the others up. */
export function rcu_segcblist_advance(cblist: RcuSegcblist, seq: number): RcuSegcblist {
  const { done, wait, next_ready, next, wait_seq, next_ready_seq } = cblist;
  if (wait.length > 0 && !rcu_seq_done(seq, wait_seq)) return cblist;
  if (next_ready.length > 0 && !rcu_seq_done(seq, next_ready_seq)) {
    return {
      done: [...done, ...wait],
      wait: next_ready,
      next_ready: [],
      next,
      wait_seq: next_ready_seq,
      next_ready_seq: 0,
    };
  }
  return {
    done: [...done, ...wait, ...next_ready],
    wait: [],
    next_ready: [],
    next,
    wait_seq: 0,
    next_ready_seq: 0,
  };
}

/**
 * Assign the grace period that ends at `seq` to the callbacks that have none, and to those that
 * would wait for it, or longer, anyway.
 */
export function rcu_segcblist_accelerate(cblist: RcuSegcblist, seq: number): RcuSegcblist {
  const { done, wait, next_ready, next, wait_seq, next_ready_seq } = cblist;
  if (wait.length === 0 || rcu_seq_done(wait_seq, seq)) {
    const all = [...wait, ...next_ready, ...next];
    return all.length === 0
      ? cblist
      : { done, wait: all, next_ready: [], next: [], wait_seq: seq, next_ready_seq: 0 };
  }
  if (next_ready.length === 0 || rcu_seq_done(next_ready_seq, seq)) {
    const later = [...next_ready, ...next];
    return later.length === 0
      ? cblist
      : { done, wait, next_ready: later, next: [], wait_seq, next_ready_seq: seq };
  }
  // Both segments wait for earlier grace periods: the newest stay unassigned until one of them ends.
  return cblist;
}

/** A list with those of a CPU that is gone: what was done comes first, the rest starts over. */
export function rcu_segcblist_merge(into: RcuSegcblist, from: RcuSegcblist): RcuSegcblist {
  return {
    ...into,
    done: [...from.done, ...into.done],
    next: [...into.next, ...from.wait, ...from.next_ready, ...from.next],
  };
}

/** Is there any callback on the list? */
export function rcu_segcblist_any({ done, wait, next_ready, next }: RcuSegcblist): boolean {
  return done.length + wait.length + next_ready.length + next.length > 0;
}
