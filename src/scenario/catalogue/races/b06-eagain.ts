/**
 * -EAGAIN as a result.
 *
 * Two tasks race to install a dentry into an empty stash. Before the mail the loser freed its own
 * one and returned -EAGAIN, although a perfectly good dentry was in the stash, and left it to every
 * caller to come again. One that does not loop hands the error out. The mail's loop uses the winner
 * instead, so there is nothing to come again for.
 */

import { STASH } from '../../../vfs/index.js';
import { GIVES_UP, path_from_new_dentry } from '../../variants/install-once.js';
import { v6_11 } from '../../variants/releases.js';
import { stashRace } from './stash-race.js';

export const b06 = stashRace({
  name: 'b06-eagain',
  title: 'the loser of the install race returns -EAGAIN, and the caller does not loop',
  history: {
    id: 'B06',
    year: 2024,
    identifiers: ['07fd7c329839'],
    expect: 'invariant: no -EAGAIN to the caller in process',
    witness: { steps: 12, switches: 2 },
    about: [STASH.FOUND_LIVE, STASH.LOST],
    wrong: [GIVES_UP],
  },
  buggy: { functions: { path_from_new_dentry } },
  fixed: v6_11,
  tasks: [
    ['opener', 'open'],
    ['opener2', 'open'],
  ],
});
