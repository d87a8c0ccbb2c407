/**
 * Livelocks of the kernel's history in miniature, each with its fix: B19, B22 and B27 of the list
 * of races. Own code under the kernel's names; only what goes round is modelled.
 */

import {
  AGAIN,
  await_until,
  bit_spin_lock,
  READ_ONCE,
  retry,
  smp_load_acquire,
  spin_lock,
  spin_trylock,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Task,
} from '../../src/machine/index.js';
import type { Program } from '../../src/explore/index.js';
import { program } from './programs.js';

type Round = typeof AGAIN | 'done';

class Family extends Struct {
  readonly parent = this.lockCell('parent.d_lock', 'd_lock/parent');
  readonly child = this.lockCell('child.d_lock', 'd_lock/child');
  readonly childOnShrinkList = this.cell('child.on_shrink_list', true);
  readonly childGone = this.cell('child.gone', false);
  /** One processor that real-time tasks do not share. */
  readonly cpu = this.lockCell('cpu', 'cpu');
  readonly dying = this.cell('child.dying', true);
  readonly completed = this.cell('child.completed', false);

  constructor() {
    super('family');
  }
}

// ---- B19: a shrinker that tries the parent's lock against a walk that takes it ------------------

function* shrink_dentry_list(f: Family): Task<void> {
  yield* retry(shrink_round, f);
}

function* shrink_round(f: Family): Task<Round> {
  yield* spin_lock(f.child);
  // Against the lock order, so it can only be tried.
  if (!(yield* spin_trylock(f.parent))) {
    yield* spin_unlock(f.child);
    return AGAIN;
  }
  yield* kill_child(f);
  return 'done';
}

function* kill_child(f: Family): Task<void> {
  yield* WRITE_ONCE(f.childGone, true);
  yield* WRITE_ONCE(f.childOnShrinkList, false);
  yield* spin_unlock(f.child);
  yield* spin_unlock(f.parent);
}

/** The fix: drop the child and take the locks from the top, waiting for each. */
function* shrink_dentry_list_fixed(f: Family): Task<void> {
  yield* spin_lock(f.child);
  if (!(yield* spin_trylock(f.parent))) {
    yield* spin_unlock(f.child);
    yield* spin_lock(f.parent);
    yield* spin_lock(f.child);
  }
  yield* kill_child(f);
}

function* shrink_dcache_parent(f: Family): Task<void> {
  yield* retry(walk_round, f);
}

function* walk_round(f: Family): Task<Round> {
  yield* spin_lock(f.parent);
  yield* spin_lock(f.child);
  const found = !(yield* READ_ONCE(f.childGone));
  yield* spin_unlock(f.child);
  yield* spin_unlock(f.parent);
  // It is on somebody's list: nothing to do but to look again.
  return found ? AGAIN : 'done';
}

// ---- B22: a walk that counts a dying child as found, on the processor that the killer needs -----

/** __dentry_kill, asleep in iput. */
function* __dentry_kill(f: Family): Task<void> {
  yield* spin_lock(f.cpu);
  yield* spin_lock(f.parent);
  yield* WRITE_ONCE(f.childGone, true);
  yield* spin_unlock(f.parent);
  yield* WRITE_ONCE(f.completed, true);
  yield* spin_unlock(f.cpu);
}

function* rescan(f: Family): Task<void> {
  yield* spin_lock(f.cpu);
  yield* retry(rescan_round, f);
  yield* spin_unlock(f.cpu);
}

function* rescan_round(f: Family): Task<Round> {
  yield* spin_lock(f.parent);
  const gone = yield* READ_ONCE(f.childGone);
  yield* spin_unlock(f.parent);
  return gone ? 'done' : AGAIN;
}

/** The fix: sleep, off the processor, until the killer completes the child. */
function* rescan_fixed(f: Family): Task<void> {
  yield* spin_lock(f.cpu);
  yield* spin_lock(f.parent);
  const gone = yield* READ_ONCE(f.childGone);
  yield* spin_unlock(f.parent);
  yield* spin_unlock(f.cpu);
  if (!gone) yield* await_until(f.completed, (completed) => completed);
}

// ---- B27: a look-up that takes the bucket's bit lock while the directory's sequence is odd ------

class Directory extends Struct {
  readonly i_dir_seq = this.cell('i_dir_seq', 0);
  readonly bucket = this.lockCell('in_lookup_bucket', 'in_lookup_bucket');

  constructor() {
    super('dir');
  }
}

function* __d_add(dir: Directory): Task<void> {
  yield* WRITE_ONCE(dir.i_dir_seq, 1);
  yield* bit_spin_lock(dir.bucket);
  yield* spin_unlock(dir.bucket);
  yield* WRITE_ONCE(dir.i_dir_seq, 2);
}

function* d_alloc_parallel(dir: Directory): Task<void> {
  yield* retry(lookup_round, dir);
}

function* lookup_round(dir: Directory): Task<Round> {
  const seq = (yield* smp_load_acquire(dir.i_dir_seq)) & ~1;
  yield* bit_spin_lock(dir.bucket);
  const same = (yield* READ_ONCE(dir.i_dir_seq)) === seq;
  yield* spin_unlock(dir.bucket);
  return same ? 'done' : AGAIN;
}

function* d_alloc_parallel_fixed(dir: Directory): Task<void> {
  yield* retry(lookup_round_fixed, dir);
}

function* lookup_round_fixed(dir: Directory): Task<Round> {
  const seq = yield* smp_load_acquire(dir.i_dir_seq);
  // The fix: the bucket is left alone while somebody is adding.
  if ((seq & 1) === 1) return AGAIN;
  yield* bit_spin_lock(dir.bucket);
  const same = (yield* READ_ONCE(dir.i_dir_seq)) === seq;
  yield* spin_unlock(dir.bucket);
  return same ? 'done' : AGAIN;
}

function two<S extends Struct>(
  name: string,
  shared: () => S,
  a: (s: S) => Task<void>,
  b: (s: S) => Task<void>,
): Program {
  return program(name, (machine) => {
    const s = machine.global(shared(), 's');
    machine.addTask({ name: a.name }, () => a(s));
    machine.addTask({ name: b.name }, () => b(s));
  });
}

const family = (
  name: string,
  a: (f: Family) => Task<void>,
  b: (f: Family) => Task<void>,
): Program => two(name, () => new Family(), a, b);

export const B19 = {
  buggy: family('B19', shrink_dentry_list, shrink_dcache_parent),
  fixed: family('B19 fixed', shrink_dentry_list_fixed, shrink_dcache_parent),
};
export const B22 = {
  buggy: family('B22', __dentry_kill, rescan),
  fixed: family('B22 fixed', __dentry_kill, rescan_fixed),
};
export const B27 = {
  buggy: two('B27', () => new Directory(), __d_add, d_alloc_parallel),
  fixed: two('B27 fixed', () => new Directory(), __d_add, d_alloc_parallel_fixed),
};
