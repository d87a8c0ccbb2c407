/**
 * The stash fetched by value.
 *
 * v6.9 moved the stash of pidfs and nsfs to libfs. The helper that looks for a live dentry took the
 * pointer as an argument, so the compiler was free to load it before the helper had entered RCU. One
 * task loads the dentry; another closes the last file, the dentry dies, is taken out of the stash
 * and, as no reader is inside, freed after a grace period at once. Only now does the first task
 * enter RCU and try to take a reference, on freed memory. Inlining usually hid it, and so it took
 * half a year until syzbot saw it. The repair hands over the address of the stash and loads inside
 * the reader.
 */

import { STASH } from '../../../vfs/index.js';
import { v6_11, v6_9 } from '../../variants/releases.js';
import { stashRace } from './stash-race.js';

export const b01 = stashRace({
  name: 'b01-by-value',
  title: 'the stash is read before RCU is entered, and its dentry freed in between',
  history: {
    id: 'B01',
    year: 2024,
    identifiers: ['CVE-2024-46801', '07fd7c329839', '4e32c25b58b9', 'syzbot f82b36bffae7ef78b6a7'],
    expect: 'KASAN: slab-use-after-free Read in lockref_get_not_dead',
    witness: { steps: 62, switches: 3 },
    about: [STASH.REUSED, STASH.FOUND_LIVE, STASH.LOST],
  },
  buggy: v6_9,
  fixed: v6_11,
  tasks: [
    ['closer', 'open', 'close'],
    ['opener', 'open'],
  ],
});
