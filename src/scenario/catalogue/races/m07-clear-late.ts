/**
 * The stash cleared too late.
 *
 * The stash is a field of the object that it belongs to. What keeps the object in memory until the
 * dentry has left the stash is the reference that the inode holds. Clearing the stash only in
 * d_release, when the inode is gone, writes to an object that may be freed: one task is enough, but
 * the object's own user must be gone, so the program needs a reap. Letting the inode's reference go
 * before d_prune has emptied the stash is the same mistake from the other side.
 */

import { STASH } from '../../../vfs/index.js';
import { CLEARS_LATE, CLEARS_LAST, END_MUTATIONS } from '../../variants/mutations-end.js';
import { v6_11 } from '../../variants/releases.js';
import { mutation } from './mutation.js';
import { stashRace } from './stash-race.js';

const tasks = [
  ['closer', 'close'],
  ['reaper', 'reap'],
] as const;

export const m07 = stashRace({
  name: 'm07-clear-late',
  title: 'the stash is cleared when the object that it lives in is gone',
  history: {
    id: 'M7',
    year: 2024,
    identifiers: [],
    expect: 'KASAN: slab-use-after-free Write in clear_late',
    witness: { steps: 44, switches: 1 },
    about: [STASH.CLEARS],
    wrong: [CLEARS_LATE],
  },
  buggy: mutation(END_MUTATIONS, 'm7a-clear-in-release'),
  fixed: v6_11,
  opened: true,
  tasks,
});

export const m07b = stashRace({
  name: 'm07b-put-first',
  title: 'd_prune puts the object, and then empties the stash that lives in it',
  history: {
    id: 'M7b',
    year: 2024,
    identifiers: [],
    expect: 'WARNING: pid freed with a stashed dentry in put_pid',
    witness: { steps: 20, switches: 1 },
    about: [STASH.CLEARS],
    wrong: [CLEARS_LAST],
  },
  // Its put_data does not sleep, which d_prune may not either.
  fs: 'pidfs',
  buggy: mutation(END_MUTATIONS, 'm7b-put-first'),
  fixed: v6_11,
  opened: true,
  tasks,
});
