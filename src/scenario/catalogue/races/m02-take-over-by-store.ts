/**
 * Taking over a dead dentry with a plain store.
 *
 * The dentry in the stash is dead, so nobody wants it back, so storing one's own over it looks safe.
 * But between learning that it is dead and the store, its d_prune has emptied the stash and another
 * opener may have put a live dentry there. The store overwrites that one: two live dentries for one
 * object. It takes three openings of the object, of which one may be over when the run begins.
 */

import { STASH } from '../../../vfs/index.js';
import { LOOP_MUTATIONS } from '../../variants/mutations-loop.js';
import { v6_11 } from '../../variants/releases.js';
import { mutation } from './mutation.js';
import { stashRace } from './stash-race.js';

export const m02 = stashRace({
  name: 'm02-take-over-by-store',
  title: 'a plain store over a dead dentry overwrites a live one',
  history: {
    id: 'M2',
    year: 2024,
    identifiers: [],
    expect: 'invariant: an open dentry is in the stash',
    witness: { steps: 60, switches: 2 },
    about: [STASH.FOUND_LIVE],
    wrong: [STASH.TAKES_OVER],
  },
  buggy: mutation(LOOP_MUTATIONS, 'm2-store'),
  fixed: v6_11,
  opened: true,
  tasks: [
    ['reopener', 'close', 'open'],
    ['opener', 'open-missed'],
  ],
});
