/**
 * Inodes of tmpfs: made, counted against the limits, changed, and gone.
 *
 * Invariant: an inode number is in use from shmem_get_inode to eviction; whether it then comes back
 * is the filesystem's choice. Mirrors mm/shmem.c.
 */

import {
  atomic_fetch_add,
  kmem_cache_alloc,
  list_add,
  list_del,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  write,
  WRITE_ONCE,
  type Task,
} from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { Inode } from '../inode.js';
import { pages_truncate } from '../platform/index.js';
import type { TaskStruct } from '../process/structs.js';
import type { SuperBlock, SuperOperations } from '../super.js';
import { down_write, up_write, type FsInode, type FsSuper } from './structs.js';

export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
const S_ISGID = 0o2000;

/** Is this mode a directory's? */
export function S_ISDIR(mode: number): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

/** Is this mode a symbolic link's? */
export function S_ISLNK(mode: number): boolean {
  return (mode & S_IFMT) === S_IFLNK;
}

/** Now, in milliseconds of the virtual clock. */
export function* current_time(k: FsKernel): Task<number> {
  return yield* READ_ONCE(k.clock.now);
}

/**
 * A new inode with one reference, its number taken and its owner set.
 * @returns null if the filesystem has no more inodes, or there is no memory. May sleep.
 * Source: mm/shmem.c.
 */
export function* shmem_get_inode(
  k: FsKernel,
  task: TaskStruct,
  sb: FsSuper,
  dir: FsInode | null,
  mode: number,
): Task<FsInode | null> {
  if ((yield* atomic_fetch_add(sb.s_inodes_used, 1)) >= sb.s_inodes_max) {
    yield* atomic_fetch_add(sb.s_inodes_used, -1);
    return null;
  }
  const inode = yield* kmem_cache_alloc(k.fs_inode_cache, sb);
  if (inode === null) {
    yield* atomic_fetch_add(sb.s_inodes_used, -1);
    return null;
  }
  const now = yield* current_time(k);
  let bits = mode;
  let gid = yield* READ_ONCE(task.gid);
  if (dir !== null && ((yield* READ_ONCE(dir.i_mode)) & S_ISGID) !== 0) {
    gid = yield* READ_ONCE(dir.i_gid);
    if (S_ISDIR(mode)) bits |= S_ISGID;
  }
  yield* k.fill_inode(inode, yield* k.shmem_get_ino(sb), bits);
  yield* write(inode.i_uid, yield* READ_ONCE(task.uid));
  yield* write(inode.i_gid, gid);
  yield* write(inode.i_generation, (yield* atomic_fetch_add(sb.s_generation, 1)) + 1);
  yield* write(inode.i_atime, now);
  yield* write(inode.i_mtime, now);
  yield* write(inode.i_ctime, now);
  yield* write(inode.i_btime, now);
  yield* write(inode.i_nlink, S_ISDIR(mode) ? 2 : 1);
  return inode;
}

/** An inode of pidfs or nsfs: with what stat wants to know. @returns null without memory. May sleep. */
export function* fs_new_inode_pseudo(k: FsKernel, sb: SuperBlock): Task<Inode | null> {
  return yield* kmem_cache_alloc(k.fs_inode_cache, sb);
}

/** A number for an inode: the one freed last if numbers are reused, else one that never was. */
export function* shmem_get_ino(k: FsKernel, sb: FsSuper): Task<number> {
  if (!sb.s_reuse_ino) return (yield* atomic_fetch_add(sb.s_last_ino, 1)) + 1;
  yield* spin_lock(k.ino_lock.lock);
  let ino = 0;
  for (const free of (yield* READ_ONCE(sb.s_free_inos)) ?? []) {
    ino = free;
    break;
  }
  if (ino === 0) {
    ino = (yield* READ_ONCE(sb.s_last_ino)) + 1;
    yield* WRITE_ONCE(sb.s_last_ino, ino);
  } else {
    yield* list_del(sb.s_free_inos, ino);
  }
  yield* spin_unlock(k.ino_lock.lock);
  return ino;
}

/** Give everything back. The inode is unreachable. May sleep. Source: mm/shmem.c. */
export function* shmem_evict_inode(k: FsKernel, inode: FsInode): Task<void> {
  const sb = inode.i_sb as FsSuper;
  const blocks = yield* READ_ONCE(inode.i_blocks);
  if (blocks > 0) yield* atomic_fetch_add(sb.s_blocks_used, -blocks);
  yield* WRITE_ONCE(inode.i_pages, null);
  yield* k.clear_inode(inode);
  if (sb.s_reuse_ino) {
    const ino = yield* READ_ONCE(inode.i_ino);
    yield* spin_lock(k.ino_lock.lock);
    yield* list_add(sb.s_free_inos, ino);
    yield* spin_unlock(k.ino_lock.lock);
  }
  yield* atomic_fetch_add(sb.s_inodes_used, -1);
}

export const shmem_sops: SuperOperations = {
  evict_inode: (k: FsKernel, inode: Inode) => k.shmem_evict_inode(inode as FsInode),
};

/** Change the link count, and the time of change with it. */
export function* add_nlink(k: FsKernel, inode: FsInode, change: number): Task<void> {
  yield* spin_lock(inode.i_lock);
  yield* WRITE_ONCE(inode.i_nlink, (yield* READ_ONCE(inode.i_nlink)) + change);
  yield* WRITE_ONCE(inode.i_ctime, yield* current_time(k));
  yield* spin_unlock(inode.i_lock);
}

/** The contents, or the names, of an inode have changed now. */
export function* touch_mtime(k: FsKernel, inode: FsInode): Task<void> {
  const now = yield* current_time(k);
  yield* WRITE_ONCE(inode.i_mtime, now);
  yield* WRITE_ONCE(inode.i_ctime, now);
}

/** Cut or extend a file; takes i_rwsem. May sleep. Source: mm/shmem.c. */
export function* shmem_setsize(k: FsKernel, inode: FsInode, size: number): Task<void> {
  yield* down_write(inode.i_rwsem);
  if (size < (yield* READ_ONCE(inode.i_size))) {
    const pages = pages_truncate(k, yield* READ_ONCE(inode.i_pages), size);
    yield* WRITE_ONCE(inode.i_pages, pages);
    yield* k.shmem_recalc_inode(inode);
  }
  yield* WRITE_ONCE(inode.i_size, size);
  yield* touch_mtime(k, inode);
  yield* up_write(inode.i_rwsem);
}
