/**
 * d_lock does not pin the parent's inode.
 *
 * nfs_set_verifier took the lock of a dentry and looked at the inode of its parent. Who holds a
 * reference on a dentry holds one on its parent by it. But in RCU mode there is no reference: the
 * dentry may be dead already when its lock is taken, then its parent was let go of, and if that was
 * the last reference, has lost its inode. The lock of a dentry that nobody pins proves nothing about
 * its parent. The repair gives up when the inode is not there; the walk fails its d_seq check anyway.
 */

import {
  branch,
  cover,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Cell,
  type Task,
} from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import type { Inode, VfsKernel } from '../../../vfs/index.js';
import { plainSuper, positiveDentry } from './plain-fs.js';
import { smallRace } from './small-race.js';

const SET = branch('nfs_set_verifier', 'has the inode of the parent');
const GONE = branch('nfs_set_verifier', 'finds the parent without its inode');

/** Stands for the hash chain in which the walker finds the child. */
class Slot extends Struct {
  readonly dentry: Cell<Dentry | null>;

  constructor(dentry: Dentry) {
    super('slot');
    this.dentry = this.cell<Dentry | null>('dentry', dentry);
  }
}

/** Called in RCU mode, with no reference on `dentry`. Takes d_lock. Source: fs/nfs/dir.c. */
function* nfs_set_verifier(_k: VfsKernel, dentry: Dentry): Task<void> {
  yield* spin_lock(dentry.d_lockref);
  const parent = yield* READ_ONCE(dentry.d_parent);
  const dir = (yield* READ_ONCE(parent!.d_inode)) as Inode | null;
  if (dir === null) {
    yield* cover(GONE);
  } else {
    yield* READ_ONCE(dir.i_mode);
    yield* cover(SET);
  }
  yield* spin_unlock(dentry.d_lockref);
}

const trusting = function* nfs_set_verifier(_k: VfsKernel, dentry: Dentry): Task<void> {
  yield* spin_lock(dentry.d_lockref);
  const parent = yield* READ_ONCE(dentry.d_parent);
  const dir = (yield* READ_ONCE(parent!.d_inode)) as Inode;
  yield* READ_ONCE(dir.i_mode);
  yield* cover(SET);
  yield* spin_unlock(dentry.d_lockref);
};

export const b35 = smallRace({
  name: 'b35-parents-inode',
  title: 'a walker locks a dead dentry and uses the inode that its parent has lost',
  history: {
    id: 'B35',
    year: 2024,
    identifiers: ['10a973fc4fb2'],
    expect: 'BUG: unable to handle kernel NULL pointer dereference in nfs_set_verifier',
    witness: { steps: 70, switches: 2 },
    about: [SET, GONE],
    wrong: [SET],
  },
  own: { nfs_set_verifier },
  buggy: { nfs_set_verifier: trusting },
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    const parent = positiveDentry(machine, k, sb, null);
    const child = positiveDentry(machine, k, sb, parent);
    // From now on the parent lives by its child's reference alone.
    machine.boot(() => k.dput(parent));
    return machine.global(new Slot(child), 'found');
  },
  tasks: {
    *walker(k, slot) {
      yield* k.rcu_read_lock();
      const dentry = yield* k.rcu_dereference(slot.dentry);
      if (dentry !== null) yield* k.nfs_set_verifier(dentry);
      yield* k.rcu_read_unlock();
    },
    *shrinker(k, slot) {
      const dentry = yield* READ_ONCE(slot.dentry);
      yield* WRITE_ONCE(slot.dentry, null);
      yield* k.dput(dentry);
    },
  },
});
