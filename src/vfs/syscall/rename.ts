/**
 * rename: a name moves, or two change places.
 *
 * Invariant: both directories are locked, an ancestor first, and the tree stands still meanwhile.
 * Mirrors fs/namei.c.
 */

import { E, READ_ONCE, WRITE_ONCE, type Task } from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { xa_size } from '../platform/index.js';
import type { TaskStruct } from '../process/structs.js';
import { S_ISDIR } from '../tmpfs/inode.js';
import { down_write, up_write, type FsInode } from '../tmpfs/structs.js';
import { may_create, may_delete, MAY_WRITE } from '../walk/permission.js';
import { LOOKUP, put_nd, type Nameidata } from '../walk/nameidata.js';
import { filename_lookup } from '../walk/namei.js';
import { is_mountpoint } from './parent.js';

/** Flags of renameat2(2). */
export const RENAME = { NOREPLACE: 1, EXCHANGE: 2 } as const;

/** renameat2(2). May sleep. */
export function* sys_rename(
  k: FsKernel,
  task: TaskStruct,
  from: string,
  to: string,
  flags: number,
): Task<number> {
  if ((flags & ~3) !== 0 || flags === 3) return -E.EINVAL;
  const a = yield* filename_lookup(k, task, from, LOOKUP.PARENT);
  if (typeof a === 'number') return a;
  const b = yield* filename_lookup(k, task, to, LOOKUP.PARENT);
  if (typeof b === 'number') {
    yield* put_nd(k, a);
    return b;
  }
  let error = 0;
  let doomed: FsInode | null = null;
  if (a.mnt !== b.mnt) error = -E.EXDEV;
  else if (a.last.type !== 'norm') error = -E.EBUSY;
  else if (b.last.type !== 'norm') error = (flags & RENAME.NOREPLACE) !== 0 ? -E.EEXIST : -E.EBUSY;
  else {
    yield* lock_rename(k, a, b);
    const old = yield* k.lookup_one(a.dentry, a.last.name);
    if (typeof old === 'number') error = old;
    else if ((yield* READ_ONCE(old.d_inode)) === null) error = -E.ENOENT;
    const target = error < 0 ? error : yield* k.lookup_one(b.dentry, b.last.name);
    if (typeof target === 'number') error = target;
    else if (typeof old !== 'number') {
      const over = (yield* READ_ONCE(target.d_inode)) as FsInode | null;
      if (over !== null) yield* k.ihold(over);
      doomed = over;
      error = yield* rename_locked(k, task, a, old, b, target, flags);
    }
    yield* unlock_rename(k, a.inode, b.inode);
    if (typeof old !== 'number') yield* k.dput(old);
    if (typeof target !== 'number') yield* k.dput(target);
  }
  yield* put_nd(k, a);
  yield* put_nd(k, b);
  if (doomed !== null) yield* k.iput(doomed);
  return error;
}

/**
 * Lock two directories, an ancestor first, as rmdir does, too. The rename mutex keeps the tree still
 * meanwhile, and other renames away. Source: fs/namei.c, lock_rename.
 */
function* lock_rename(k: FsKernel, a: Nameidata, b: Nameidata): Task<void> {
  if (a.inode === b.inode) {
    yield* down_write(a.inode.i_rwsem);
    return;
  }
  yield* down_write(k.rename_mutex.sem);
  const b_is_above = (yield* k.d_ancestor(b.dentry, a.dentry)) !== null;
  yield* down_write(b_is_above ? b.inode.i_rwsem : a.inode.i_rwsem);
  yield* down_write(b_is_above ? a.inode.i_rwsem : b.inode.i_rwsem);
}

function* unlock_rename(k: FsKernel, a: FsInode, b: FsInode): Task<void> {
  if (a !== b) yield* up_write(b.i_rwsem);
  yield* up_write(a.i_rwsem);
  if (a !== b) yield* up_write(k.rename_mutex.sem);
}

/** Checks in the kernel's order, then the move. Source: fs/namei.c, do_renameat2 and vfs_rename. */
function* rename_locked(
  k: FsKernel,
  task: TaskStruct,
  a: Nameidata,
  old: Dentry,
  b: Nameidata,
  target: Dentry,
  flags: number,
): Task<number> {
  const inode = (yield* READ_ONCE(old.d_inode)) as FsInode | null;
  const over = (yield* READ_ONCE(target.d_inode)) as FsInode | null;
  if (inode === null) return -E.ENOENT;
  const exchange = (flags & RENAME.EXCHANGE) !== 0;
  if ((flags & RENAME.NOREPLACE) !== 0 && over !== null) return -E.EEXIST;
  if (exchange && over === null) return -E.ENOENT;
  const is_dir = S_ISDIR(yield* READ_ONCE(inode.i_mode));
  const over_dir = over !== null && S_ISDIR(yield* READ_ONCE(over.i_mode));
  if (exchange && b.last.slash && !over_dir) return -E.ENOTDIR;
  if (!is_dir && (a.last.slash || (!exchange && b.last.slash))) return -E.ENOTDIR;
  // The source must not be above the target, nor the target above the source.
  if (yield* k.is_subdir(b.dentry, old)) return -E.EINVAL;
  if (yield* k.is_subdir(a.dentry, target)) return exchange ? -E.EINVAL : -E.ENOTEMPTY;
  if (inode === over) return 0;
  const denied = yield* may_delete(k, task, a.inode, old, is_dir);
  if (denied < 0) return denied;
  const refused =
    over === null
      ? yield* may_create(k, task, b.inode)
      : yield* may_delete(k, task, b.inode, target, exchange ? over_dir : is_dir);
  if (refused < 0) return refused;
  if (is_dir && a.inode !== b.inode) {
    const moved = yield* k.inode_permission(task, inode, MAY_WRITE);
    if (moved < 0) return moved;
  }
  if ((yield* is_mountpoint(old)) || (yield* is_mountpoint(target))) return -E.EBUSY;
  if (exchange) {
    yield* k.shmem_exchange(a.inode, old, b.inode, target);
  } else {
    if (over_dir) {
      // Who makes a name in it holds this lock, and looks whether it is dead.
      yield* down_write(over.i_rwsem);
      const empty = xa_size(yield* READ_ONCE(over.i_names)) === 0;
      if (empty) yield* WRITE_ONCE(over.i_dead, true);
      yield* up_write(over.i_rwsem);
      if (!empty) return -E.ENOTEMPTY;
    }
    yield* k.shmem_rename(a.inode, old, b.inode, target);
  }
  if (exchange) yield* k.d_exchange(old, target);
  else yield* k.d_move(old, target);
  return 0;
}
