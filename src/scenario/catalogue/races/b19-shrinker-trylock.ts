/**
 * A shrinker that only tries the parent's lock.
 *
 * To free a dentry a shrinker needs its lock and its parent's. It had the child's, and the order is
 * parent first, so it could only try the parent's, and on failure let go of the child and begin again.
 * Somebody else wanted all children of that parent gone: he walks with the parent's lock held, finds
 * that the child is on the shrinker's list already, has nothing to do, and walks again. His walk is why
 * the attempt fails, and the child that is still there is why he walks. Nobody waits, nobody sleeps, and
 * nobody gets anywhere. The repair drops the child's lock and takes both from the top.
 */

import {
  AGAIN,
  branch,
  cover,
  READ_ONCE,
  retry,
  spin_lock,
  spin_trylock,
  spin_unlock,
  type List,
  type Task,
} from '../../../machine/index.js';
import { DCACHE, type Dentry, type ShrinkList, type WalkData } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { addUnused, FILE, makeRoot, plainSuper } from './plain-fs.js';
import { onShrinkList } from './shrink-list.js';
import { smallRace } from './small-race.js';

const FAILS = branch('shrink_dentry_list', 'does not get the lock of the parent');
const FOREIGN = branch('shrink_dcache_parent', 'finds what is on the list of somebody else');

/** Free what is on a list, each when the parent's lock happens to be free. */
function* shrink_dentry_list(k: VfsKernel, list: ShrinkList): Task<void> {
  for (const dentry of list) yield* retry(try_to_shrink, k, dentry);
}

function* try_to_shrink(k: VfsKernel, dentry: Dentry): Task<typeof AGAIN | 'done'> {
  yield* spin_lock(dentry.d_lockref);
  const parent = (yield* READ_ONCE(dentry.d_parent))!;
  if (!(yield* spin_trylock(parent.d_lockref))) {
    yield* cover(FAILS);
    yield* spin_unlock(dentry.d_lockref);
    return AGAIN;
  }
  yield* k.d_shrink_del(dentry);
  // Killing takes the parent's lock where it needs it.
  yield* spin_unlock(parent.d_lockref);
  yield* k.shrink_kill(dentry);
  return 'done';
}

/** Walk until nothing is found any more. */
function* shrink_dcache_parent(k: VfsKernel, parent: Dentry): Task<void> {
  yield* retry(walk_again, k, parent);
}

function* walk_again(k: VfsKernel, parent: Dentry): Task<typeof AGAIN | 'done'> {
  const found = yield* k.d_walk(parent, k.list<unknown>([]), find_foreign);
  if (found.items.length === 0) return 'done';
  yield* cover(FOREIGN);
  return AGAIN;
}

/** What others have on their lists: nothing to do but to wait. */
function* find_foreign(k: VfsKernel, dentry: Dentry, data: WalkData): Task<List<unknown>> {
  const foreign = ((yield* READ_ONCE(dentry.d_flags)) & DCACHE.SHRINK_LIST) !== 0;
  return k.list<unknown>(['D_WALK_CONTINUE', foreign ? k.list([dentry]) : data]);
}

export const b19 = smallRace({
  name: 'b19-shrinker-trylock',
  title: 'a shrinker tries a lock that a walk holds which waits for the shrinker',
  history: {
    id: 'B19',
    year: 2014,
    identifiers: ['046b961b45f9', 'b2b80195d882'],
    expect: 'livelock: shrink_dcache_parent and shrink_dentry_list retry for ever',
    witness: { steps: 18, switches: 5 },
    about: [kernelBranch('shrink_dcache_parent', 'kills a dentry on another shrink list')],
    wrong: [FAILS, FOREIGN],
  },
  version: 'v7.3',
  buggy: { shrink_dentry_list, shrink_dcache_parent },
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
