/**
 * What v6.9 had and v7.3 has not, apart from dput and parallel lookup: roots of disconnected trees in
 * the hash, operations of single dentries, pins without a flag, d_exact_alias.
 *
 * Invariant: same rules as in the files that these functions belong to; each says what took its place.
 * Mirrors fs/dcache.c and fs/libfs.c of v6.9.
 */

import {
  branch,
  cover,
  list_add,
  list_del,
  lockdep_assert_held,
  MisuseError,
  read,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WARN,
  write,
  WRITE_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import type { AliasedInode, DcacheKernel, Dentry, DentryOperations } from './dentry.js';
import * as newer from './hash.js';
import { DCACHE } from './flags.js';
import { name_of } from './name.js';

const EXACT = branch('d_exact_alias', 'hashes the alias again');
const EXACT_HASHED = branch('d_exact_alias', 'finds the alias hashed and takes none');

/** Branches of this file, for coverage reports. */
export const DCACHE_V6_9_BRANCHES: readonly Branch[] = [EXACT, EXACT_HASHED];

/** Any alias, with a reference, also one that is freed at once. i_lock must be held. Source: v6.9. */
export function* __d_find_any_alias(k: DcacheKernel, inode: AliasedInode): Task<Dentry | null> {
  yield* lockdep_assert_held(inode.i_lock);
  const [alias] = (yield* read(inode.i_dentry)) ?? [];
  if (alias === undefined) return null;
  yield* k.lockref_get(alias.d_lockref);
  return alias;
}

/** Put a root on the list, by the links of the hash: it looks hashed from then on. Source: v6.9. */
export function* d_join_roots(_k: DcacheKernel, dentry: Dentry): Task<void> {
  const sb = dentry.d_sb;
  yield* spin_lock(sb.s_roots_lock);
  yield* list_add(sb.s_roots, dentry);
  yield* WRITE_ONCE(dentry.d_hash_pprev, 's_roots');
  yield* spin_unlock(sb.s_roots_lock);
}

/** Out of its bucket, or, for a root, off the list of roots. Source: fs/dcache.c, v6.9. */
export function* ___d_drop(k: DcacheKernel, dentry: Dentry): Task<void> {
  if (!(yield* k.IS_ROOT(dentry))) {
    yield* newer.___d_drop(k, dentry);
    return;
  }
  const sb = dentry.d_sb;
  yield* spin_lock(sb.s_roots_lock);
  yield* list_del(sb.s_roots, dentry);
  yield* spin_unlock(sb.s_roots_lock);
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.ROOTS_LIST);
}

/** ___d_drop has done it. */
export function* d_leave_roots(_k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
}

/**
 * Give one dentry operations of its own, before anybody else can find it. Its super block must say
 * `s_own_d_op`. v7.3 has set_default_d_op for the super block instead. Source: fs/dcache.c, v6.9.
 */
export function* d_set_d_op(_k: DcacheKernel, dentry: Dentry, op: DentryOperations): Task<void> {
  const { d_own_op } = dentry;
  if (d_own_op === null) {
    throw new MisuseError(
      'd_set_d_op: say s_own_d_op: true for the super block, so that operations are looked up',
    );
  }
  if ((yield* READ_ONCE(d_own_op)) !== null) {
    yield* WARN('WARNING: d_set_d_op of a dentry that has operations');
  }
  yield* write<DentryOperations | null>(d_own_op, op);
}

/** Not in this kernel. */
export function* d_set_d_op_is_private(
  _k: DcacheKernel,
  _dentry: Dentry,
  _op: DentryOperations,
): Task<void> {
  throw new MisuseError("d_set_d_op is private: use version 'v6.9', or the super block's s_d_op");
}

/**
 * An alias of the inode with this name and parent that is unhashed: hash it again. `dentry` is
 * unhashed and negative. Never sleeps. Source: fs/dcache.c, v6.9.
 * @returns the alias with a reference, or null
 */
export function* d_exact_alias(
  k: DcacheKernel,
  dentry: Dentry,
  inode: AliasedInode,
): Task<Dentry | null> {
  const parent = yield* READ_ONCE(dentry.d_parent);
  const name = name_of(yield* READ_ONCE(dentry.d_name));
  let found: Dentry | null = null;
  yield* spin_lock(inode.i_lock);
  for (const alias of (yield* read(inode.i_dentry)) ?? []) {
    if ((yield* READ_ONCE(alias.d_parent)) !== parent) continue;
    if (name_of(yield* READ_ONCE(alias.d_name)) !== name) continue;
    yield* spin_lock(alias.d_lockref);
    if (yield* k.d_unhashed(alias)) {
      yield* cover(EXACT);
      yield* k.dget_dlock(alias);
      yield* k.__d_rehash(alias);
      found = alias;
    } else {
      yield* cover(EXACT_HASHED);
    }
    yield* spin_unlock(alias.d_lockref);
    break;
  }
  yield* spin_unlock(inode.i_lock);
  return found;
}

/** Not in this kernel. */
export function* d_exact_alias_is_gone(
  _k: DcacheKernel,
  _dentry: Dentry,
  _inode: AliasedInode,
): Task<Dentry | null> {
  throw new MisuseError("d_exact_alias is gone: use version 'v6.9', or d_splice_alias");
}

/**
 * Instantiate, and pin, as filesystems without a disk did: a reference that nothing marks, so that
 * umount needs d_genocide, as in fs/ramfs/inode.c. v7.3 has a flag for it. Source: fs/dcache.c.
 */
export function* d_make_persistent(
  k: DcacheKernel,
  dentry: Dentry,
  inode: AliasedInode,
): Task<void> {
  if (yield* k.d_unhashed(dentry)) yield* k.d_add(dentry, inode);
  else yield* k.d_instantiate(dentry, inode);
  yield* k.dget(dentry);
}

/** Drop the filesystem's own reference, as simple_unlink does. May sleep. Source: fs/dcache.c. */
export function* d_make_discardable(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* k.dput(dentry);
}
