/**
 * Mounting tmpfs: a super block with its limits, and its root directory. Mirrors mm/shmem.c.
 */

import { E, ERR_PTR, kmem_cache_alloc, type ErrPtr, type Task } from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import { S_IFDIR } from './inode.js';

/** The root dentry of a new tmpfs, with a reference. May sleep. Source: mm/shmem.c. */
export function* shmem_fill_super(
  k: FsKernel,
  task: TaskStruct,
  blocks: number,
  inodes: number,
): Task<Dentry | ErrPtr> {
  const sb = yield* kmem_cache_alloc(k.super_cache, blocks, inodes);
  if (sb === null) return ERR_PTR(-E.ENOMEM);
  const inode = yield* k.shmem_get_inode(task, sb, null, S_IFDIR | 0o755);
  if (inode === null) return ERR_PTR(-E.ENOSPC);
  return (yield* k.d_make_root(sb, inode)) ?? ERR_PTR(-E.ENOMEM);
}
