/**
 * pidfs: a file for every process. Mirrors fs/pidfs.c; numbers never repeat here.
 */

import { write, type Task } from '../machine/index.js';
import type { DentryOperations } from '../dcache/index.js';
import { S_IFREG, type Inode } from './inode.js';
import type { VfsKernel } from './kernel.js';
import type { Pid, StashedOperations } from './stashed.js';
import type { SuperOperations } from './super.js';

/** Fill in the inode; it takes over the caller's reference on the pid. Source: fs/pidfs.c. */
export function* pidfs_init_inode(k: VfsKernel, inode: Inode, pid: Pid): Task<number> {
  yield* write<unknown>(inode.i_private, pid);
  yield* k.fill_inode(inode, yield* k.ino_of(pid), S_IFREG | 0o700);
  return 0;
}

/** Drop the inode's reference on its pid. Source: fs/pidfs.c. */
export function* pidfs_evict_inode(k: VfsKernel, inode: Inode): Task<void> {
  yield* k.clear_inode(inode);
  yield* k.put_inode_data(inode);
}

export const pidfs_stashed_ops: StashedOperations<Pid> = {
  put_data: (k: VfsKernel, pid: Pid) => k.put_pid(pid),
  init_inode: (k: VfsKernel, inode: Inode, pid: Pid) => k.pidfs_init_inode(inode, pid),
};

export const pidfs_sops: SuperOperations = {
  drop_inode: (k: VfsKernel, inode: Inode) => k.inode_just_drop(inode),
  evict_inode: (k: VfsKernel, inode: Inode) => k.pidfs_evict_inode(inode),
};

/** The dentry operations of pidfs and nsfs: d_prune leaves the stash. */
export const stashed_dentry_operations: DentryOperations = {
  d_prune: (k: VfsKernel, dentry) => k.stashed_dentry_prune(dentry),
};
