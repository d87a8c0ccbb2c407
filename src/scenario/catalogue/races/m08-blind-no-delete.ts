/**
 * The mail's loop with the old d_prune.
 *
 * Upstream leaves d_delete out and lets the loser go by dput alone. With the old d_prune, which
 * empties the stash whatever it holds, the loser's release wipes out the winner. Either of the two
 * changes alone is right: the compare-exchange in d_prune is what allows d_delete to go.
 */

import { STASH } from '../../../vfs/index.js';
import { END_MUTATIONS } from '../../variants/mutations-end.js';
import { v6_11 } from '../../variants/releases.js';
import { mutation } from './mutation.js';
import { stashRace } from './stash-race.js';

export const m08 = stashRace({
  name: 'm08-blind-no-delete',
  title: 'the loser of the install loop wipes the winner out of the stash',
  history: {
    id: 'M8',
    year: 2024,
    identifiers: [],
    expect: 'invariant: an open dentry is in the stash',
    witness: { steps: 16, switches: 2 },
    about: [STASH.LOST, STASH.NOT_MINE],
    wrong: [STASH.LOST],
  },
  buggy: mutation(END_MUTATIONS, 'm8-blind-no-delete'),
  fixed: v6_11,
  tasks: [
    ['opener', 'open'],
    ['reopener', 'open', 'open'],
  ],
});
