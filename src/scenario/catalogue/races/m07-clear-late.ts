/**
 * The stash cleared too late.
 *
 * The stash is a field of the object that it belongs to. What keeps the object in memory until the
 * dentry has left the stash is the reference that the inode holds. Clearing the stash only in
 * d_release, when the inode is gone, writes to an object that may be freed: one task is enough, but
 * the object's own user must be gone, so the program needs a reap.
 */

import { END_MUTATIONS } from '../../variants/mutations-end.js';
import { v6_11 } from '../../variants/releases.js';
import { mutation } from './mutation.js';
import { stashRace } from './stash-race.js';

export const m07 = stashRace({
  name: 'm07-clear-late',
  title: 'the stash is cleared when the object that it lives in is gone',
  history: {
    id: 'M7',
    year: 2024,
    identifiers: [],
    expect: 'KASAN: slab-use-after-free Write in clear_late',
    witness: { steps: 44, switches: 1 },
    about: [],
  },
  buggy: mutation(END_MUTATIONS, 'm7a-clear-in-release'),
  fixed: v6_11,
  opened: true,
  tasks: [
    ['closer', 'close'],
    ['reaper', 'reap'],
  ],
});
