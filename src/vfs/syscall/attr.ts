/** System calls that set a file's mode, owner, times and size. Mirrors fs/attr.c and fs/utimes.c. */

import {
  E,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type Task,
} from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import { current_time, S_IFMT, S_ISDIR, touch_mtime } from '../tmpfs/inode.js';
import type { FsInode } from '../tmpfs/structs.js';
import { in_group_p, MAY_WRITE } from '../walk/permission.js';
import { LOOKUP, put_nd } from '../walk/nameidata.js';
import { filename_lookup } from '../walk/namei.js';

const PERMISSIONS = 0o7777;
const S_ISGID = 0o2000;
const FOLLOW = 1;

/** What setattr changes; -1 leaves a value as it is. */
export type Attr = 'mode' | 'owner' | 'times' | 'size';

/**
 * Set one kind of attribute. `a` and `b` are mode, uid and gid, atime and mtime, or the size.
 * @returns 0, -EPERM, -EACCES, -EISDIR, -EINVAL. Source: fs/attr.c
 */
export function* notify_change(
  k: FsKernel,
  task: TaskStruct,
  inode: FsInode,
  what: Attr,
  a: number,
  b: number,
): Task<number> {
  const { setattr } = k.ops_of(inode.i_sb);
  if (setattr !== undefined) return setattr;
  const uid = yield* READ_ONCE(task.uid);
  const mode = yield* READ_ONCE(inode.i_mode);
  if (what === 'size') {
    if (a < 0) return -E.EINVAL;
    if (S_ISDIR(mode)) return -E.EISDIR;
    if ((mode & S_IFMT) !== 0o100000) return -E.EINVAL;
    const denied = yield* k.inode_permission(task, inode, MAY_WRITE);
    if (denied === 0) yield* k.shmem_setsize(inode, a);
    return denied;
  }
  if (uid !== 0 && (yield* READ_ONCE(inode.i_uid)) !== uid) return -E.EPERM;
  const group = yield* READ_ONCE(inode.i_gid);
  // An owner keeps the file, and may give it to a group of its own.
  if (what === 'owner' && uid !== 0) {
    if (a >= 0 && a !== uid) return -E.EPERM;
    if (b >= 0 && b !== group && !(yield* in_group_p(task, b))) return -E.EPERM;
  }
  yield* spin_lock(inode.i_lock);
  if (what === 'mode') {
    const keeps_sgid = uid === 0 || (yield* in_group_p(task, group));
    const keeps = keeps_sgid ? PERMISSIONS : PERMISSIONS & ~S_ISGID;
    yield* WRITE_ONCE(inode.i_mode, (mode & S_IFMT) | (a & keeps));
  } else if (what === 'owner') {
    if (a >= 0) yield* WRITE_ONCE(inode.i_uid, a);
    if (b >= 0) yield* WRITE_ONCE(inode.i_gid, b);
    // Who gets a file given must not get its powers with it.
    if (!S_ISDIR(mode))
      yield* WRITE_ONCE(inode.i_mode, mode & ~((mode & 0o10) === 0 ? 0o4000 : 0o6000));
  } else {
    yield* WRITE_ONCE(inode.i_atime, a);
    yield* WRITE_ONCE(inode.i_mtime, b);
  }
  yield* WRITE_ONCE(inode.i_ctime, yield* current_time(k));
  yield* spin_unlock(inode.i_lock);
  return 0;
}

/** chmod(2), chown(2), utimensat(2), truncate(2): see {@link notify_change}. `flags` 1 follows. */
export function* sys_setattr(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  flags: number,
  what: Attr,
  a: number,
  b: number,
): Task<number> {
  const nd = yield* filename_lookup(k, task, path, flags & FOLLOW);
  if (typeof nd === 'number') return nd;
  const error = yield* k.notify_change(task, nd.inode, what, a, b);
  yield* put_nd(k, nd);
  return error;
}

/** fchmod(2), fchown(2), futimens(3). */
export function* sys_fsetattr(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  what: Attr,
  a: number,
  b: number,
): Task<number> {
  const file = yield* k.fget((yield* READ_ONCE(task.files))!, fd);
  if (file === null) return -E.EBADF;
  const error = yield* k.notify_change(
    task,
    (yield* READ_ONCE(file.f_inode)) as FsInode,
    what,
    a,
    b,
  );
  yield* k.fput(file);
  return error;
}

/** Update the times of a file to now; needs write permission, not ownership. */
export function* sys_touch(k: FsKernel, task: TaskStruct, path: string): Task<number> {
  const nd = yield* filename_lookup(k, task, path, LOOKUP.FOLLOW);
  if (typeof nd === 'number') return nd;
  const error = yield* k.inode_permission(task, nd.inode, MAY_WRITE);
  if (error === 0) {
    yield* WRITE_ONCE(nd.inode.i_atime, yield* current_time(k));
    yield* touch_mtime(k, nd.inode);
  }
  yield* put_nd(k, nd);
  return error;
}
