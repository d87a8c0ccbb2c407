/**
 * Zero taken for dead.
 *
 * lockref_get_not_zero instead of lockref_get_not_dead: a count of zero means that nobody uses the
 * dentry, so why not replace it? Because between the lockless decrement to zero and d_lock somebody
 * who loaded the stash earlier may revive it. One task closes, a second sees zero and takes over, a
 * third revives the old one: two live dentries. All programs of two tasks are clean.
 */

import { branch, cover, type Task } from '../../../machine/index.js';
import { STASH, type StashedObject, type VfsKernel } from '../../../vfs/index.js';
import { LOOP_MUTATIONS } from '../../variants/mutations-loop.js';
import { v6_11 } from '../../variants/releases.js';
import { mutation } from './mutation.js';
import { stashRace } from './stash-race.js';

const REVIVED = branch('look', 'takes a reference at the first look');

/** An open that ends with its first look: it takes what it finds, or nothing. */
function* look(k: VfsKernel, data: StashedObject): Task<void> {
  const dentry = yield* k.stashed_dentry_get(data.stashed);
  if (dentry === null) return;
  yield* cover(REVIVED);
  yield* k.hold(data, dentry);
}

export const m06 = stashRace({
  name: 'm06-not-zero',
  title: 'a dentry at zero is replaced by one task and revived by another',
  history: {
    id: 'M6',
    year: 2024,
    identifiers: [],
    expect: 'invariant: an open dentry is in the stash',
    witness: { steps: 10, switches: 3 },
    about: [REVIVED, STASH.FOUND_LIVE],
    wrong: [REVIVED, STASH.TAKES_OVER],
  },
  buggy: mutation(LOOP_MUTATIONS, 'm6-not-zero'),
  fixed: v6_11,
  opened: true,
  tasks: [
    ['closer', 'close'],
    ['opener', 'open-missed'],
    ['looker', 'look'],
  ],
  calls: { look },
});
