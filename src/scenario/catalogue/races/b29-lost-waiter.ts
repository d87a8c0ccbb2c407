/**
 * A waiter's bit erased by an unlocked update.
 *
 * While one task looks a name up, others that want it find its dentry in the in-lookup hash, set a
 * bit in d_flags under d_lock that says that somebody waits, and sleep. The owner changed another
 * bit of d_flags without d_lock: load, change, store. If the waiter sets its bit between the load and
 * the store, the store erases it; the owner finishes, sees nobody waiting and wakes nobody. The
 * waiter sleeps for ever. The repair takes d_lock around the update.
 */

import {
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type Task,
} from '../../../machine/index.js';
import { DCACHE, type Dentry } from '../../../dcache/index.js';
import { kernelBranch } from './kernel-branch.js';
import { makeRoot, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const SLEEPS = kernelBranch('d_wait_lookup', 'sleeps until the lookup is over');
const WAKES = kernelBranch('d_lookup_done', 'wakes who waits for the lookup');

/** The filesystem's lookup marks its dentry. Takes d_lock. */
function* set_dontcache(_k: unknown, dentry: Dentry): Task<void> {
  yield* spin_lock(dentry.d_lockref);
  yield* or_flags(dentry);
  yield* spin_unlock(dentry.d_lockref);
}

const unlocked = function* set_dontcache(_k: unknown, dentry: Dentry): Task<void> {
  yield* or_flags(dentry);
};

function* or_flags(dentry: Dentry): Task<void> {
  yield* WRITE_ONCE(dentry.d_flags, (yield* READ_ONCE(dentry.d_flags)) | DCACHE.DONTCACHE);
}

export const b29 = smallRace({
  name: 'b29-lost-waiter',
  title: 'an unlocked update of d_flags erases the bit of a waiter, who is never woken',
  history: {
    id: 'B29',
    year: 2026,
    identifiers: ['bcachefs-tools PR 861', 'bcachefs-tools issue 1189'],
    expect: 'lost wakeup: d_wait_lookup sleeps for what is true already',
    witness: { steps: 42, switches: 2 },
    about: [SLEEPS, WAKES],
  },
  version: 'v7.3',
  own: { set_dontcache },
  buggy: { set_dontcache: unlocked },
  objects: (machine, k) => {
    const root = machine.boot(() => makeRoot(k, plainSuper(machine)));
    // The lookup of the owner is under way when the waiter comes.
    const mine = machine.boot(() => k.d_alloc_parallel(root, 'x'))!;
    return { root, mine };
  },
  tasks: {
    *owner(k, { mine }) {
      yield* k.set_dontcache(mine);
      yield* k.d_lookup_done(mine);
    },
    *waiter(k, { root }) {
      const dentry = (yield* k.d_alloc_parallel(root, 'x'))!;
      yield* k.d_lookup_done(dentry);
      yield* k.dput(dentry);
    },
  },
});
