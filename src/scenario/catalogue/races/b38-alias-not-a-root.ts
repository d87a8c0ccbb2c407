/**
 * An alias that is no root any more.
 *
 * A lookup comes to a directory that has a dentry already, made for a file handle: the root of a
 * disconnected tree, which may simply be moved to where the lookup is. That it is a root was tested
 * under i_lock, and the move made after that lock was dropped, with the mutex of one directory held.
 * In between another lookup may have put the alias somewhere; then it is taken from a directory whose
 * lock nobody holds, under the eyes of a rename that relies on the tree's shape. The repair tests again
 * under rename_lock, and moves what has a place only if it gets the rename mutex without waiting.
 *
 * When it does not get it, or the move would close a loop, it fails; the reference on the inode that
 * it had taken over has to go on those exits too.
 */

import {
  branch,
  cmpxchg,
  cover,
  ERR_PTR,
  E,
  READ_ONCE,
  smp_store_release,
  WARN,
  write_seqlock,
  write_sequnlock,
  type ErrPtr,
  type Task,
} from '../../../machine/index.js';
import { dcache_functions, type Dentry } from '../../../dcache/index.js';
import type { Inode, VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { addEntry, DIRECTORY, makeRoot, newInode, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const TAKES_ROOT = kernelBranch('d_splice_alias', 'moves the root of a disconnected tree');
const UNALIAS = kernelBranch('d_splice_alias', 'moves an alias from where it was');
const LOOP = kernelBranch('d_splice_alias', 'refuses to move a directory into itself');
const ROOT_BEFORE = branch('d_splice_alias', 'moves what was a root when it looked');

/** Move the alias to the dentry's place if it was a root when it was found. */
function* d_splice_move(
  k: VfsKernel,
  inode: Inode,
  dentry: Dentry,
  alias: Dentry,
): Task<Dentry | ErrPtr> {
  if (!(yield* k.IS_ROOT(alias))) {
    return yield* dcache_functions.d_splice_move(k, inode, dentry, alias);
  }
  yield* cover(ROOT_BEFORE);
  yield* k.d_move(alias, dentry);
  yield* k.iput(inode);
  return alias;
}

/** A name under which the directory may be found, not looked up yet. */
function* newName(k: VfsKernel, parent: Dentry, name: string): Task<Dentry> {
  return (yield* k.d_alloc(parent, name))!;
}

/** What a lookup by name finds: the directory's inode, for this dentry. */
function* lookup_dir(k: VfsKernel, inode: Inode, dentry: Dentry): Task<void> {
  yield* k.ihold(inode);
  yield* k.d_splice_alias(inode, dentry);
}

/** A rename between directories, which keeps all others away, looks twice where the alias is. */
function* lock_rename(_k: VfsKernel, alias: Dentry): Task<void> {
  const mutex = alias.d_sb.s_vfs_rename_mutex;
  if ((yield* cmpxchg(mutex, 0, 1, 'acquire')) !== 0) return;
  const parent = yield* READ_ONCE(alias.d_parent);
  const now = yield* READ_ONCE(alias.d_parent);
  if (parent !== alias && now !== parent) yield* WARN('WARNING: the tree changed under a rename');
  yield* smp_store_release(mutex, 0);
}

export const b38 = smallRace({
  name: 'b38-alias-not-a-root',
  title: 'a lookup moves an alias that another lookup has put in its place meanwhile',
  history: {
    id: 'B38',
    year: 2014,
    identifiers: ['908790fa3b77'],
    expect: 'WARNING: the tree changed under a rename in lock_rename',
    witness: { steps: 105, switches: 3 },
    about: [TAKES_ROOT, UNALIAS],
    wrong: [ROOT_BEFORE],
  },
  own: { lookup_dir, lock_rename },
  buggy: { d_splice_move },
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    const root = machine.boot(() => makeRoot(k, sb));
    const [p, q] = ['p', 'q'].map((name) => machine.boot(() => addEntry(k, root, name, DIRECTORY)));
    const inode = machine.boot(() => newInode(k, sb, DIRECTORY));
    const alias = machine.boot(() => k.d_obtain_alias(inode)) as Dentry;
    const x = machine.boot(() => newName(k, p, 'x'));
    const y = machine.boot(() => newName(k, q, 'y'));
    return { inode, alias, x, y };
  },
  tasks: {
    *lookup(k, { inode, x }) {
      yield* k.lookup_dir(inode, x);
    },
    *reconnect(k, { inode, alias, y }) {
      yield* k.lookup_dir(inode, y);
      yield* k.lock_rename(alias);
    },
  },
});

/** As in the kernel but for the exits that fail. */
const keeps_the_inode = function* d_splice_move(
  k: VfsKernel,
  inode: Inode,
  dentry: Dentry,
  alias: Dentry,
): Task<Dentry | ErrPtr> {
  yield* write_seqlock(k.rename_lock);
  const loop = (yield* k.d_ancestor(alias, dentry)) !== null;
  yield* write_sequnlock(k.rename_lock);
  if (!loop) return yield* dcache_functions.d_splice_move(k, inode, dentry, alias);
  yield* cover(LOOP);
  yield* k.dput(alias);
  return ERR_PTR(-E.ELOOP);
};

const HELD = 'each reference on the inode is held by a dentry';

export const b38b = smallRace({
  name: 'b38b-inode-kept-on-error',
  title: 'a lookup that would close a loop keeps the reference on the inode',
  history: {
    id: 'B38b',
    year: 2014,
    identifiers: ['51486b900ee9'],
    expect: 'invariant: each reference on the inode is held by a dentry',
    witness: { steps: 26, switches: 1 },
    about: [LOOP],
  },
  own: { lookup_dir },
  buggy: { d_splice_move: keeps_the_inode },
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    const inode = machine.boot(() => newInode(k, sb, DIRECTORY));
    const alias = machine.boot(() => k.d_obtain_alias(inode)) as Dentry;
    const below = machine.boot(() => newName(k, alias, 'loop'));
    return { inode, alias, below };
  },
  tasks: {
    *lookup(k, { inode, below }) {
      yield* k.lookup_dir(inode, below);
    },
    *pruner(k, { inode }) {
      yield* k.d_mark_dontcache(inode);
    },
  },
  atRest: ({ inode }) => {
    const aliases = inode.i_dentry.value?.items.length ?? 0;
    const count = inode.i_count.value;
    return count === aliases ? [] : [{ name: HELD, detail: `${count} for ${aliases} dentries` }];
  },
  checks: [HELD],
});
