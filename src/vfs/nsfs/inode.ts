/**
 * Inodes of nsfs: each is a user of its namespace, so an open file, or a mount of one, keeps it alive.
 *
 * Invariant: a namespace has at least as many users as it has inodes that are not evicted. Opening
 * one that nobody uses any more, through an object that still holds it, makes it, and whoever owns
 * it, used again. Mirrors fs/nsfs.c.
 */

import { IS_ERR, READ_ONCE, write, type Task } from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { S_IFREG, type Inode } from '../inode.js';
import { ns_type_of, type Namespace } from '../ns/structs.js';
import type { File } from '../process/structs.js';
import type { NsCommon } from '../stashed.js';

/** Fill in the inode; it takes over the caller's reference on the namespace. Source: fs/nsfs.c. */
export function* nsfs_init_inode(k: FsKernel, inode: Inode, ns: NsCommon): Task<number> {
  yield* write<unknown>(inode.i_private, ns);
  yield* k.fill_inode(inode, yield* READ_ONCE(ns.ino), S_IFREG | 0o444);
  yield* k.ns_ref_active_get(ns as Namespace);
  return 0;
}

/** One user less, then the reference. May sleep. Source: fs/nsfs.c. */
export function* nsfs_evict_inode(k: FsKernel, inode: Inode): Task<void> {
  const ns = (yield* READ_ONCE(inode.i_private)) as Namespace | null;
  // Without one the inode was never filled in.
  if (ns !== null) yield* k.ns_ref_active_put(ns);
  yield* k.clear_inode(inode);
  yield* k.put_inode_data(inode);
}

/** The namespace that a file stands for, or null. Source: fs/nsfs.c, proc_ns_file. */
export function* ns_of_file(k: FsKernel, file: File): Task<Namespace | null> {
  const inode = (yield* READ_ONCE(file.f_inode))!;
  if (inode.i_sb !== k.nsfs) return null;
  return (yield* READ_ONCE(inode.i_private)) as Namespace | null;
}

/**
 * Open the file of a namespace; uses up the caller's reference. May sleep.
 * @returns the file, -ENOMEM, -ENFILE. Source: fs/nsfs.c, open_namespace_file
 */
export function* nsfs_alloc_file(k: FsKernel, ns: Namespace, flags: number): Task<File | number> {
  const dentry = yield* k.path_from_stashed(ns.stashed, k.nsfs, ns);
  if (IS_ERR(dentry)) return dentry.errno;
  return yield* k.dentry_open(k.nsfs_mnt, dentry, flags);
}

/** What a link of nsfs says: `net:[4026531840]`. Source: fs/nsfs.c, ns_dname. */
export function* ns_dname(_k: FsKernel, ns: Namespace): Task<string> {
  return `${ns_type_of(ns.ns_type).name}:[${yield* READ_ONCE(ns.ino)}]`;
}
