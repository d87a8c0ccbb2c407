/**
 * Making dentries, and taking references on them.
 *
 * Invariant: a new dentry is private to its maker until it is linked to a parent, hashed or stashed,
 * so nothing before that needs a barrier but the store of the name. Mirrors fs/dcache.c.
 */

import {
  branch,
  cover,
  kmem_cache_alloc,
  kmem_cache_free,
  list_add,
  lockdep_assert_held,
  might_sleep,
  raw_seqcount_begin,
  READ_ONCE,
  read_seqcount_retry,
  spin_lock,
  spin_unlock,
  WARN,
  write,
  WRITE_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import { count_of, with_count } from '../lockref/index.js';
import {
  operations_of,
  type AliasedInode,
  type DcacheKernel,
  type Dentry,
  type DentrySuper,
} from './dentry.js';
import { DCACHE } from './flags.js';
import type { ExternalName } from './name.js';

const INIT_FAILED = branch('__d_alloc', 'gives up because d_init fails');
const PARENT_MOVED = branch('dget_parent', 'finds the parent changed and takes it under d_lock');

export const ALLOC_BRANCHES: readonly Branch[] = [INIT_FAILED, PARENT_MOVED];

/**
 * A dentry with count 1, negative, unhashed, its own parent.
 * @param name copied; '/' for a dentry that needs none
 * @returns null without memory. May sleep. Source: fs/dcache.c.
 */
export function* __d_alloc(k: DcacheKernel, sb: DentrySuper, name: string): Task<Dentry | null> {
  yield* might_sleep('__d_alloc');
  const dentry = yield* kmem_cache_alloc(k.dentry_cache, sb);
  if (dentry === null) return null;
  yield* write(dentry.d_flags, sb.s_d_flags);
  yield* write(dentry.d_parent, dentry);
  // Fresh memory says '/' already.
  if (name !== '/' && !(yield* k.d_set_name(dentry, name))) {
    yield* kmem_cache_free(dentry);
    return null;
  }
  const { d_init } = yield* operations_of(dentry);
  if (d_init === undefined || (yield* d_init(k as never, dentry)) === 0) return dentry;
  yield* cover(INIT_FAILED);
  if (((yield* READ_ONCE(dentry.d_flags)) & DCACHE.EXTERNAL_NAME) !== 0) {
    yield* kmem_cache_free((yield* READ_ONCE(dentry.d_name)) as ExternalName);
  }
  yield* kmem_cache_free(dentry);
  return null;
}

/** A child of `parent`; takes a reference on it. May sleep. Source: fs/dcache.c. */
export function* d_alloc(k: DcacheKernel, parent: Dentry, name: string): Task<Dentry | null> {
  const dentry = yield* k.__d_alloc(parent.d_sb, name);
  if (dentry !== null) yield* k.d_link_to_parent(dentry, parent);
  return dentry;
}

/** Make a new dentry a child, which pins the parent. Part of d_alloc. */
export function* d_link_to_parent(k: DcacheKernel, dentry: Dentry, parent: Dentry): Task<void> {
  yield* spin_lock(parent.d_lockref);
  yield* k.dget_dlock(parent);
  yield* WRITE_ONCE(dentry.d_parent, parent);
  yield* list_add(parent.d_children, dentry);
  yield* spin_unlock(parent.d_lockref);
}

/** A place in a directory being read: pins the parent, freed at once. Source: fs/dcache.c. */
export function* d_alloc_cursor(k: DcacheKernel, parent: Dentry): Task<Dentry | null> {
  const dentry = yield* k.__d_alloc(parent.d_sb, '/');
  if (dentry === null) return null;
  yield* write(dentry.d_flags, parent.d_sb.s_d_flags | DCACHE.NORCU | DCACHE.DENTRY_CURSOR);
  yield* k.d_link_to_parent(dentry, parent);
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

/**
 * The parent, with a reference. Never sleeps. A parent is pinned by its child, so its count is never
 * zero. Source: fs/dcache.c.
 */
export function* dget_parent(k: DcacheKernel, dentry: Dentry): Task<Dentry> {
  yield* k.rcu_read_lock();
  const seq = yield* raw_seqcount_begin(dentry.d_seq);
  const parent = (yield* READ_ONCE(dentry.d_parent))!;
  const got = yield* k.lockref_get_not_zero(parent.d_lockref);
  const moved = got && (yield* read_seqcount_retry(dentry.d_seq, seq));
  yield* k.rcu_read_unlock();
  if (got && !moved) return parent;
  yield* cover(PARENT_MOVED);
  if (got) yield* k.dput(parent);
  return yield* k.dget_parent_locked(dentry);
}

/** {@link dget_parent} when the quick way failed. */
export function* dget_parent_locked(k: DcacheKernel, dentry: Dentry): Task<Dentry> {
  for (;;) {
    yield* k.rcu_read_lock();
    const parent = (yield* READ_ONCE(dentry.d_parent))!;
    yield* spin_lock(parent.d_lockref);
    yield* k.rcu_read_unlock();
    if ((yield* READ_ONCE(dentry.d_parent)) === parent) {
      const count = count_of(yield* READ_ONCE(parent.d_lockref));
      if (count <= 0) yield* WARN('kernel BUG: a parent without references');
      yield* k.dget_dlock(parent);
      yield* spin_unlock(parent.d_lockref);
      return parent;
    }
    yield* spin_unlock(parent.d_lockref);
  }
}
