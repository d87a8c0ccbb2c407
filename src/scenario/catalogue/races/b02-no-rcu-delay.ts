/**
 * A stashed dentry freed without waiting for readers.
 *
 * nsfs finds its dentry in the namespace under RCU, with no reference. But dentries were freed
 * after a grace period only if they had been hashed at some time, and those of nsfs never are. The
 * reader loads the dentry; the last file is closed, the dentry dies, leaves the stash and is freed
 * on the spot; the reader's attempt to take a reference hits freed memory. The repair marked such
 * dentries for delayed freeing; later the rule was turned round, and who wants no delay has to ask.
 */

import { DCACHE } from '../../../dcache/index.js';
import { STASH } from '../../../vfs/index.js';
import { nsfs_2016 } from '../../variants/nsfs-2016.js';
import { stashRace } from './stash-race.js';

export const b02 = stashRace({
  name: 'b02-no-rcu-delay',
  title: 'nsfs frees its dentry at once, while a reader has it in hand',
  history: {
    id: 'B02',
    year: 2017,
    identifiers: ['CVE-2018-5873', '073c516ff735'],
    expect: 'KASAN: slab-use-after-free Read in lockref_get_not_dead',
    witness: { steps: 57, switches: 3 },
    about: [STASH.REUSED, STASH.INSTALLED],
  },
  buggy: { ...nsfs_2016, d_flags: DCACHE.NORCU },
  fixed: nsfs_2016,
  tasks: [
    ['closer', 'open', 'close'],
    ['opener', 'open'],
  ],
});
