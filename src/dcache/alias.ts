/**
 * The dentries of an inode: finding one, and giving a directory its only one.
 *
 * Invariant: a directory has one alias at most. i_lock keeps the list; a dentry on it is not dead
 * while i_lock is free. Mirrors fs/dcache.c.
 */

import {
  branch,
  cmpxchg,
  cover,
  E,
  ERR_PTR,
  IS_ERR,
  lockdep_assert_held,
  might_sleep,
  read,
  READ_ONCE,
  smp_store_release,
  spin_lock,
  spin_unlock,
  WARN,
  WRITE_ONCE,
  write_seqlock,
  write_sequnlock,
  type Branch,
  type ErrPtr,
  type Task,
} from '../machine/index.js';
import { count_of } from '../lockref/index.js';
import type { AliasedInode, DcacheKernel, Dentry } from './dentry.js';
import { DCACHE, I_DONTCACHE, is_directory_mode } from './flags.js';
import type { ShrinkList } from './lru.js';

const ADDS = branch('d_splice_alias', 'adds the inode under the name');
const LOOP = branch('d_splice_alias', 'refuses to move a directory into itself');
const TAKES_ROOT = branch('d_splice_alias', 'moves the root of a disconnected tree');
const UNALIAS = branch('d_splice_alias', 'moves an alias from where it was');
const CONTENDED = branch('__d_unalias', 'gives up, since a rename is under way');
const HAS_ALIAS = branch('d_obtain_alias', 'finds an alias');
const LOST = branch('d_obtain_alias', 'finds an alias only after it made a dentry');
const DISCONNECTED = branch('d_obtain_alias', 'makes a disconnected dentry');
const PRUNES = branch('d_prune_aliases', 'takes an unused alias');

const TAKES_NORCU = branch('dget_alias_ilocked', 'takes an alias in use that is freed at once');
const LEAVES_NORCU = branch('dget_alias_ilocked', 'leaves an unused alias that is freed at once');

export const ALIAS_BRANCHES: readonly Branch[] = [
  TAKES_NORCU,
  LEAVES_NORCU,
  ADDS,
  LOOP,
  TAKES_ROOT,
  UNALIAS,
  CONTENDED,
  HAS_ALIAS,
  LOST,
  DISCONNECTED,
  PRUNES,
];

/** Any alias, with a reference, or null; i_lock must be held. Source: fs/dcache.c. */
export function* __d_find_any_alias(k: DcacheKernel, inode: AliasedInode): Task<Dentry | null> {
  yield* lockdep_assert_held(inode.i_lock);
  for (const alias of (yield* read(inode.i_dentry)) ?? []) {
    if (yield* k.dget_alias_ilocked(alias)) return alias;
  }
  return null;
}

/**
 * A reference on an alias, whose inode's i_lock is held: it cannot die meanwhile. But of a dentry that
 * is freed without a grace period, count 0 is final: its killer looks once.
 * @returns whether there is one. Source: include/linux/dcache.h, v7.3.
 */
export function* dget_alias_ilocked(k: DcacheKernel, dentry: Dentry): Task<boolean> {
  if (((yield* READ_ONCE(dentry.d_flags)) & DCACHE.NORCU) === 0) {
    yield* k.lockref_get(dentry.d_lockref);
    return true;
  }
  yield* spin_lock(dentry.d_lockref);
  const used = count_of(yield* READ_ONCE(dentry.d_lockref)) > 0;
  yield* cover(used ? TAKES_NORCU : LEAVES_NORCU);
  if (used) yield* k.dget_dlock(dentry);
  yield* spin_unlock(dentry.d_lockref);
  return used;
}

/** Any alias, with a reference, or null. Source: fs/dcache.c. */
export function* d_find_any_alias(k: DcacheKernel, inode: AliasedInode): Task<Dentry | null> {
  yield* spin_lock(inode.i_lock);
  const alias = yield* k.__d_find_any_alias(inode);
  yield* spin_unlock(inode.i_lock);
  return alias;
}

