/**
 * A filesystem without any hooks: directories and files that are only dentries with inodes, made by
 * set-up code, for races of the dcache itself.
 */

import type { Machine } from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import { SuperBlock, type Inode, type VfsKernel } from '../../../vfs/index.js';

/** The super block. */
export function plainSuper(machine: Machine): SuperBlock {
  const evict_inode = (k: VfsKernel, inode: Inode): ReturnType<VfsKernel['clear_inode']> =>
    k.clear_inode(inode);
  return machine.global(new SuperBlock('ext4', { evict_inode }, {}, 0, null as never));
}

/** A dentry without an inode, count 1. */
export function negativeDentry(machine: Machine, k: VfsKernel, sb: SuperBlock): Dentry {
  return machine.boot(function* () {
    return (yield* k.d_alloc_anon(sb))!;
  });
}

/** A dentry with an inode, count 1; a child of `parent` unless that is null. */
export function positiveDentry(
  machine: Machine,
  k: VfsKernel,
  sb: SuperBlock,
  parent: Dentry | null,
): Dentry {
  return machine.boot(function* () {
    const dentry = (yield* parent === null ? k.d_alloc_anon(sb) : k.d_alloc(parent, 'child'))!;
    yield* k.d_instantiate(dentry, yield* k.new_inode_pseudo(sb));
    return dentry;
  });
}
