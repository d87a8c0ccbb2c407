/**
 * d_prune that empties the stash whatever it holds.
 *
 * From 2014 to 2024 nsfs cleared the stash blindly when a dentry died. That is right only because
 * the loser of an install race first made its own dentry negative with d_delete, which makes
 * d_prune return early. Leave that one call out and the loser's release wipes out the winner: the
 * next open finds an empty stash and makes a second dentry for the same namespace, so two
 * descriptors of one object no longer have the same inode. Since v6.9 d_prune exchanges only its own
 * pointer for NULL, and d_delete is not needed any more.
 */

import type { ErrPtr, Task } from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import {
  STASH,
  type Stash,
  type StashedObject,
  type SuperBlock,
  type VfsKernel,
} from '../../../vfs/index.js';
import { GIVES_UP, install_once } from '../../variants/install-once.js';
import { nsfs_2016 } from '../../variants/nsfs-2016.js';
import { stashRace } from './stash-race.js';

/** Install once as in nsfs of v6.8, but the loser goes without d_delete. */
function* path_from_new_dentry(
  k: VfsKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  return yield* install_once(k, stashed, sb, data, { lost: (dentry) => k.dput(dentry) });
}

export const b03 = stashRace({
  name: 'b03-blind-clear',
  title: 'the loser of the install race wipes the winner out of the stash',
  history: {
    id: 'B03',
    year: 2024,
    identifiers: ['159a0d9fd50b', '2558e3b23112'],
    expect: 'invariant: an open dentry is in the stash',
    witness: { steps: 11, switches: 2 },
    about: [GIVES_UP, STASH.NEGATIVE],
    wrong: [GIVES_UP],
  },
  buggy: { ...nsfs_2016, functions: { ...nsfs_2016.functions, path_from_new_dentry } },
  fixed: nsfs_2016,
  tasks: [
    ['opener', 'open'],
    ['reopener', 'open', 'open'],
  ],
});
