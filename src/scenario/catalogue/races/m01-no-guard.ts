/**
 * The install loop without RCU, or with too little of it.
 *
 * A failed compare-exchange hands out a pointer to the dentry that is in the way. Somebody who
 * thinks that the exchange is atomic and so needs no protection, or that only the taking of a
 * reference touches the dentry, leaves a gap between the two: the dentry dies, the grace period has
 * no reader to wait for, and the reference is taken on freed memory. The reader has to be open when
 * the pointer is obtained. A program without a close cannot see it, since nothing is ever freed.
 */

import { STASH } from '../../../vfs/index.js';
import { LOOP_MUTATIONS } from '../../variants/mutations-loop.js';
import { v6_11 } from '../../variants/releases.js';
import { mutation } from './mutation.js';
import { stashRace } from './stash-race.js';

const tasks = [
  ['closer', 'open', 'close'],
  ['opener', 'open'],
] as const;

export const m01 = stashRace({
  name: 'm01-no-guard',
  title: 'the install loop runs outside RCU',
  history: {
    id: 'M1',
    year: 2024,
    identifiers: [],
    expect: 'KASAN: slab-use-after-free Read in lockref_get_not_dead',
    witness: { steps: 63, switches: 4 },
    about: [STASH.FOUND_LIVE, STASH.LOST],
  },
  buggy: mutation(LOOP_MUTATIONS, 'm1-no-guard'),
  fixed: v6_11,
  tasks,
});

export const m01b = stashRace({
  name: 'm01b-narrow-guard',
  title: 'the install loop enters RCU only to take the reference',
  history: {
    id: 'M1b',
    year: 2024,
    identifiers: [],
    expect: 'KASAN: slab-use-after-free Read in lockref_get_not_dead',
    witness: { steps: 63, switches: 4 },
    about: [STASH.FOUND_LIVE, STASH.LOST],
  },
  buggy: mutation(LOOP_MUTATIONS, 'm1-narrow-guard'),
  fixed: v6_11,
  tasks,
});
