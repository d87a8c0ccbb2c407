/**
 * Sequence locks: a sequence counter with the spinlock of its writers.
 *
 * Invariant: the counter is odd exactly while a writer is inside. Who holds the lock without
 * writing keeps writers away and disturbs no reader. Mirrors include/linux/seqlock.h.
 */

import { Struct } from './memory.js';
import type { Task } from './op.js';
import {
  raw_write_seqcount_begin,
  raw_write_seqcount_end,
  read_seqcount_begin,
  read_seqcount_retry,
} from './seqcount.js';
import { spin_lock, spin_unlock } from './spinlock.js';

export class Seqlock extends Struct {
  readonly lock;
  readonly seqcount = this.cell('seqcount', 0);

  /** @param lockClass name in lock-order reports: `rename_lock` */
  constructor(lockClass: string) {
    super('seqlock');
    this.lock = this.lockCell('lock', lockClass);
  }
}

/** Sample the counter; waits while a writer is inside. */
export function* read_seqbegin(sl: Seqlock): Task<number> {
  return yield* read_seqcount_begin(sl.seqcount);
}

/** Was there a writer since the sample? */
export function* read_seqretry(sl: Seqlock, sample: number): Task<boolean> {
  return yield* read_seqcount_retry(sl.seqcount, sample);
}

/** Enter as the writer; spins, never sleeps. */
export function* write_seqlock(sl: Seqlock): Task<void> {
  yield* spin_lock(sl.lock);
  yield* raw_write_seqcount_begin(sl.seqcount);
}

/** Leave as the writer. */
export function* write_sequnlock(sl: Seqlock): Task<void> {
  yield* raw_write_seqcount_end(sl.seqcount);
  yield* spin_unlock(sl.lock);
}

/**
 * Begin a read: without the lock if `seq` is even, else with it.
 * @returns what to hand to {@link need_seqretry} and {@link done_seqretry}
 */
export function* read_seqbegin_or_lock(sl: Seqlock, seq: number): Task<number> {
  if ((seq & 1) === 0) return yield* read_seqbegin(sl);
  yield* spin_lock(sl.lock);
  return seq;
}

/** Must the read be done again? Never, with the lock held. */
export function* need_seqretry(sl: Seqlock, seq: number): Task<boolean> {
  return (seq & 1) === 0 && (yield* read_seqretry(sl, seq));
}

/** End a read that {@link read_seqbegin_or_lock} began. */
export function* done_seqretry(sl: Seqlock, seq: number): Task<void> {
  if ((seq & 1) === 1) yield* spin_unlock(sl.lock);
}
