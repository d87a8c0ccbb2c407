/** System calls that make a name: a directory, a symbolic link, a second name. Mirrors fs/namei.c. */

import { E, READ_ONCE, type Task } from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import { S_IFDIR, S_ISDIR } from '../tmpfs/inode.js';
import { may_create } from '../walk/permission.js';
import { put_nd, type Nameidata } from '../walk/nameidata.js';
import { filename_lookup } from '../walk/namei.js';
import { current_umask } from './open.js';
import { lock_parent, unlock_parent } from './parent.js';

/** Source: fs/namei.c, filename_create: is there room for a new name? */
function* check_create(
  k: FsKernel,
  task: TaskStruct,
  nd: Nameidata,
  dentry: Dentry,
  isdir: boolean,
): Task<number> {
  if ((yield* READ_ONCE(dentry.d_inode)) !== null) return -E.EEXIST;
  if (nd.last.slash && !isdir) return -E.ENOENT;
  return yield* may_create(k, task, nd.inode);
}

/** mkdir(2). @param mode before the umask. @returns 0 or -errno. May sleep. */
export function* sys_mkdir(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  mode: number,
): Task<number> {
  const at = yield* lock_parent(k, task, path);
  if (typeof at === 'number') return at;
  const { nd, dentry } = at;
  let error = yield* check_create(k, task, nd, dentry, true);
  if (error === 0) {
    const bits = (mode & 0o1777 & ~(yield* current_umask(task))) | S_IFDIR;
    error = yield* k.shmem_mknod(task, nd.inode, dentry, bits, null);
  }
  yield* unlock_parent(k, nd, dentry);
  return error;
}

/** symlink(2): `path` is made to say `target`. */
export function* sys_symlink(
  k: FsKernel,
  task: TaskStruct,
  target: string,
  path: string,
): Task<number> {
  if (target === '') return -E.ENOENT;
  if (k.byte_length(target) > 4095) return -E.ENAMETOOLONG;
  const at = yield* lock_parent(k, task, path);
  if (typeof at === 'number') return at;
  const { nd, dentry } = at;
  let error = yield* check_create(k, task, nd, dentry, false);
  if (error === 0) error = yield* k.shmem_symlink(task, nd.inode, dentry, target);
  yield* unlock_parent(k, nd, dentry);
  return error;
}

/** link(2): a second name; a symbolic link is not followed. */
export function* sys_link(k: FsKernel, task: TaskStruct, from: string, path: string): Task<number> {
  const old = yield* filename_lookup(k, task, from, 0);
  if (typeof old === 'number') return old;
  const at = yield* lock_parent(k, task, path);
  if (typeof at === 'number') {
    yield* put_nd(k, old);
    return at;
  }
  const { nd, dentry } = at;
  let error = yield* check_create(k, task, nd, dentry, false);
  if (error === 0 && old.inode.i_sb !== nd.inode.i_sb) error = -E.EXDEV;
  if (error === 0 && S_ISDIR(yield* READ_ONCE(old.inode.i_mode))) error = -E.EPERM;
  // A file without names is gone for everybody who comes by name.
  if (error === 0 && (yield* READ_ONCE(old.inode.i_nlink)) === 0) error = -E.ENOENT;
  if (error === 0) error = yield* k.shmem_link(old.inode, nd.inode, dentry);
  yield* unlock_parent(k, nd, dentry);
  yield* put_nd(k, old);
  return error;
}
