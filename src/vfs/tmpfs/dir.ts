/**
 * Directories of tmpfs: names made, removed and moved.
 *
 * Every function runs with i_rwsem of the directories held for writing, checks done. A name in a
 * directory has a place (offset) that reading the directory goes by. Mirrors mm/shmem.c and the
 * stable offsets of fs/libfs.c.
 */

import { E, READ_ONCE, write, WRITE_ONCE, type Task } from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { xa_store } from '../platform/index.js';
import type { TaskStruct } from '../process/structs.js';
import { add_nlink, S_IFLNK, S_ISDIR, touch_mtime } from './inode.js';
import { super_of, type FsInode } from './structs.js';

/** Give the name of `dentry` a place in the directory. Source: fs/libfs.c, simple_offset_add. */
export function* simple_offset_add(k: FsKernel, dir: FsInode, dentry: Dentry): Task<void> {
  const offset = yield* READ_ONCE(dir.i_next_offset);
  yield* WRITE_ONCE(dir.i_next_offset, offset + 1);
  yield* WRITE_ONCE(dir.i_names, xa_store(k, yield* READ_ONCE(dir.i_names), offset, dentry));
  yield* WRITE_ONCE<unknown>(dentry.d_fsdata, offset);
}

/** Take the name of `dentry` out of the directory. Source: fs/libfs.c, simple_offset_remove. */
export function* simple_offset_remove(k: FsKernel, dir: FsInode, dentry: Dentry): Task<void> {
  const offset = (yield* READ_ONCE(dentry.d_fsdata)) as number;
  yield* WRITE_ONCE(dir.i_names, xa_store(k, yield* READ_ONCE(dir.i_names), offset, null));
}

/**
 * Make a file, a directory or, with `target`, a symbolic link under a negative dentry.
 * @returns 0, -ENOSPC without inodes or room for a long target. May sleep. Source: mm/shmem.c
 */
export function* shmem_mknod(
  k: FsKernel,
  task: TaskStruct,
  dir: FsInode,
  dentry: Dentry,
  mode: number,
  target: string | null,
): Task<number> {
  const inode = yield* k.shmem_get_inode(task, super_of(dentry), dir, mode);
  if (inode === null) return -E.ENOSPC;
  if (target !== null) {
    yield* write<string | null>(inode.i_link, target);
    yield* write(inode.i_size, k.byte_length(target));
  }
  yield* simple_offset_add(k, dir, dentry);
  if (S_ISDIR(mode)) yield* add_nlink(k, dir, 1);
  yield* touch_mtime(k, dir);
  // The name's own reference; unlink drops it.
  yield* k.d_make_persistent(dentry, inode);
  return 0;
}

/** A symbolic link. See {@link shmem_mknod}. */
export function* shmem_symlink(
  k: FsKernel,
  task: TaskStruct,
  dir: FsInode,
  dentry: Dentry,
  target: string,
): Task<number> {
  return yield* k.shmem_mknod(task, dir, dentry, S_IFLNK | 0o777, target);
}

/** A second name for an inode. Source: mm/shmem.c. */
export function* shmem_link(
  k: FsKernel,
  inode: FsInode,
  dir: FsInode,
  dentry: Dentry,
): Task<number> {
  yield* simple_offset_add(k, dir, dentry);
  yield* touch_mtime(k, dir);
  yield* add_nlink(k, inode, 1);
  yield* k.ihold(inode);
  yield* k.d_make_persistent(dentry, inode);
  return 0;
}

/** Remove a name; the file lives on while it is open or has other names. Source: mm/shmem.c. */
export function* shmem_unlink(k: FsKernel, dir: FsInode, dentry: Dentry): Task<void> {
  const inode = (yield* READ_ONCE(dentry.d_inode)) as FsInode;
  yield* simple_offset_remove(k, dir, dentry);
  yield* touch_mtime(k, dir);
  yield* add_nlink(k, inode, -1);
  yield* k.d_make_discardable(dentry);
}

/** Remove an empty directory. Source: mm/shmem.c. */
export function* shmem_rmdir(k: FsKernel, dir: FsInode, dentry: Dentry): Task<void> {
  const inode = (yield* READ_ONCE(dentry.d_inode)) as FsInode;
  yield* add_nlink(k, inode, -1);
  yield* add_nlink(k, dir, -1);
  yield* k.shmem_unlink(dir, dentry);
}

/** Move a name, over a target that may be there. Source: mm/shmem.c, shmem_rename2. */
export function* shmem_rename(
  k: FsKernel,
  from: FsInode,
  dentry: Dentry,
  to: FsInode,
  target: Dentry,
): Task<void> {
  const inode = (yield* READ_ONCE(dentry.d_inode)) as FsInode;
  const over = (yield* READ_ONCE(target.d_inode)) as FsInode | null;
  const is_dir = S_ISDIR(yield* READ_ONCE(inode.i_mode));
  if (over !== null) {
    if (is_dir) yield* add_nlink(k, over, -1);
    yield* simple_offset_remove(k, to, target);
    yield* add_nlink(k, over, -1);
    yield* k.d_make_discardable(target);
  }
  yield* simple_offset_remove(k, from, dentry);
  yield* simple_offset_add(k, to, dentry);
  if (is_dir) {
    yield* add_nlink(k, from, -1);
    if (over === null) yield* add_nlink(k, to, 1);
  }
  yield* touch_mtime(k, from);
  if (to !== from) yield* touch_mtime(k, to);
  yield* add_nlink(k, inode, 0);
}

/** Swap two names. Source: mm/shmem.c, simple_rename_exchange. */
export function* shmem_exchange(
  k: FsKernel,
  from: FsInode,
  a: Dentry,
  to: FsInode,
  b: Dentry,
): Task<void> {
  const inode_a = (yield* READ_ONCE(a.d_inode)) as FsInode;
  const inode_b = (yield* READ_ONCE(b.d_inode)) as FsInode;
  const a_is_dir = S_ISDIR(yield* READ_ONCE(inode_a.i_mode));
  const b_is_dir = S_ISDIR(yield* READ_ONCE(inode_b.i_mode));
  if (from !== to && a_is_dir !== b_is_dir) {
    yield* add_nlink(k, from, a_is_dir ? -1 : 1);
    yield* add_nlink(k, to, a_is_dir ? 1 : -1);
  }
  yield* simple_offset_remove(k, from, a);
  yield* simple_offset_remove(k, to, b);
  yield* simple_offset_add(k, to, a);
  yield* simple_offset_add(k, from, b);
  yield* touch_mtime(k, from);
  if (to !== from) yield* touch_mtime(k, to);
  yield* add_nlink(k, inode_a, 0);
  yield* add_nlink(k, inode_b, 0);
}
