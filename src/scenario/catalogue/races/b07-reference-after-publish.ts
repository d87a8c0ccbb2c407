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

import type { ErrPtr, Task } from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import {
  STASH,
  type Stash,
  type StashedObject,
  type SuperBlock,
  type VfsKernel,
} from '../../../vfs/index.js';
import { come_again, delete_and_put, GIVES_UP, install_once } from '../../variants/install-once.js';
import { v6_11 } from '../../variants/releases.js';
import { stashRace } from './stash-race.js';

/** No reference to begin with: a dentry that is found has one. */
function* get_stashed_path(
  k: VfsKernel,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  return yield* come_again(k, sb, data, false);
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
  return yield* install_once(k, stashed, sb, data, {
    installed: () => k.get_data(data),
    lost: (dentry) => delete_and_put(k, dentry),
  });
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
    wrong: [GIVES_UP],
  },
  fs: 'pidfs',
  buggy: { functions: { get_stashed_path, path_from_stashed, path_from_new_dentry } },
  fixed: v6_11,
  tasks: [
    ['opener', 'open'],
    ['opener2', 'open'],
  ],
});

/** The caller puts its reference on every dentry that it gets, a new one's too. */
const put_always = function* get_stashed_path(
  k: VfsKernel,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  yield* k.get_data(data);
  const dentry = yield* k.path_from_stashed(data.stashed, sb, data);
  yield* sb.s_fs_info.put_data(k as never, data);
  return dentry;
};

/** The nsfs half of the same draft: one call is enough. */
export const b07b = stashRace({
  name: 'b07b-put-after-new',
  title: 'the caller puts the reference that the new inode owns',
  history: {
    id: 'B07b',
    year: 2024,
    identifiers: ['20240218-neufahrzeuge-brauhaus-fb0eb6459771@brauner'],
    expect: 'KASAN: slab-use-after-free Read in release',
    witness: { steps: 14, switches: 0 },
    about: [STASH.INSTALLED, STASH.CLEARS],
    wrong: [STASH.INSTALLED],
  },
  buggy: { functions: { get_stashed_path: put_always, path_from_stashed } },
  fixed: v6_11,
  tasks: [['owner', 'open', 'reap', 'close']],
});