/** An alias that is hashed, or any of a directory, with a reference. Source: fs/dcache.c. */
export function* d_find_alias(k: DcacheKernel, inode: AliasedInode): Task<Dentry | null> {
  let found: Dentry | null = null;
  yield* spin_lock(inode.i_lock);
  if (is_directory_mode(yield* read(inode.i_mode))) {
    found = yield* k.__d_find_any_alias(inode);
  } else {
    for (const alias of (yield* read(inode.i_dentry)) ?? []) {
      yield* spin_lock(alias.d_lockref);
      const hashed = !(yield* k.d_unhashed(alias));
      if (hashed) {
        yield* k.dget_dlock(alias);
        found = alias;
      }
      yield* spin_unlock(alias.d_lockref);
      if (hashed) break;
    }
  }
  yield* spin_unlock(inode.i_lock);
  return found;
}

/**
 * What a lookup found: put it under the dentry's name, or, if it is a directory that has a dentry
 * already, put that one there. Takes over the inode reference. May sleep.
 * @returns null if `dentry` is the one; else the one to use, or an error pointer. Source: fs/dcache.c.
 */
export function* d_splice_alias(
  k: DcacheKernel,
  inode: AliasedInode | ErrPtr | null,
  dentry: Dentry,
): Task<Dentry | ErrPtr | null> {
  if (IS_ERR(inode)) return inode;
  if (!(yield* k.d_unhashed(dentry))) yield* WARN('kernel BUG: d_splice_alias of a hashed dentry');
  if (inode !== null) {
    yield* spin_lock(inode.i_lock);
    const alias = is_directory_mode(yield* read(inode.i_mode))
      ? yield* k.__d_find_any_alias(inode)
      : null;
    if (alias !== null) {
      yield* spin_unlock(inode.i_lock);
      return yield* k.d_splice_move(inode, dentry, alias);
    }
    yield* cover(ADDS);
  }
  yield* k.__d_add(dentry, inode);
  return null;
}

/** Move the alias, on which the caller has a reference, to the dentry's place. */
export function* d_splice_move(
  k: DcacheKernel,
  inode: AliasedInode,
  dentry: Dentry,
  alias: Dentry,
): Task<Dentry | ErrPtr> {
  let error = 0;
  let old_parent: Dentry | null = null;
  yield* write_seqlock(k.rename_lock);
  if ((yield* k.d_ancestor(alias, dentry)) !== null) {
    yield* cover(LOOP);
    error = -E.ELOOP;
  } else if (yield* k.IS_ROOT(alias)) {
    yield* cover(TAKES_ROOT);
    yield* k.__d_move(alias, dentry, false);
  } else {
    yield* cover(UNALIAS);
    // The alias may be the last to hold on to its parent, and dput must not run under rename_lock.
    old_parent = yield* k.dget((yield* READ_ONCE(alias.d_parent))!);
    error = yield* k.__d_unalias(dentry, alias);
  }
  yield* write_sequnlock(k.rename_lock);
  if (error !== 0) yield* k.dput(alias);
  yield* k.dput(old_parent);
  yield* k.iput(inode);
  return error === 0 ? alias : ERR_PTR(error);
}

/** Move an alias that has a place already, if no lock must be waited for. Source: fs/dcache.c. */
export function* __d_unalias(k: DcacheKernel, dentry: Dentry, alias: Dentry): Task<number> {
  const same = (yield* READ_ONCE(alias.d_parent)) === (yield* READ_ONCE(dentry.d_parent));
  const mutex = dentry.d_sb.s_vfs_rename_mutex;
  if (!same && (yield* cmpxchg(mutex, 0, 1, 'acquire')) !== 0) {
    yield* cover(CONTENDED);
    return -E.ESTALE;
  }
  yield* k.__d_move(alias, dentry, false);
  if (!same) yield* smp_store_release(mutex, 0);
  return 0;
}

/**
 * A dentry for an inode that was found without a name, as by file handle: any that there is, or a
 * disconnected one. Takes over the inode reference. May sleep. Source: fs/dcache.c.
 */
