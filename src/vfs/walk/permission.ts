/**
 * Who may do what to an inode. Mirrors fs/namei.c, generic_permission and may_delete.
 */

import { E, READ_ONCE, type Task } from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import { S_ISDIR } from '../tmpfs/inode.js';
import type { FsInode } from '../tmpfs/structs.js';

export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;

const S_ISVTX = 0o1000;
const OWNER_SHIFT = 6;
const GROUP_SHIFT = 3;
const ANY_EXEC = 0o111;

/** @returns 0, -EACCES, or -EPERM of what nobody may write. Takes no lock, so a lockless walker may ask. Source: fs/namei.c. */
export function* inode_permission(
  k: FsKernel,
  task: TaskStruct,
  inode: FsInode,
  mask: number,
): Task<number> {
  if ((mask & MAY_WRITE) !== 0 && k.ops_of(inode.i_sb).immutable === true) return -E.EPERM;
  const mode = yield* READ_ONCE(inode.i_mode);
  const uid = yield* READ_ONCE(task.uid);
  if (uid === 0) {
    // The superuser may do anything but execute what nobody may.
    const may = S_ISDIR(mode) || (mask & MAY_EXEC) === 0 || (mode & ANY_EXEC) !== 0;
    return may ? 0 : -E.EACCES;
  }
  let shift = 0;
  if ((yield* READ_ONCE(inode.i_uid)) === uid) shift = OWNER_SHIFT;
  else if (yield* in_group_p(task, yield* READ_ONCE(inode.i_gid))) shift = GROUP_SHIFT;
  return ((mode >> shift) & mask) === mask ? 0 : -E.EACCES;
}

/** Is it the task's group, or one of its supplementary ones? Source: kernel/groups.c. */
export function* in_group_p(task: TaskStruct, gid: number): Task<boolean> {
  if ((yield* READ_ONCE(task.gid)) === gid) return true;
  return (yield* READ_ONCE(task.groups))?.includes(gid) ?? false;
}

/** May the task make a name in this directory? Source: fs/namei.c. */
export function* may_create(k: FsKernel, task: TaskStruct, dir: FsInode): Task<number> {
  if (yield* READ_ONCE(dir.i_dead)) return -E.ENOENT;
  return yield* k.inode_permission(task, dir, MAY_WRITE | MAY_EXEC);
}

/**
 * May the task remove this name? The directory's i_rwsem is held.
 * @returns 0, -ENOENT, -EACCES, -EPERM (sticky), -ENOTDIR, -EISDIR, -EBUSY. Source: fs/namei.c
 */
export function* may_delete(
  k: FsKernel,
  task: TaskStruct,
  dir: FsInode,
  victim: Dentry,
  isdir: boolean,
): Task<number> {
  const inode = (yield* READ_ONCE(victim.d_inode)) as FsInode | null;
  if (inode === null) return -E.ENOENT;
  const error = yield* k.inode_permission(task, dir, MAY_WRITE | MAY_EXEC);
  if (error < 0) return error;
  const uid = yield* READ_ONCE(task.uid);
  if (((yield* READ_ONCE(dir.i_mode)) & S_ISVTX) !== 0 && uid !== 0) {
    const owner = yield* READ_ONCE(inode.i_uid);
    if (owner !== uid && (yield* READ_ONCE(dir.i_uid)) !== uid) return -E.EPERM;
  }
  const is_dir = S_ISDIR(yield* READ_ONCE(inode.i_mode));
  if (isdir && !is_dir) return -E.ENOTDIR;
  if (!isdir && is_dir) return -E.EISDIR;
  return 0;
}
