/**
 * A small filesystem for scenarios about dentries: a super block, directories and files that are
 * only dentries with inodes.
 *
 * Invariant: the functions that make entries are set-up code as well as task code: they are tasks,
 * and every access is a step.
 */

import type { Dentry, DentryOperations } from '../dcache/index.js';
import { write, type Task } from '../machine/index.js';
import { SuperBlock, type Inode, type VfsKernel } from '../vfs/index.js';

/** Type and permissions of what is made here. */
export const MODES = { directory: 0o040755, file: 0o100644 } as const;

/** A super block, for `objects` of a scenario. @param s_d_op what its dentries hook */
export function plain_super(s_d_op: DentryOperations = {}): SuperBlock {
  const evict_inode = (k: VfsKernel, inode: Inode): ReturnType<VfsKernel['clear_inode']> =>
    k.clear_inode(inode);
  return new SuperBlock('plainfs', { evict_inode }, s_d_op, 0, null as never);
}

/** The root directory of a super block; the caller's reference stays. May sleep. */
export function* make_root(k: VfsKernel, sb: SuperBlock): Task<Dentry> {
  return (yield* k.d_make_root(sb, yield* make_inode(k, sb, 'directory')))!;
}

/**
 * Add a hashed entry; the caller's reference stays. May sleep.
 * @param what `negative` is a name that is known not to exist
 */
export function* make_entry(
  k: VfsKernel,
  parent: Dentry,
  name: string,
  what: keyof typeof MODES | 'negative',
): Task<Dentry> {
  const dentry = (yield* k.d_alloc(parent, name))!;
  const sb = dentry.d_sb as SuperBlock;
  yield* k.d_add(dentry, what === 'negative' ? null : yield* make_inode(k, sb, what));
  return dentry;
}

/** An inode with count 1. May sleep. */
export function* make_inode(k: VfsKernel, sb: SuperBlock, what: keyof typeof MODES): Task<Inode> {
  const inode = (yield* k.new_inode_pseudo(sb))!;
  yield* write(inode.i_mode, MODES[what]);
  return inode;
}
