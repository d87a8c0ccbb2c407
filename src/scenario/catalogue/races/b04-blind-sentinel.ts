/**
 * A blind error pointer in d_prune.
 *
 * The first postings of the series that keeps a pidfs dentry until its task is reaped let d_prune
 * store -ESRCH into the stash, meaning that the task is gone. It warned if the stash held another
 * dentry, and stored all the same. But a dentry also dies when it lost the install race: then the
 * task is alive and the winner is in the stash. From now on every open of a live task fails with
 * -ESRCH, the winner's reference is never dropped, and the exit path takes the error for a dentry.
 * It is the blind clear of nsfs again, ten years later. The repair replaces only one's own pointer;
 * what was merged keeps the mark out of the stash.
 */

import { E, ERR_PTR, READ_ONCE, WRITE_ONCE, type Task } from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import type { Stash } from '../../../vfs/index.js';
import { DROPPED, rfcRace, STASHED, type RfcKernel } from './pidfs-rfc.js';

function* pidfs_dentry_prune(_k: RfcKernel, dentry: Dentry): Task<void> {
  const stashed = (yield* READ_ONCE(dentry.d_fsdata)) as Stash;
  if ((yield* READ_ONCE(dentry.d_inode)) === null) return;
  yield* WRITE_ONCE<unknown>(stashed, ERR_PTR(-E.ESRCH));
}

const buggy = { pidfs_dentry_prune };
const identifiers = ['20250617-work-pidfs-v2-0-529ca1990401@kernel.org'];

export const b04 = rfcRace({
  name: 'b04-blind-sentinel',
  title: 'the loser of the install race marks a live task as gone',
  history: {
    id: 'B04',
    year: 2025,
    identifiers,
    expect: 'invariant: no -ESRCH for a live task in get_stashed_path',
    witness: { steps: 32, switches: 2 },
    about: [STASHED],
  },
  buggy,
  tasks: [
    ['opener', 'open', 'open'],
    ['opener2', 'open'],
  ],
});

/** The other end of it: the exit path finds the error where it left a dentry. */
export const b04b = rfcRace({
  name: 'b04b-blind-sentinel-exit',
  title: 'the exit path takes the error pointer for a dentry',
  history: {
    id: 'B04b',
    year: 2025,
    identifiers,
    expect: 'BUG: unable to handle page fault for address: ERR_PTR(-ESRCH) in pidfs_exit',
    witness: { steps: 36, switches: 2 },
    about: [STASHED, DROPPED],
  },
  buggy,
  tasks: [
    ['owner', 'open', 'close', 'exit'],
    ['opener', 'open', 'close'],
  ],
});
