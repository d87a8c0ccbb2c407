/**
 * Error exits of the stash hook.
 *
 * A hook that can fail is new: until then stashing always ended with a dentry. The caller missed
 * that when the hook says -ESRCH, because the task was reaped after the first look, the fresh dentry
 * is nobody's: dentry, inode and the reference on the pid are lost, and any user can do it again
 * and again. The reviewer asked; the answer was that it is fixed in the tree. The first look has the
 * same gap: it returns the error pointer that it found, without putting the caller's reference.
 */

import { IS_ERR, type ErrPtr, type Task } from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import {
  STASH,
  vfs_functions,
  type Stash,
  type StashedObject,
  type SuperBlock,
} from '../../../vfs/index.js';
import { FORBIDDEN, REFUSED, rfcRace, type RfcKernel } from './pidfs-rfc.js';

/** The dentry that could not be stashed is dropped on the floor. */
function* path_from_new_dentry(
  k: RfcKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  const dentry = yield* k.prepare_anon_dentry(stashed, sb, data);
  if (IS_ERR(dentry)) return dentry;
  const winner = yield* k.stash_dentry(stashed, dentry);
  if (!IS_ERR(winner) && winner !== dentry) yield* k.dput(dentry);
  return winner;
}

/** The first look returns an error without putting the reference. */
function* path_from_stashed(
  k: RfcKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  const found = yield* k.rcu_access_pointer(stashed);
  if (IS_ERR(found)) return found;
  return yield* vfs_functions.path_from_stashed(k, stashed, sb, data);
}

const tasks = [
  ['owner', 'exit'],
  ['opener', 'open', 'close'],
] as const;

export const b09 = rfcRace({
  name: 'b09-lost-dentry',
  title: 'a dentry that could not be stashed is dropped on the floor',
  history: {
    id: 'B09',
    year: 2025,
    identifiers: ['20250617-work-pidfs-v2-0-529ca1990401@kernel.org'],
    expect: 'memory leak: dentry',
    witness: { steps: 13, switches: 2 },
    about: [FORBIDDEN, REFUSED],
  },
  buggy: { path_from_new_dentry },
  tasks,
});

export const b09b = rfcRace({
  name: 'b09b-lost-reference',
  title: 'the first look returns -ESRCH and keeps the reference on the pid',
  history: {
    id: 'B09b',
    year: 2025,
    identifiers: ['20250617-work-pidfs-v2-0-529ca1990401@kernel.org'],
    expect: 'invariant: references are balanced',
    witness: { steps: 8, switches: 1 },
    about: [FORBIDDEN, STASH.REUSED],
    wrong: [FORBIDDEN],
  },
  buggy: { path_from_stashed },
  tasks,
});
