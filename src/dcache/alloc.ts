/**
 * Making dentries: allocation, and joining a dentry with its inode.
 *
 * Invariant: a new dentry is private to its maker until it is published, so nothing here needs a
 * barrier but the store of d_flags, which readers pair with to see d_inode. Mirrors fs/dcache.c.
 */

import {
  kmem_cache_alloc,
  list_add,
  lockdep_assert_held,
  might_sleep,
  raw_write_seqcount_begin,
  raw_write_seqcount_end,
  READ_ONCE,
  smp_store_release,
  spin_lock,
  spin_unlock,
  write,
  WRITE_ONCE,
  type Task,
} from '../machine/index.js';
import { count_of, with_count } from '../lockref/index.js';
import {
  DCACHE,
  type AliasedInode,
  type DcacheKernel,
  type Dentry,
  type DentrySuper,
} from './dentry.js';

/**
 * A dentry with count 1, negative, unhashed, its own parent.
 * @param name constant for the life of the dentry
 * @returns null without memory. May sleep. Source: fs/dcache.c.
 */
export function* __d_alloc(k: DcacheKernel, sb: DentrySuper, name: string): Task<Dentry | null> {
  yield* might_sleep('__d_alloc');
  const dentry = yield* kmem_cache_alloc(k.dentry_cache, sb, name);
  if (dentry === null) return null;
  yield* write(dentry.d_flags, sb.s_d_flags);
  yield* write(dentry.d_parent, dentry);
  return dentry;
}

/** A child of `parent`; takes a reference on it. May sleep. Source: fs/dcache.c. */
export function* d_alloc(k: DcacheKernel, parent: Dentry, name: string): Task<Dentry | null> {
  const dentry = yield* k.__d_alloc(parent.d_sb, name);
  if (dentry === null) return null;
  yield* spin_lock(parent.d_lockref);
  yield* k.dget_dlock(parent);
  yield* write(dentry.d_parent, parent);
  yield* spin_unlock(parent.d_lockref);
  return dentry;
}

/** A dentry without a name or a parent: the kind that is stashed. May sleep. Source: fs/dcache.c. */
export function* d_alloc_anon(k: DcacheKernel, sb: DentrySuper): Task<Dentry | null> {
  return yield* k.__d_alloc(sb, '/');
}

/** Like {@link d_alloc_anon}, freed without a grace period. Source: fs/dcache.c. */
export function* d_alloc_pseudo(
  k: DcacheKernel,
  sb: DentrySuper,
  name: string,
): Task<Dentry | null> {
  const dentry = yield* k.__d_alloc(sb, name);
  if (dentry !== null) yield* write(dentry.d_flags, sb.s_d_flags | DCACHE.NORCU);
  return dentry;
}

/** Is this dentry its own parent? */
export function* IS_ROOT(_k: DcacheKernel, dentry: Dentry): Task<boolean> {
  return (yield* READ_ONCE(dentry.d_parent)) === dentry;
}

/** Add a reference while holding d_lock; the dentry must not be dead. Source: fs/dcache.c. */
export function* dget_dlock(_k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const word = yield* READ_ONCE(dentry.d_lockref);
  yield* WRITE_ONCE(dentry.d_lockref, with_count(word, count_of(word) + 1));
}

/** Add a reference to a dentry that one already holds. Source: include/linux/dcache.h. */
export function* dget(k: DcacheKernel, dentry: Dentry): Task<Dentry> {
  yield* k.lockref_get(dentry.d_lockref);
  return dentry;
}

/**
 * Make a negative dentry positive. Takes over the caller's inode reference.
 * Takes i_lock, then d_lock. Source: fs/dcache.c.
 */
export function* d_instantiate(k: DcacheKernel, dentry: Dentry, inode: AliasedInode): Task<void> {
  yield* spin_lock(inode.i_lock);
  yield* k.__d_instantiate(dentry, inode);
  yield* spin_unlock(inode.i_lock);
}

/** {@link d_instantiate} under i_lock. Source: fs/dcache.c. */
export function* __d_instantiate(
  _k: DcacheKernel,
  dentry: Dentry,
  inode: AliasedInode,
): Task<void> {
  yield* lockdep_assert_held(inode.i_lock);
  yield* spin_lock(dentry.d_lockref);
  yield* list_add(inode.i_dentry, dentry);
  yield* raw_write_seqcount_begin(dentry.d_seq);
  yield* WRITE_ONCE(dentry.d_inode, inode);
  const flags = yield* READ_ONCE(dentry.d_flags);
  // Whoever sees the type with an acquire load sees the inode too.
  yield* smp_store_release(dentry.d_flags, (flags & ~DCACHE.ENTRY_TYPE) | DCACHE.REGULAR_TYPE);
  yield* raw_write_seqcount_end(dentry.d_seq);
  yield* spin_unlock(dentry.d_lockref);
}

/**
 * The root dentry of a tree. Takes over the inode reference, also on failure.
 * @returns null without memory. May sleep. Source: fs/dcache.c.
 */
export function* d_make_root(
  k: DcacheKernel,
  sb: DentrySuper,
  inode: AliasedInode | null,
): Task<Dentry | null> {
  if (inode === null) return null;
  const dentry = yield* k.d_alloc_anon(sb);
  if (dentry === null) {
    yield* k.iput(inode);
    return null;
  }
  yield* k.d_instantiate(dentry, inode);
  return dentry;
}
