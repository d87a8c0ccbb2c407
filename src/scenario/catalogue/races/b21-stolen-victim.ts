/**
 * A victim that is used without its lock.
 *
 * When everything that a walk finds is on other shrinkers' lists, shrink_dcache_parent takes one of
 * those dentries and kills it itself. The visitor chose it under its d_lock, but the walk lets go of
 * the lock when it returns. The first version went straight on to lock_for_kill(), which wants the
 * lock held: the other shrinker may kill the dentry in between, and it is killed twice. The contract
 * was checked where a lockref is marked dead, so the assertion spoke within days, in linux-next; it was
 * never in a release.
 */

import { branch, cover, type Task } from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { addUnused, FILE, makeRoot, plainSuper } from './plain-fs.js';
import { onShrinkList } from './shrink-list.js';
import { smallRace } from './small-race.js';

const UNLOCKED = branch('shrink_dcache_parent', 'goes on with a victim that it has not locked');

/** Kill the victim of a walk, as if the walk had kept it locked. Entry: inside a reader. */
function* shrink_victim(k: VfsKernel, victim: Dentry): Task<void> {
  yield* cover(UNLOCKED);
  yield* k.rcu_read_unlock();
  yield* k.shrink_kill(victim);
}

export const b21 = smallRace({
  name: 'b21-stolen-victim',
  title: 'a dentry taken from another shrinker is killed without its lock',
  history: {
    id: 'B21',
    year: 2019,
    identifiers: ['syzbot f70e9b00f8c7d4187bd0'],
    expect: 'WARNING: lock not held in lock_for_kill_or_give_up',
    witness: { steps: 21, switches: 0 },
    about: [kernelBranch('shrink_dcache_parent', 'kills a dentry on another shrink list')],
    wrong: [UNLOCKED],
  },
  version: 'v7.3',
  buggy: { shrink_victim },
  objects: (machine, k) => {
    const root = machine.boot(() => makeRoot(k, plainSuper(machine)));
    const child = machine.boot(() => addUnused(k, root, 'c', FILE));
    return { root, list: machine.boot(() => onShrinkList(k, child)) };
  },
  tasks: {
    *shrinker(k, { list }) {
      yield* k.shrink_dentry_list(list);
    },
    *remover(k, { root }) {
      yield* k.shrink_dcache_parent(root);
    },
  },
});
