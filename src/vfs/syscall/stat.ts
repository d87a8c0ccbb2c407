/** System calls that ask about a name. Mirrors fs/stat.c, fs/open.c and fs/statfs.c. */

import { E, READ_ONCE, type List, type Task } from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import { ProcInode } from '../proc/structs.js';
import { S_ISLNK } from '../tmpfs/inode.js';
import { super_of } from '../tmpfs/structs.js';
import { LOOKUP, put_nd } from '../walk/nameidata.js';
import { filename_lookup } from '../walk/namei.js';

const FOLLOW = 1;

/** readlink(2). @returns the target, or -EINVAL for what is no link */
export function* sys_readlink(k: FsKernel, task: TaskStruct, path: string): Task<string | number> {
  const nd = yield* filename_lookup(k, task, path, 0);
  if (typeof nd === 'number') return nd;
  let target: string | number | null = null;
  if (S_ISLNK(yield* READ_ONCE(nd.inode.i_mode))) {
    if (nd.inode instanceof ProcInode) target = yield* k.proc_readlink(task, nd.inode);
    else target = yield* READ_ONCE(nd.inode.i_link);
  }
  yield* put_nd(k, nd);
  return target ?? -E.EINVAL;
}

/** stat(2) with `flags` 1, lstat(2) with 0. @returns the numbers of STAT_FIELDS, or -errno */
export function* sys_stat(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  flags: number,
): Task<List<number> | number> {
  const nd = yield* filename_lookup(k, task, path, flags & FOLLOW);
  if (typeof nd === 'number') return nd;
  const stat = yield* k.vfs_getattr(nd.inode);
  yield* put_nd(k, nd);
  return stat;
}

/** access(2). @param mask of 4 read, 2 write, 1 execute; 0 asks whether it is there */
export function* sys_access(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  mask: number,
): Task<number> {
  const nd = yield* filename_lookup(k, task, path, LOOKUP.FOLLOW);
  if (typeof nd === 'number') return nd;
  const error = yield* k.inode_permission(task, nd.inode, mask & 7);
  yield* put_nd(k, nd);
  return error;
}

/** statfs(2). @returns block size, blocks, free blocks, inodes, free inodes, device; or -errno */
export function* sys_statfs(
  k: FsKernel,
  task: TaskStruct,
  path: string,
): Task<List<number> | number> {
  const nd = yield* filename_lookup(k, task, path, LOOKUP.FOLLOW);
  if (typeof nd === 'number') return nd;
  const sb = super_of(nd.dentry);
  const blocks = yield* READ_ONCE(sb.s_blocks_used);
  const inodes = yield* READ_ONCE(sb.s_inodes_used);
  yield* put_nd(k, nd);
  const { s_blocks_max, s_inodes_max, s_dev } = sb;
  return k.list<number>([
    4096,
    s_blocks_max,
    s_blocks_max - blocks,
    s_inodes_max,
    s_inodes_max - inodes,
    s_dev,
  ]);
}
