/**
 * A filesystem without hooks of its own, made by set-up code: directories and files that are only
 * dentries with inodes, for races of the dcache and of the inode cache.
 */

import { write, WRITE_ONCE, type Machine, type Task } from '../../../machine/index.js';
import type { Dentry, DentryOperations } from '../../../dcache/index.js';
import { SuperBlock, type Inode, type VfsKernel } from '../../../vfs/index.js';

export const DIRECTORY = 0o040755;
export const FILE = 0o100644;

/** The super block. */
export function plainSuper(machine: Machine, d_op: DentryOperations = {}): SuperBlock {
  const evict_inode = (k: VfsKernel, inode: Inode): ReturnType<VfsKernel['clear_inode']> =>
    k.clear_inode(inode);
  return machine.global(new SuperBlock('ext4', { evict_inode }, d_op, 0, null as never));
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

/** A private inode of this mode, count 1. */
export function* newInode(k: VfsKernel, sb: SuperBlock, mode: number): Task<Inode> {
  const inode = (yield* k.new_inode_pseudo(sb))!;
  yield* write(inode.i_mode, mode);
  return inode;
}

/** The root directory of a super block, which keeps the one reference. */
export function* makeRoot(k: VfsKernel, sb: SuperBlock): Task<Dentry> {
  const root = (yield* k.d_make_root(sb, yield* newInode(k, sb, DIRECTORY)))!;
  yield* WRITE_ONCE(sb.s_root, root);
  return root;
}

/** A hashed entry with a reference for the caller; negative if `mode` is null. */
export function* addEntry(
  k: VfsKernel,
  parent: Dentry,
  name: string,
  mode: number | null,
): Task<Dentry> {
  const dentry = (yield* k.d_alloc(parent, name))!;
  const sb = parent.d_sb as SuperBlock;
  yield* k.d_add(dentry, mode === null ? null : yield* newInode(k, sb, mode));
  return dentry;
}

/** A hashed entry that nobody uses: it is on the LRU. */
export function* addUnused(
  k: VfsKernel,
  parent: Dentry,
  name: string,
  mode: number | null,
): Task<Dentry> {
  const dentry = yield* addEntry(k, parent, name, mode);
  yield* k.dput(dentry);
  return dentry;
}
