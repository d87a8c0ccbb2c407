/**
 * Joining a dentry with its inode, and putting it where lookups find it.
 *
 * Invariant: whoever sees the type in d_flags sees d_inode; an entry that ends its lookup is hashed
 * before the lookup is seen to be over. Mirrors fs/dcache.c.
 */

import {
  branch,
  cover,
  list_add,
  lockdep_assert_held,
  raw_write_seqcount_begin,
  raw_write_seqcount_end,
  read,
  READ_ONCE,
  smp_store_release,
  spin_lock,
  spin_unlock,
  WARN,
  WRITE_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import { count_of, with_count } from '../lockref/index.js';
import type { AliasedInode, DcacheKernel, Dentry } from './dentry.js';
import { d_flags_for_mode, DCACHE } from './flags.js';

const ENDS_LOOKUP = branch('__d_add', 'ends the lookup of the entry that it adds');
const ADDS_NEGATIVE = branch('__d_add', 'adds a negative entry');
const UNPINNED_LAST = branch('d_make_discardable', 'drops the last reference');

export const ADD_BRANCHES: readonly Branch[] = [ENDS_LOOKUP, ADDS_NEGATIVE, UNPINNED_LAST];

/**
 * Make a negative dentry positive. Takes over the caller's inode reference.
 * Takes i_lock, then d_lock. Source: fs/dcache.c.
 */
export function* d_instantiate(
  k: DcacheKernel,
  dentry: Dentry,
  inode: AliasedInode | null,
): Task<void> {
  if (inode === null) return;
  yield* spin_lock(inode.i_lock);
  yield* k.__d_instantiate(dentry, inode);
  yield* spin_unlock(inode.i_lock);
}

/** {@link d_instantiate} under i_lock. Source: fs/dcache.c. */
export function* __d_instantiate(k: DcacheKernel, dentry: Dentry, inode: AliasedInode): Task<void> {
  yield* lockdep_assert_held(inode.i_lock);
  yield* spin_lock(dentry.d_lockref);
  yield* k.__d_set_inode_and_type(dentry, inode);
  yield* spin_unlock(dentry.d_lockref);
}

/** Add the alias and the inode; i_lock and d_lock must be held. Source: fs/dcache.c. */
export function* __d_set_inode_and_type(
  k: DcacheKernel,
  dentry: Dentry,
  inode: AliasedInode,
): Task<void> {
  const type = d_flags_for_mode(yield* read(inode.i_mode));
  yield* list_add(inode.i_dentry, dentry);
  yield* raw_write_seqcount_begin(dentry.d_seq);
  yield* WRITE_ONCE(dentry.d_inode, inode);
  const flags = yield* READ_ONCE(dentry.d_flags);
  // Whoever sees the type with an acquire load sees the inode too.
  yield* smp_store_release(dentry.d_flags, (flags & ~DCACHE.ENTRY_TYPE) | type);
  yield* raw_write_seqcount_end(dentry.d_seq);
  // The counter counts negative dentries on the LRU list only.
  if ((flags & DCACHE.LRU_LIST) !== 0) yield* k.lru_negative_changed(flags, -1);
}

/**
 * Hash a new dentry, positive if `inode` is given. Takes over the inode reference. Ends the lookup
 * if the dentry is in one. Never sleeps. Source: fs/dcache.c.
 */
export function* d_add(k: DcacheKernel, dentry: Dentry, inode: AliasedInode | null): Task<void> {
  if (inode !== null) yield* spin_lock(inode.i_lock);
  yield* k.__d_add(dentry, inode);
}

/** {@link d_add} with i_lock held if there is an inode; drops it. Source: fs/dcache.c. */
export function* __d_add(k: DcacheKernel, dentry: Dentry, inode: AliasedInode | null): Task<void> {
  yield* spin_lock(dentry.d_lockref);
  if (yield* k.d_in_lookup(dentry)) {
    yield* cover(ENDS_LOOKUP);
    const parent = (yield* READ_ONCE(dentry.d_parent))!;
    const dir = (yield* READ_ONCE(parent.d_inode))!;
    const n = yield* k.start_dir_add(dir);
    const wq = yield* k.__d_lookup_unhash(dentry);
    if (inode !== null) yield* k.__d_set_inode_and_type(dentry, inode);
    yield* k.__d_rehash(dentry);
    yield* k.end_dir_add(dir, n);
    yield* k.d_wake_lookup(wq);
  } else {
    if (inode !== null) yield* k.__d_set_inode_and_type(dentry, inode);
    yield* k.__d_rehash(dentry);
  }
  if (inode === null) yield* cover(ADDS_NEGATIVE);
  yield* spin_unlock(dentry.d_lockref);
  if (inode !== null) yield* spin_unlock(inode.i_lock);
}

/**
 * Instantiate, and pin: the filesystem, which has no other place for the file, holds one more
 * reference until d_make_discardable. Never sleeps. Source: fs/dcache.c, v7.3.
 */
export function* d_make_persistent(
  k: DcacheKernel,
  dentry: Dentry,
  inode: AliasedInode,
): Task<void> {
  yield* spin_lock(inode.i_lock);
  yield* spin_lock(dentry.d_lockref);
  const flags = yield* READ_ONCE(dentry.d_flags);
  if ((flags & DCACHE.PERSISTENT) !== 0) yield* WARN('WARNING: dentry is persistent already');
  yield* WRITE_ONCE(dentry.d_flags, flags | DCACHE.PERSISTENT);
  yield* k.dget_dlock(dentry);
  yield* k.__d_set_inode_and_type(dentry, inode);
  if (yield* k.d_unhashed(dentry)) yield* k.__d_rehash(dentry);
  yield* spin_unlock(dentry.d_lockref);
  yield* spin_unlock(inode.i_lock);
}

/** Drop the filesystem's own reference. May sleep. Source: fs/dcache.c, v7.3. */
export function* d_make_discardable(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* spin_lock(dentry.d_lockref);
  const flags = yield* READ_ONCE(dentry.d_flags);
  if ((flags & DCACHE.PERSISTENT) === 0) yield* WARN('WARNING: dentry is not persistent');
  yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.PERSISTENT);
  const word = yield* READ_ONCE(dentry.d_lockref);
  yield* WRITE_ONCE(dentry.d_lockref, with_count(word, count_of(word) - 1));
  if (yield* k.keep_or_condemn(dentry)) return;
  yield* cover(UNPINNED_LAST);
  yield* k.finish_dput(dentry);
}
