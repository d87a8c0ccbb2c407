/**
 * dput inside an RCU reader.
 *
 * The mail disposes of the loser in the middle of the loop, while the guard is active. d_delete and
 * dput may sleep: the last reference of an inode may tear a whole namespace down. A reader that
 * sleeps is a bug by itself, and where a context switch ends a reader it is cut short, and whatever
 * it still looks at may be freed. No invariant of the stash notices; the contract of dput does.
 * Upstream lets the caller dispose of the loser after the loop. listns() later made the same
 * mistake with a namespace reference.
 */

import { STASH } from '../../../vfs/index.js';
import { v6_11 } from '../../variants/releases.js';
import { seed } from '../../variants/seed.js';
import { stashRace } from './stash-race.js';

const { stash_dentry, path_from_new_dentry } = seed.functions;

export const b08 = stashRace({
  name: 'b08-dput-in-rcu',
  title: 'the loser is put, and its inode evicted, inside the RCU guard',
  history: {
    id: 'B08',
    year: 2024,
    identifiers: ['2ec2aff3c8e2'],
    expect: 'BUG: sleeping function called from invalid context in iput',
    witness: { steps: 11, switches: 2 },
    about: [STASH.FOUND_LIVE, STASH.LOST],
    wrong: [STASH.FOUND_LIVE],
  },
  buggy: { functions: { stash_dentry, path_from_new_dentry } },
  fixed: v6_11,
  tasks: [
    ['opener', 'open'],
    ['opener2', 'open'],
  ],
});
