/**
 * The pid lock taken inside d_prune.
 *
 * The first posting took the lock of the pid in d_prune, which runs with d_lock held. The stash hook
 * takes the two the other way round: it holds the pid lock while it takes a reference on the stashed
 * dentry, and taking a reference waits for d_lock when somebody holds it. A task that drops the
 * last reference and one that opens wait for each other for ever. Seen as a mere counter, lockref
 * hides it. The second posting left the lock out of d_prune.
 */

import {
  E,
  ERR_PTR,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  try_cmpxchg,
  type Task,
} from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import type { Stash } from '../../../vfs/index.js';
import { DROPPED, REFUSED, rfcRace, STASHED, type RfcKernel } from './pidfs-rfc.js';

function* pidfs_dentry_prune(k: RfcKernel, dentry: Dentry): Task<void> {
  const stashed = (yield* READ_ONCE(dentry.d_fsdata)) as Stash;
  if ((yield* READ_ONCE(dentry.d_inode)) === null) return;
  yield* spin_lock(k.life.wait_pidfd_lock);
  yield* try_cmpxchg<unknown>(stashed, dentry, ERR_PTR(-E.ESRCH));
  yield* spin_unlock(k.life.wait_pidfd_lock);
}

export const b05 = rfcRace({
  name: 'b05-lock-in-prune',
  title: 'd_lock and the pid lock are taken in both orders',
  history: {
    id: 'B05',
    year: 2025,
    identifiers: ['20250617-work-pidfs-v2-0-529ca1990401@kernel.org'],
    expect: 'WARNING: possible circular locking dependency detected in pidfs_dentry_prune',
    witness: { steps: 37, switches: 0 },
    about: [STASHED, DROPPED, REFUSED],
  },
  buggy: { pidfs_dentry_prune },
  tasks: [
    ['owner', 'open', 'close', 'exit'],
    ['opener', 'open', 'close'],
  ],
});
