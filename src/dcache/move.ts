/**
 * Moving dentries: what a rename does to the tree.
 *
 * Invariant: rename_lock is held for writing; both parents and both dentries are locked, ancestors
 * first; d_seq of both is odd from before the first change until after the last.
 * Mirrors fs/dcache.c.
 */

import {
  branch,
  cover,
  list_add,
  list_del,
  lockdep_assert_held,
  raw_write_seqcount_begin,
  raw_write_seqcount_end,
  read,
  READ_ONCE,
  read_seqbegin,
  read_seqretry,
  spin_lock,
  spin_lock_nested,
  spin_unlock,
  WARN,
  write_seqlock,
  write_sequnlock,
  WRITE_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import { count_of, with_count } from '../lockref/index.js';
import type { DcacheKernel, Dentry } from './dentry.js';
import { DCACHE } from './flags.js';

const WAS_ROOT = branch('__d_move', 'moves the root of a disconnected tree');
const SAME_PARENT = branch('__d_move', 'moves within one directory');
const DOWNWARDS = branch('__d_move', 'moves to below the old parent');
const ELSEWHERE = branch('__d_move', 'moves to another directory');
const IN_LOOKUP = branch('__d_move', 'ends the lookup of its target');
const SWAPS = branch('__d_move', 'exchanges two dentries');
const SUBDIR_LOOPS = branch('is_subdir', 'tries again without rename_lock');
const SUBDIR_AGAIN = branch('is_subdir', 'tries again under rename_lock');

export const MOVE_BRANCHES: readonly Branch[] = [
  WAS_ROOT,
  SAME_PARENT,
  DOWNWARDS,
  ELSEWHERE,
  IN_LOOKUP,
  SWAPS,
  SUBDIR_AGAIN,
  SUBDIR_LOOPS,
];

/**
 * The child of `ancestor` that is `dentry` or above it; null if there is none. Nothing must move:
 * rename_lock, or a reader and a check. Source: fs/dcache.c.
 */
export function* d_ancestor(
  _k: DcacheKernel,
  ancestor: Dentry,
  dentry: Dentry,
): Task<Dentry | null> {
  let child = dentry;
  for (;;) {
    const parent = (yield* READ_ONCE(child.d_parent))!;
    if (parent === child) return null;
    if (parent === ancestor) return child;
    child = parent;
  }
}

/** Is `dentry` at or below `ancestor`? Source: fs/dcache.c, v7.3. */
export function* is_subdir(k: DcacheKernel, dentry: Dentry, ancestor: Dentry): Task<boolean> {
  if (dentry === ancestor) return true;
  yield* k.rcu_read_lock();
  const seq = yield* read_seqbegin(k.rename_lock);
  const quick = yield* k.d_ancestor(ancestor, dentry);
  const stale = yield* read_seqretry(k.rename_lock, seq);
  yield* k.rcu_read_unlock();
  if (!stale) return quick !== null;
  yield* cover(SUBDIR_AGAIN);
  yield* spin_lock(k.rename_lock.lock);
  const child = yield* k.d_ancestor(ancestor, dentry);
  yield* spin_unlock(k.rename_lock.lock);
  return child !== null;
}

/** As {@link is_subdir}, without the lock: again and again. Source: fs/dcache.c, v6.9. */
export function* is_subdir_v6_9(k: DcacheKernel, dentry: Dentry, ancestor: Dentry): Task<boolean> {
  if (dentry === ancestor) return true;
  for (;;) {
    const seq = yield* read_seqbegin(k.rename_lock);
    yield* k.rcu_read_lock();
    const child = yield* k.d_ancestor(ancestor, dentry);
    yield* k.rcu_read_unlock();
    if (!(yield* read_seqretry(k.rename_lock, seq))) return child !== null;
    yield* cover(SUBDIR_LOOPS);
  }
}

/** Put `dentry` in the place of `target`, which leaves the hash. Never sleeps. Source: fs/dcache.c. */
export function* d_move(k: DcacheKernel, dentry: Dentry, target: Dentry): Task<void> {
  yield* write_seqlock(k.rename_lock);
  yield* k.__d_move(dentry, target, false);
  yield* write_sequnlock(k.rename_lock);
}

/** Put each in the place of the other. Never sleeps. Source: fs/dcache.c. */
export function* d_exchange(k: DcacheKernel, dentry: Dentry, target: Dentry): Task<void> {
  yield* write_seqlock(k.rename_lock);
  if ((yield* READ_ONCE(dentry.d_inode)) === null || (yield* READ_ONCE(target.d_inode)) === null) {
    yield* WARN('WARNING: exchange of a negative dentry');
  }
  yield* k.__d_move(dentry, target, true);
  yield* write_sequnlock(k.rename_lock);
}

/** Lock the two parents, ancestor first, and then the two dentries. Part of __d_move. */
export function* d_move_lock(
  k: DcacheKernel,
  dentry: Dentry,
  target: Dentry,
  old_parent: Dentry,
  new_parent: Dentry,
): Task<void> {
  if (old_parent === dentry) {
    yield* cover(WAS_ROOT);
    yield* spin_lock(new_parent.d_lockref);
  } else {
    const child = yield* k.d_ancestor(old_parent, target);
    if (child === null) {
      yield* cover(ELSEWHERE);
      yield* spin_lock(new_parent.d_lockref);
      yield* spin_lock_nested(old_parent.d_lockref, 1);
    } else {
      if (child === dentry) yield* WARN('kernel BUG: a dentry is moved into itself');
      yield* spin_lock(old_parent.d_lockref);
      if (child !== target) {
        yield* cover(DOWNWARDS);
        yield* spin_lock_nested(new_parent.d_lockref, 1);
      } else {
        yield* cover(SAME_PARENT);
      }
    }
  }
  yield* spin_lock_nested(dentry.d_lockref, 2);
  yield* spin_lock_nested(target.d_lockref, 3);
}

/** d_move or d_exchange, with rename_lock held for writing. Source: fs/dcache.c. */
export function* __d_move(
  k: DcacheKernel,
  dentry: Dentry,
  target: Dentry,
  exchange: boolean,
): Task<void> {
  yield* lockdep_assert_held(k.rename_lock.lock);
  if ((yield* READ_ONCE(dentry.d_inode)) === null) {
    yield* WARN('WARNING: VFS: moving negative dcache entry');
  }
  const old_parent = (yield* READ_ONCE(dentry.d_parent))!;
  const new_parent = (yield* READ_ONCE(target.d_parent))!;
  yield* k.d_move_lock(dentry, target, old_parent, new_parent);

  if (yield* k.d_in_lookup(target)) {
    yield* cover(IN_LOOKUP);
    const dir = (yield* READ_ONCE(new_parent.d_inode))!;
    const n = yield* k.start_dir_add(dir);
    const wq = yield* k.__d_lookup_unhash(target);
    yield* k.d_move_locked(dentry, target, old_parent, new_parent, exchange);
    yield* k.end_dir_add(dir, n);
    yield* k.d_wake_lookup(wq);
  } else {
    yield* k.d_move_locked(dentry, target, old_parent, new_parent, exchange);
  }

  if (new_parent !== old_parent) yield* spin_unlock(new_parent.d_lockref);
  if (old_parent !== dentry) yield* spin_unlock(old_parent.d_lockref);
  yield* spin_unlock(target.d_lockref);
  yield* spin_unlock(dentry.d_lockref);
}

/** The change itself, with all locks held. Part of __d_move. */
export function* d_move_locked(
  k: DcacheKernel,
  dentry: Dentry,
  target: Dentry,
  old_parent: Dentry,
  new_parent: Dentry,
  exchange: boolean,
): Task<void> {
  yield* raw_write_seqcount_begin(dentry.d_seq);
  yield* raw_write_seqcount_begin(target.d_seq);
  if (!(yield* k.d_unhashed(dentry))) yield* k.___d_drop(dentry);
  if (!(yield* k.d_unhashed(target))) yield* k.___d_drop(target);

  if (old_parent === dentry) yield* k.d_leave_roots(dentry);
  else yield* list_del(old_parent.d_children, dentry);
  yield* WRITE_ONCE(dentry.d_parent, new_parent);
  if (exchange) {
    yield* cover(SWAPS);
    yield* WRITE_ONCE(target.d_parent, old_parent);
    yield* k.swap_names(dentry, target);
    yield* list_del(new_parent.d_children, target);
    yield* list_add(old_parent.d_children, target);
    yield* k.__d_rehash(target);
  } else {
    yield* k.copy_name(dentry, target);
    yield* WRITE_ONCE(target.d_hash_pprev, null);
    yield* k.dget_dlock(new_parent);
    if (old_parent !== dentry) {
      const word = yield* READ_ONCE(old_parent.d_lockref);
      yield* WRITE_ONCE(old_parent.d_lockref, with_count(word, count_of(word) - 1));
      if (count_of(word) <= 1) yield* WARN('WARNING: a parent is left without references');
    }
  }
  yield* list_add(new_parent.d_children, dentry);
  yield* k.__d_rehash(dentry);
  yield* raw_write_seqcount_end(target.d_seq);
  yield* raw_write_seqcount_end(dentry.d_seq);
}

/** Put the root of a disconnected tree on its super block's list. d_lock must be held. */
export function* d_join_roots(_k: DcacheKernel, dentry: Dentry): Task<void> {
  const sb = dentry.d_sb;
  yield* spin_lock(sb.s_roots_lock);
  yield* list_add(sb.s_roots, dentry);
  yield* spin_unlock(sb.s_roots_lock);
}

/** Take the root of a disconnected tree off its super block's list. d_lock must be held. */
export function* d_leave_roots(_k: DcacheKernel, dentry: Dentry): Task<void> {
  const sb = dentry.d_sb;
  yield* spin_lock(sb.s_roots_lock);
  if ((yield* read(sb.s_roots))?.includes(dentry) === true) yield* list_del(sb.s_roots, dentry);
  yield* spin_unlock(sb.s_roots_lock);
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.ROOTS_LIST);
}
