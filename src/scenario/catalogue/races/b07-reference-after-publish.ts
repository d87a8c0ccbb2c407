/**
 * The object's reference taken after publishing.
 *
 * The draft of February 2024 let pidfs take its reference on the pid only once the helper had said
 * that the dentry is new, since an existing one has its reference already. But the inode puts a
 * reference when it is evicted, whoever took it. The loser of the install race is evicted with no
 * reference of its own and puts somebody else's: the count is one short, and the pid is freed while
 * somebody uses it. The repair: the caller takes the reference first and hands it over, and the
 * helper puts it when an existing dentry is used.
 */

import {
  cmpxchg,
  cover,
  cpu_relax,
  E,
  ERR_PTR,
  IS_ERR,
  PTR_ERR,
  type ErrPtr,
  type Task,
} from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import {
  STASH,
  type Stash,
  type StashedObject,
  type SuperBlock,
  type VfsKernel,
} from '../../../vfs/index.js';
import { v6_11 } from '../../variants/releases.js';
import { stashRace } from './stash-race.js';

/** No reference to begin with: a dentry that is found has one. */
function* get_stashed_path(
  k: VfsKernel,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  for (;;) {
    const dentry = yield* k.path_from_stashed(data.stashed, sb, data);
    if (!IS_ERR(dentry) || PTR_ERR(dentry) !== -E.EAGAIN) return dentry;
    yield* cpu_relax();
  }
}

function* path_from_stashed(
  k: VfsKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  const found = yield* k.stashed_dentry_get(stashed);
  return found ?? (yield* k.path_from_new_dentry(stashed, sb, data));
}

/** The reference comes when the dentry is installed, and the loser never has one. */
function* path_from_new_dentry(
  k: VfsKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  const dentry = yield* k.prepare_anon_dentry(stashed, sb, data);
  if (IS_ERR(dentry)) return dentry;
  if ((yield* cmpxchg(stashed, null, dentry)) === null) {
    yield* cover(STASH.INSTALLED);
    yield* k.get_data(data);
    return dentry;
  }
  yield* k.d_delete(dentry);
  yield* k.dput(dentry);
  return ERR_PTR(-E.EAGAIN);
}

export const b07 = stashRace({
  name: 'b07-reference-after-publish',
  title: 'the loser of the install race puts a reference that nobody took',
  history: {
    id: 'B07',
    year: 2024,
    identifiers: ['20240218-neufahrzeuge-brauhaus-fb0eb6459771@brauner'],
    expect: 'invariant: references are balanced',
    witness: { steps: 19, switches: 2 },
    about: [STASH.FOUND_LIVE, STASH.LOST],
  },
  fs: 'pidfs',
  buggy: { functions: { get_stashed_path, path_from_stashed, path_from_new_dentry } },
  fixed: v6_11,
  tasks: [
    ['opener', 'open'],
    ['opener2', 'open'],
  ],
});
