/**
 * Numbers that are handed out in batches, in circles, or by trying.
 *
 * Each rule says when a number may come back: never (cookies), after a wrap (get_next_ino, process
 * numbers), or when no inode in the hash has it (iunique). Mirrors fs/inode.c, include/linux/cookie.h
 * and lib/idr.c. Where a number is taken per CPU, the caller names the CPU.
 */

import {
  atomic_fetch_add,
  atomic_step,
  branch,
  cover,
  E,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Branch,
  type Cell,
  type Spinlock,
  type Task,
} from '../machine/index.js';
import type { VfsKernel } from './kernel.js';
import type { SuperBlock } from './super.js';

const TWO_32 = 2 ** 32;
const LAST_INO_BATCH = 1024;
const COOKIE_BATCH = 4096;

const SKIPS_ZERO = branch('get_next_ino', 'skips zero after a wrap');
const TAKEN = branch('iunique', 'passes by a number that an inode has');

/** Branches of this file, for coverage reports. */
export const NUMBER_BRANCHES: readonly Branch[] = [SKIPS_ZERO, TAKEN];

/** A counter that CPUs take batches from, and what is left to each of them. */
export class BatchedNumbers extends Struct {
  readonly shared: Cell<number>;
  /** The last number of each CPU. */
  readonly last: readonly Cell<number>[];

  /** @param start where the shared counter begins @param cpus how many CPUs there are */
  constructor(kind: string, start: number, cpus: number) {
    super(kind);
    this.shared = this.cell('shared', start);
    this.last = Array.from({ length: cpus }, (_, cpu) => this.cell(`last[${cpu}]`, start));
  }
}

/**
 * An inode number for filesystems without numbers of their own: 32 bits, not zero, wraps; so it
 * may be in use. Entry: preemption off on `cpu`. Never sleeps. Source: fs/inode.c.
 */
export function* get_next_ino(_k: VfsKernel, numbers: BatchedNumbers, cpu: number): Task<number> {
  let ino = yield* READ_ONCE(numbers.last[cpu]);
  if (ino % LAST_INO_BATCH === 0) {
    ino = (yield* atomic_fetch_add(numbers.shared, LAST_INO_BATCH)) % TWO_32;
  }
  ino = (ino + 1) % TWO_32;
  if (ino === 0) {
    yield* cover(SKIPS_ZERO);
    ino = 1;
  }
  yield* WRITE_ONCE(numbers.last[cpu], ino);
  return ino;
}

/**
 * A number that never comes back, taken from the CPU's batch: not in order between CPUs. The first
 * one is 1. Entry: preemption off on `cpu`. Never sleeps. Source: include/linux/cookie.h.
 */
export function* gen_cookie_next(
  _k: VfsKernel,
  numbers: BatchedNumbers,
  cpu: number,
): Task<number> {
  let last = yield* READ_ONCE(numbers.last[cpu]);
  if (last % COOKIE_BATCH === 0) last = yield* atomic_fetch_add(numbers.shared, COOKIE_BATCH);
  yield* WRITE_ONCE(numbers.last[cpu], last + 1);
  return last + 1;
}

/** The counter of {@link iunique}, with its lock. */
export class UniqueNumbers extends Struct {
  readonly iunique_lock: Spinlock = this.lockCell('iunique_lock', 'iunique_lock');
  readonly counter = this.cell('counter', 0);

  constructor() {
    super('iunique');
  }
}

/**
 * A number above `max_reserved` that no inode of the super block has in the hash. Enters RCU;
 * never sleeps. Source: fs/inode.c.
 */
export function* iunique(
  k: VfsKernel,
  numbers: UniqueNumbers,
  sb: SuperBlock,
  max_reserved: number,
): Task<number> {
  yield* k.rcu_read_lock();
  yield* spin_lock(numbers.iunique_lock);
  let ino: number;
  for (;;) {
    const counter = yield* READ_ONCE(numbers.counter);
    ino = counter <= max_reserved ? max_reserved + 1 : counter;
    yield* WRITE_ONCE(numbers.counter, (ino + 1) % TWO_32);
    if (yield* k.test_inode_iunique(sb, ino)) break;
    yield* cover(TAKEN);
  }
  yield* spin_unlock(numbers.iunique_lock);
  yield* k.rcu_read_unlock();
  return ino;
}

/** Has no inode in the hash this number? Inside RCU; never sleeps. Source: fs/inode.c. */
export function* test_inode_iunique(k: VfsKernel, sb: SuperBlock, ino: number): Task<boolean> {
  for (const inode of (yield* k.rcu_dereference(k.inode_hashtable.bucket(ino))) ?? []) {
    if (inode.i_sb === sb && (yield* READ_ONCE(inode.i_ino)) === ino) return false;
  }
  return true;
}

/** Process numbers: after the highest one handed out, and from `first` again after a wrap. */
export class CyclicNumbers extends Struct {
  /** Where numbers begin after a wrap. */
  readonly first: number;
  /** One more than the highest number. */
  readonly end: number;
  readonly next: Cell<number>;
  /** Bit i: is number i in use? */
  readonly used = this.cell('used', 0);

  constructor(start: number, first: number, end: number) {
    super('idr');
    this.first = first;
    this.end = end;
    this.next = this.cell('next', start);
  }
}

/**
 * The next free number, in circles. Takes the allocator's own lock: one step here.
 * @returns the number, or -ENOSPC. Source: lib/idr.c, as kernel/pid.c calls it.
 */
export function* idr_alloc_cyclic(_k: VfsKernel, idr: CyclicNumbers): Task<number> {
  const { first, end, next, used } = idr;
  return yield* atomic_step({
    label: 'idr_alloc_cyclic',
    reads: [],
    writes: [next as Cell, used as Cell],
    run: (set) => {
      const isFree = (id: number): boolean => (used.value & (1 << id)) === 0;
      let found = next.value;
      while (found < end && !isFree(found)) found += 1;
      if (found >= end) for (found = first; found < end && !isFree(found); found += 1);
      if (found >= end) return -E.ENOSPC;
      set(used, used.value | (1 << found));
      set(next, found + 1);
      return found;
    },
  });
}

/** Give a number back: it comes again after a wrap. One step. Source: lib/idr.c. */
export function* idr_remove(_k: VfsKernel, idr: CyclicNumbers, id: number): Task<void> {
  yield* atomic_step({
    label: 'idr_remove',
    reads: [],
    writes: [idr.used as Cell],
    run: (set) => set(idr.used, idr.used.value & ~(1 << id)),
  });
}
