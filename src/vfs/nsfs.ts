/**
 * nsfs: a file for every namespace. Mirrors fs/nsfs.c; a number is free again with its namespace.
 */

import { might_sleep, write, type Task } from '../machine/index.js';
import { S_IFREG, type Inode } from './inode.js';
import type { VfsKernel } from './kernel.js';
import type { NsCommon, StashedOperations } from './stashed.js';
import type { SuperOperations } from './super.js';

/** Fill in the inode; it takes over the caller's reference on the namespace. Source: fs/nsfs.c. */
export function* nsfs_init_inode(k: VfsKernel, inode: Inode, ns: NsCommon): Task<number> {
  yield* write<unknown>(inode.i_private, ns);
  yield* k.fill_inode(inode, yield* k.ino_of(ns), S_IFREG | 0o444);
  return 0;
}

/** Drop the inode's reference on its namespace. May sleep. Source: fs/nsfs.c. */
export function* nsfs_evict_inode(k: VfsKernel, inode: Inode): Task<void> {
  yield* k.clear_inode(inode);
  yield* k.put_inode_data(inode);
}

/** Drop a reference on a namespace. Tearing one down may sleep. Source: fs/nsfs.c. */
export function* nsfs_put_data(k: VfsKernel, ns: NsCommon): Task<void> {
  yield* might_sleep('nsfs_put_data');
  yield* k.put_ns(ns);
}

export const nsfs_stashed_ops: StashedOperations<NsCommon> = {
  put_data: (k: VfsKernel, ns: NsCommon) => k.nsfs_put_data(ns),
  init_inode: (k: VfsKernel, inode: Inode, ns: NsCommon) => k.nsfs_init_inode(inode, ns),
};

export const nsfs_sops: SuperOperations = {
  drop_inode: (k: VfsKernel, inode: Inode) => k.inode_just_drop(inode),
  evict_inode: (k: VfsKernel, inode: Inode) => k.nsfs_evict_inode(inode),
};
