/**
 * Taking a dentry's inode away.
 *
 * Invariant: d_seq moves whenever a dentry loses its inode, so that a lockless
 * walker that looked before notices. Mirrors fs/dcache.c.
 */

import {
  branch,
  cover,
  list_del,
  lockdep_assert_held,
  raw_write_seqcount_begin,
  raw_write_seqcount_end,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import { count_of } from '../lockref/index.js';
import { operations_of, type AliasedInode, type DcacheKernel, type Dentry } from './dentry.js';
import { DCACHE } from './flags.js';

const SOLE_USER = branch('d_delete', 'makes a dentry negative that nobody else uses');
const IN_USE = branch('d_delete', 'unhashes a dentry that is in use');

const NO_NEGATIVE = branch('d_delete', 'unhashes it too, since no negative dentry is wanted');

export const DELETE_BRANCHES: readonly Branch[] = [SOLE_USER, IN_USE, NO_NEGATIVE];

/**
 * Make the dentry negative and give its inode reference up.
 * Called with i_lock and d_lock held, drops both. May sleep, in iput. Source: fs/dcache.c.
 */
export function* dentry_unlink_inode(
  k: DcacheKernel,
  dentry: Dentry,
  inode: AliasedInode,
): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  yield* lockdep_assert_held(inode.i_lock);
  yield* raw_write_seqcount_begin(dentry.d_seq);
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.ENTRY_TYPE);
  yield* WRITE_ONCE(dentry.d_inode, null);
  yield* list_del(inode.i_dentry, dentry);
  yield* raw_write_seqcount_end(dentry.d_seq);
  if ((flags & DCACHE.LRU_LIST) !== 0) yield* k.lru_negative_changed(flags, 1);
  yield* spin_unlock(dentry.d_lockref);
  yield* spin_unlock(inode.i_lock);
  const { d_iput } = yield* operations_of(dentry);
  if (d_iput !== undefined) yield* d_iput(k as never, dentry, inode);
  else yield* k.iput(inode);
}

/**
 * The name is gone: make the dentry negative if the caller is its only user, else unhash it. The
 * caller keeps its reference. May sleep. Source: fs/dcache.c.
 */
export function* d_delete(k: DcacheKernel, dentry: Dentry): Task<void> {
  const inode = (yield* READ_ONCE(dentry.d_inode))!;
  yield* spin_lock(inode.i_lock);
  yield* spin_lock(dentry.d_lockref);
  if (count_of(yield* READ_ONCE(dentry.d_lockref)) === 1) {
    yield* cover(SOLE_USER);
    if (k.sysctl_dentry_negative) {
      yield* cover(NO_NEGATIVE);
      yield* k.__d_drop(dentry);
    }
    const flags = yield* READ_ONCE(dentry.d_flags);
    yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.CANT_MOUNT);
    yield* k.dentry_unlink_inode(dentry, inode);
    return;
  }
  yield* cover(IN_USE);
  yield* k.__d_drop(dentry);
  yield* spin_unlock(dentry.d_lockref);
  yield* spin_unlock(inode.i_lock);
}
