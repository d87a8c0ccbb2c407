/**
 * Sequence counters: readers notice that a writer was there, and retry.
 *
 * Invariant: odd while a write section is open. Writers exclude each other by a lock of their own.
 * Mirrors include/linux/seqlock.h.
 */

import type { Cell } from './memory.js';
import { READ_ONCE, smp_rmb, smp_wmb, WRITE_ONCE } from './op-memory.js';
import { await_until } from './op-control.js';
import type { Task } from './op.js';

/** A sequence counter: even at rest, odd while a writer is at work. */
export type Seqcount = Cell<number>;

/** Open a write section; the caller holds the lock that goes with the counter. */
export function* raw_write_seqcount_begin(seq: Seqcount): Task<void> {
  yield* WRITE_ONCE(seq, (yield* READ_ONCE(seq)) + 1);
  yield* smp_wmb();
}

/** Close a write section. */
export function* raw_write_seqcount_end(seq: Seqcount): Task<void> {
  yield* smp_wmb();
  yield* WRITE_ONCE(seq, (yield* READ_ONCE(seq)) + 1);
}

/** Make every sampled value stale without ever being odd. */
export function* write_seqcount_invalidate(seq: Seqcount): Task<void> {
  yield* smp_wmb();
  yield* WRITE_ONCE(seq, (yield* READ_ONCE(seq)) + 2);
}

/** Sample the counter; waits while a write section is open. */
export function* read_seqcount_begin(seq: Seqcount): Task<number> {
  const value = yield* await_until(seq, (now) => (now & 1) === 0);
  yield* smp_rmb();
  return value;
}

/** Sample without waiting: a value that an open write section makes fail later. */
export function* raw_seqcount_begin(seq: Seqcount): Task<number> {
  const value = yield* READ_ONCE(seq);
  yield* smp_rmb();
  return value & ~1;
}

/** Was there a writer since the sample? */
export function* read_seqcount_retry(seq: Seqcount, sample: number): Task<boolean> {
  yield* smp_rmb();
  return (yield* READ_ONCE(seq)) !== sample;
}