export function* d_obtain_alias(
  k: DcacheKernel,
  inode: AliasedInode | ErrPtr | null,
): Task<Dentry | ErrPtr> {
  return yield* k.__d_obtain_alias(inode, true);
}

/** {@link d_obtain_alias} for the root of a tree that is complete. Source: fs/dcache.c. */
export function* d_obtain_root(
  k: DcacheKernel,
  inode: AliasedInode | ErrPtr | null,
): Task<Dentry | ErrPtr> {
  return yield* k.__d_obtain_alias(inode, false);
}

/** What both do. Source: fs/dcache.c. */
export function* __d_obtain_alias(
  k: DcacheKernel,
  inode: AliasedInode | ErrPtr | null,
  disconnected: boolean,
): Task<Dentry | ErrPtr> {
  if (inode === null) return ERR_PTR(-E.ESTALE);
  if (IS_ERR(inode)) return inode;
  const sb = inode.i_sb;
  const known = yield* k.d_find_any_alias(inode);
  if (known !== null) {
    yield* cover(HAS_ALIAS);
    yield* k.iput(inode);
    return known;
  }
  const fresh = yield* k.d_alloc_anon(sb);
  if (fresh === null) {
    yield* k.iput(inode);
    return ERR_PTR(-E.ENOMEM);
  }
  yield* spin_lock(inode.i_lock);
  const other = yield* k.__d_find_any_alias(inode);
  if (other !== null) {
    yield* cover(LOST);
    yield* spin_unlock(inode.i_lock);
    yield* k.dput(fresh);
    yield* k.iput(inode);
    return other;
  }
  yield* spin_lock(fresh.d_lockref);
  yield* k.__d_set_inode_and_type(fresh, inode);
  const flags = yield* READ_ONCE(fresh.d_flags);
  yield* cover(DISCONNECTED);
  const bit = disconnected ? DCACHE.DISCONNECTED : 0;
  yield* WRITE_ONCE(fresh.d_flags, flags | bit | DCACHE.ROOTS_LIST);
  yield* k.d_join_roots(fresh);
  yield* spin_unlock(fresh.d_lockref);
  yield* spin_unlock(inode.i_lock);
  return fresh;
}

/** Have neither the inode nor its dentries kept once they are unused. Source: fs/dcache.c. */
export function* d_mark_dontcache(_k: DcacheKernel, inode: AliasedInode): Task<void> {
  yield* spin_lock(inode.i_lock);
  for (const alias of (yield* read(inode.i_dentry)) ?? []) {
    yield* spin_lock(alias.d_lockref);
    const flags = yield* READ_ONCE(alias.d_flags);
    yield* WRITE_ONCE(alias.d_flags, flags | DCACHE.DONTCACHE);
    yield* spin_unlock(alias.d_lockref);
  }
  yield* WRITE_ONCE(inode.i_state, (yield* READ_ONCE(inode.i_state)) | I_DONTCACHE);
  yield* spin_unlock(inode.i_lock);
}

/** Kill the unused dentries of an inode. May sleep. Source: fs/dcache.c. */
export function* d_prune_aliases(k: DcacheKernel, inode: AliasedInode): Task<void> {
  yield* might_sleep('d_prune_aliases');
  let dispose: ShrinkList = k.list<Dentry>([]);
  yield* spin_lock(inode.i_lock);
  for (const alias of (yield* read(inode.i_dentry)) ?? []) {
    if (((yield* READ_ONCE(alias.d_flags)) & DCACHE.NORCU) !== 0) continue;
    yield* spin_lock(alias.d_lockref);
    if (count_of(yield* READ_ONCE(alias.d_lockref)) === 0) {
      yield* cover(PRUNES);
      dispose = yield* k.to_shrink_list(alias, dispose);
    }
    yield* spin_unlock(alias.d_lockref);
  }
  yield* spin_unlock(inode.i_lock);
  yield* k.shrink_dentry_list(dispose);
}
