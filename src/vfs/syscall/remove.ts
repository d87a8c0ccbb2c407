/**
 * System calls that remove a name. What the name stood for lives as long as somebody holds it.
 * Mirrors fs/namei.c.
 */

import { E, READ_ONCE, WRITE_ONCE, type Task } from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { xa_size } from '../platform/index.js';
import type { TaskStruct } from '../process/structs.js';
import { S_ISDIR } from '../tmpfs/inode.js';
import { down_write, up_write, type FsInode } from '../tmpfs/structs.js';
import { may_delete } from '../walk/permission.js';
import { LOOKUP, put_nd } from '../walk/nameidata.js';
import { filename_lookup } from '../walk/namei.js';
import { is_mountpoint, lock_parent, unlock_parent } from './parent.js';

/** unlink(2). May sleep. */
export function* sys_unlink(k: FsKernel, task: TaskStruct, path: string): Task<number> {
  const at = yield* lock_parent(k, task, path);
  if (typeof at === 'number') return at === -E.EEXIST ? -E.EISDIR : at;
  const { nd, dentry } = at;
  const inode = (yield* READ_ONCE(dentry.d_inode)) as FsInode | null;
  let error = 0;
  if (nd.last.slash) {
    if (inode === null) error = -E.ENOENT;
    else error = S_ISDIR(yield* READ_ONCE(inode.i_mode)) ? -E.EISDIR : -E.ENOTDIR;
  } else {
    error = yield* may_delete(k, task, nd.inode, dentry, false);
  }
  if (error === 0) {
    yield* k.ihold(inode!);
    yield* k.shmem_unlink(nd.inode, dentry);
    yield* k.d_delete(dentry);
  }
  yield* unlock_parent(k, nd, dentry);
  // The last reference may end the file, and that may sleep: with nothing locked.
  if (error === 0) yield* k.iput(inode);
  return error;
}

/** rmdir(2). May sleep. */
export function* sys_rmdir(k: FsKernel, task: TaskStruct, path: string): Task<number> {
  const parent = yield* filename_lookup(k, task, path, LOOKUP.PARENT);
  if (typeof parent === 'number') return parent;
  const { type } = parent.last;
  yield* put_nd(k, parent);
  if (type === 'dot') return -E.EINVAL;
  if (type === 'dotdot') return -E.ENOTEMPTY;
  if (type === 'root') return -E.EBUSY;
  const at = yield* lock_parent(k, task, path);
  if (typeof at === 'number') return at;
  const { nd, dentry } = at;
  let error = yield* may_delete(k, task, nd.inode, dentry, true);
  if (error === 0) error = yield* remove_dir(k, nd.inode, dentry);
  yield* unlock_parent(k, nd, dentry);
  return error;
}

function* remove_dir(k: FsKernel, dir: FsInode, dentry: Dentry): Task<number> {
  if (yield* is_mountpoint(dentry)) return -E.EBUSY;
  const inode = (yield* READ_ONCE(dentry.d_inode)) as FsInode;
  yield* down_write(inode.i_rwsem);
  const empty = xa_size(yield* READ_ONCE(inode.i_names)) === 0;
  if (empty) {
    yield* k.shmem_rmdir(dir, dentry);
    yield* WRITE_ONCE(inode.i_dead, true);
  }
  yield* up_write(inode.i_rwsem);
  if (!empty) return -E.ENOTEMPTY;
  yield* k.d_delete(dentry);
  return 0;
}
