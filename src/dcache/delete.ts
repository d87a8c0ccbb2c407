/**
 * Taking a dentry out of the hash, and taking its inode away.
 *
 * Invariant: d_seq moves whenever a dentry stops being hashed or loses its inode, so that a lockless
 * walker that looked before notices. Mirrors fs/dcache.c.
 */

import {
  list_del,
  lockdep_assert_held,
  raw_write_seqcount_begin,
  raw_write_seqcount_end,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  write_seqcount_invalidate,
  type Task,
} from '../machine/index.js';
import { count_of } from '../lockref/index.js';
import { DCACHE, type AliasedInode, type DcacheKernel, type Dentry } from './dentry.js';

/** Is the dentry out of the hash? Racy without d_lock. Source: include/linux/dcache.h. */
export function* d_unhashed(_k: DcacheKernel, dentry: Dentry): Task<boolean> {
  return !(yield* READ_ONCE(dentry.d_hashed));
}

/** Take the dentry out of the hash; d_lock must be held. Source: fs/dcache.c. */
export function* __d_drop(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  if (yield* k.d_unhashed(dentry)) return;
  yield* WRITE_ONCE(dentry.d_hashed, false);
  yield* write_seqcount_invalidate(dentry.d_seq);
}

/** {@link __d_drop} with d_lock taken here. Source: fs/dcache.c. */
export function* d_drop(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* spin_lock(dentry.d_lockref);
  yield* k.__d_drop(dentry);
  yield* spin_unlock(dentry.d_lockref);
}

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
  yield* spin_unlock(dentry.d_lockref);
  yield* spin_unlock(inode.i_lock);
  const { d_iput } = dentry.d_op;
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
    const flags = yield* READ_ONCE(dentry.d_flags);
    yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.CANT_MOUNT);
    yield* k.dentry_unlink_inode(dentry, inode);
    return;
  }
  yield* k.__d_drop(dentry);
  yield* spin_unlock(dentry.d_lockref);
  yield* spin_unlock(inode.i_lock);
}
