/**
 * d_inode and d_flags read apart.
 *
 * Whether a dentry is positive, and what kind of thing it names, is in d_flags; the inode is in
 * d_inode. A walker that loads the inode of a negative dentry, and after somebody has created the
 * file loads the flags, holds "positive" together with no inode. Read the other way round it misses
 * that the file is a symlink. Pairing barriers was tried in 2014 and found too brittle; since 2016
 * the two are written inside d_seq, and a walker validates what it has read.
 */

import {
  branch,
  cover,
  E,
  raw_seqcount_begin,
  read_seqcount_retry,
  READ_ONCE,
  type Task,
} from '../../../machine/index.js';
import { DCACHE, type Dentry } from '../../../dcache/index.js';
import type { Inode, VfsKernel } from '../../../vfs/index.js';
import { negativeDentry, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const POSITIVE = branch('lookup_fast', 'finds the file');
const MISSING = branch('lookup_fast', 'finds that there is no such file');
const CHANGED = branch('lookup_fast', 'notices that the dentry has changed');

/** What a walk in RCU mode makes of a dentry. @returns the mode, -ENOENT or -ECHILD */
function* lookup_fast(k: VfsKernel, dentry: Dentry): Task<number> {
  yield* k.rcu_read_lock();
  const seq = yield* raw_seqcount_begin(dentry.d_seq);
  const inode = (yield* READ_ONCE(dentry.d_inode)) as Inode | null;
  const flags = yield* READ_ONCE(dentry.d_flags);
  let result = -E.ECHILD;
  if (yield* read_seqcount_retry(dentry.d_seq, seq)) yield* cover(CHANGED);
  else result = yield* step_into(inode, flags);
  yield* k.rcu_read_unlock();
  return result;
}

const unchecked = function* lookup_fast(k: VfsKernel, dentry: Dentry): Task<number> {
  yield* k.rcu_read_lock();
  const inode = (yield* READ_ONCE(dentry.d_inode)) as Inode | null;
  const flags = yield* READ_ONCE(dentry.d_flags);
  const result = yield* step_into(inode, flags);
  yield* k.rcu_read_unlock();
  return result;
};

function* step_into(inode: Inode | null, flags: number): Task<number> {
  if ((flags & DCACHE.ENTRY_TYPE) === 0) {
    yield* cover(MISSING);
    return -E.ENOENT;
  }
  yield* cover(POSITIVE);
  return yield* READ_ONCE(inode!.i_mode);
}

export const b30 = smallRace({
  name: 'b30-inode-and-flags',
  title: 'a walker sees no inode, and flags that say that there is one',
  history: {
    id: 'B30',
    year: 2016,
    identifiers: ['22213318af7a', 'a528aca7f359'],
    expect: 'BUG: unable to handle kernel NULL pointer dereference in step_into',
    witness: { steps: 11, switches: 2 },
    about: [POSITIVE, MISSING, CHANGED],
    wrong: [POSITIVE, MISSING],
  },
  own: { lookup_fast },
  buggy: { lookup_fast: unchecked },
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    const dentry = negativeDentry(machine, k, sb);
    const inode = machine.boot(function* () {
      return (yield* k.new_inode_pseudo(sb))!;
    });
    return { dentry, inode };
  },
  tasks: {
    *open(k, { dentry }) {
      yield* k.lookup_fast(dentry);
    },
    *creat(k, { dentry, inode }) {
      yield* k.d_instantiate(dentry, inode);
    },
  },
});
