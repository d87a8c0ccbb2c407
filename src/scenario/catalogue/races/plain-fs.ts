/**
 * A filesystem without hooks of its own, made by set-up code: directories and files that are only
 * dentries with inodes, for races of the dcache and of the inode cache.
 */

import { WRITE_ONCE, type Machine, type Task } from '../../../machine/index.js';
import type { Dentry, DentryOperations } from '../../../dcache/index.js';
import type { Inode, SuperBlock, VfsKernel } from '../../../vfs/index.js';
import { make_entry, make_inode, make_root, MODES, plain_super } from '../../tree.js';

export const DIRECTORY = MODES.directory;
export const FILE = MODES.file;

const kindOf = (mode: number): 'directory' | 'file' => (mode === DIRECTORY ? 'directory' : 'file');

/** The super block. */
export function plainSuper(machine: Machine, d_op: DentryOperations = {}): SuperBlock {
  return machine.global(plain_super(d_op));
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
  return yield* make_inode(k, sb, kindOf(mode));
}

/** The root directory of a super block, which keeps the one reference. */
export function* makeRoot(k: VfsKernel, sb: SuperBlock): Task<Dentry> {
  const root = yield* make_root(k, sb);
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
  return yield* make_entry(k, parent, name, mode === null ? 'negative' : kindOf(mode));
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
