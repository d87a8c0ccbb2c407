/**
 * -1 of lockref_put_return, misread.
 *
 * The primitive drops a reference without ever waiting, or returns -1: because d_lock is held,
 * because there is no compare-exchange, or because the count is zero or less already. The first two
 * are legal and mean: do it under d_lock. Its caller did, and looked only whether the count is more
 * than one; anything else it took for the last reference. After one dput too many the count is zero,
 * and under the lock it goes below: whoever takes a reference next has none. The repair looks, and
 * leaves the dentry alone; the kernel warns there too, which is left out here.
 */

import {
  branch,
  cover,
  lockdep_assert_held,
  READ_ONCE,
  spin_unlock,
  WRITE_ONCE,
  type Task,
} from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import { count_of, with_count } from '../../../lockref/index.js';
import { kernelBranch } from './kernel-branch.js';
import { addEntry, FILE, makeRoot, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const UNDER_LOCK = kernelBranch('fast_dput', 'drops its reference under d_lock');
const NONE = branch('fast_dput', 'finds no reference to drop');

/** Drop the caller's reference under d_lock. @returns false, unlocked, if there was none */
function* drop_reference_locked(_k: unknown, dentry: Dentry): Task<boolean> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const word = yield* READ_ONCE(dentry.d_lockref);
  if (count_of(word) <= 0) {
    yield* cover(NONE);
    yield* spin_unlock(dentry.d_lockref);
    return false;
  }
  yield* WRITE_ONCE(dentry.d_lockref, with_count(word, count_of(word) - 1));
  return true;
}

const as_the_last = function* drop_reference_locked(_k: unknown, dentry: Dentry): Task<boolean> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const word = yield* READ_ONCE(dentry.d_lockref);
  yield* WRITE_ONCE(dentry.d_lockref, with_count(word, count_of(word) - 1));
  return true;
};

export const b14 = smallRace({
  name: 'b14-put-misread',
  title: 'one dput too many is taken for the last',
  history: {
    id: 'B14',
    year: 2023,
    identifiers: ['504e08cebe1d'],
    expect: 'invariant: a reference count is dead or not negative',
    witness: { steps: 20, switches: 0 },
    about: [UNDER_LOCK, NONE],
    wrong: [UNDER_LOCK],
  },
  version: 'v7.3',
  buggy: { drop_reference_locked: as_the_last },
  fixed: { drop_reference_locked },
  objects: (machine, k) => {
    const root = machine.boot(() => makeRoot(k, plainSuper(machine)));
    return { root, dentry: machine.boot(() => addEntry(k, root, 'x', FILE)) };
  },
  tasks: {
    *careless(k, { dentry }) {
      yield* k.dput(dentry);
      yield* k.dput(dentry);
    },
    // Its d_lock is the legal reason for -1.
    *finder(k, { root }) {
      yield* k.dput(yield* k.d_lookup(root, 'x'));
    },
  },
});
