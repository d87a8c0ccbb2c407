/**
 * An inode unlocked before it has an alias.
 *
 * A directory has at most one dentry. mkdir puts the new inode into the inode hash, marked as new;
 * who finds it there waits until the mark is gone. The mark was taken off first, and the dentry
 * attached after that. In between somebody who opens by handle finds the inode without a dentry and
 * gives it one of its own; then mkdir attaches the second. The repair attaches the dentry first, in
 * one primitive with taking the mark off.
 */

import type { Task } from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import type { Inode, VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { DIRECTORY, makeRoot, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const HAS_ALIAS = kernelBranch('d_obtain_alias', 'finds an alias');
const DISCONNECTED = kernelBranch('d_obtain_alias', 'makes a disconnected dentry');

/** Attach the dentry, and only then let others in. Source: fs/dcache.c. */
function* d_instantiate_new(k: VfsKernel, dentry: Dentry, inode: Inode): Task<void> {
  yield* k.d_instantiate(dentry, inode);
  yield* k.unlock_new_inode(inode);
}

const unlock_first = function* d_instantiate_new(
  k: VfsKernel,
  dentry: Dentry,
  inode: Inode,
): Task<void> {
  yield* k.unlock_new_inode(inode);
  yield* k.d_instantiate(dentry, inode);
};

const INO = 7;

export const b39 = smallRace({
  name: 'b39-unlocked-before-alias',
  title: 'a new directory is found by its handle before it has its dentry',
  history: {
    id: 'B39',
    year: 2018,
    identifiers: ['1e2e547a93a0', 'b0c6108ecf64'],
    expect: 'invariant: a directory has at most one alias',
    witness: { steps: 38, switches: 2 },
    about: [HAS_ALIAS],
    wrong: [HAS_ALIAS, DISCONNECTED],
  },
  version: 'v7.3',
  own: { d_instantiate_new },
  buggy: { d_instantiate_new: unlock_first },
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    const root = machine.boot(() => makeRoot(k, sb));
    const dentry = machine.boot(() => k.d_alloc(root, 'new'))!;
    const inode = machine.boot(function* () {
      const fresh = (yield* k.new_inode(sb))!;
      yield* k.fill_inode(fresh, INO, DIRECTORY);
      yield* k.insert_inode_locked(fresh);
      return fresh;
    });
    return { sb, dentry, inode };
  },
  tasks: {
    *mkdir(k, { dentry, inode }) {
      yield* k.d_instantiate_new(dentry, inode);
    },
    *open_by_handle(k, { sb }) {
      const inode = yield* k.ilookup(sb, INO);
      if (inode !== null) yield* k.d_obtain_alias(inode);
    },
  },
});
