/**
 * A pidfd for a reaped task, without its exit information.
 *
 * When a task is reaped, pidfs keeps its exit status for those who hold a pidfd: if no dentry is
 * stashed there is nobody to keep it for. An open that has already seen that the task still exists
 * may stash its dentry only then. Its caller gets a descriptor of a reaped task that will never
 * have exit information. No memory is touched wrongly; the answer is. Keeping or forbidding, and
 * stashing, have to exclude each other under one lock, and a task for which nothing was kept needs
 * a mark that says so.
 */

import {
  branch,
  cover,
  E,
  ERR_PTR,
  READ_ONCE,
  WRITE_ONCE,
  type ErrPtr,
  type Task,
} from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import {
  vfs_functions,
  type Stash,
  type StashedObject,
  type SuperBlock,
} from '../../../vfs/index.js';
import { FORBIDDEN, REFUSED, rfcRace, type RfcKernel } from './pidfs-rfc.js';

const KEEPS_NOTHING = branch('pidfs_exit', 'keeps nothing, as nobody has a dentry');

/** Keeps the status if somebody has a dentry, then unhashes the task; no lock around the two. */
function* pidfs_exit(k: RfcKernel, data: StashedObject): Task<void> {
  const found = yield* READ_ONCE(data.stashed);
  if (found !== null) yield* WRITE_ONCE(k.life.exit_info, true);
  else yield* cover(KEEPS_NOTHING);
  yield* WRITE_ONCE(k.life.reaped, true);
  if (found !== null) yield* k.dput(found);
}

/** Looks whether the task exists, and then takes its time. */
function* path_from_new_dentry(
  k: RfcKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  if (yield* READ_ONCE(k.life.reaped)) {
    yield* sb.s_fs_info.put_data(k as never, data);
    return ERR_PTR(-E.ESRCH);
  }
  return yield* vfs_functions.path_from_new_dentry(k, stashed, sb, data);
}

export const b10 = rfcRace({
  name: 'b10-no-exit-info',
  title: 'a pidfd is handed out for a task that is being reaped',
  history: {
    id: 'B10',
    year: 2025,
    identifiers: ['20250617-work-pidfs-v2-0-529ca1990401@kernel.org'],
    expect: 'invariant: a pidfd of a reaped task has its exit information',
    witness: { steps: 17, switches: 2 },
    about: [FORBIDDEN, REFUSED],
    wrong: [KEEPS_NOTHING],
  },
  buggy: { pidfs_exit, path_from_new_dentry },
  unruled: ['no dput of a dead or unused dentry, no dget of an unused one'],
  tasks: [
    ['owner', 'exit'],
    ['opener', 'open'],
  ],
});
