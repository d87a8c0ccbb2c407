/**
 * Mistakes at the end of a stashed dentry's life: in d_prune, in who puts the object, in freeing.
 */

import {
  branch,
  cover,
  READ_ONCE,
  smp_rmb,
  try_cmpxchg,
  WRITE_ONCE,
  write,
  type Task,
} from '../../machine/index.js';
import { DCACHE, type Dentry } from '../../dcache/index.js';
import type { Inode, Stash, StashedObject, VfsKernel } from '../../vfs/index.js';
import type { Variant } from '../variant.js';
import { blind_prune } from './install-once.js';
import { delete_loser } from './mutations-loop.js';

function* nothing(_k: VfsKernel, _dentry: Dentry): Task<void> {
  yield* smp_rmb();
}

export const CLEARS_LATE = branch('clear_late', 'takes its dentry out of the stash');

export const CLEARS_LAST = branch('put_then_clear', 'takes its dentry out of the stash');

/** Clear the stash only in d_release, when the inode and its reference are gone. */
function* clear_late(_k: VfsKernel, dentry: Dentry): Task<void> {
  const stashed = (yield* READ_ONCE(dentry.d_fsdata)) as Stash;
  yield* try_cmpxchg(stashed, dentry, null);
  yield* cover(CLEARS_LATE);
}

/** Put the object's reference first, then clear the stash that lives in it. */
function* put_then_clear(k: VfsKernel, dentry: Dentry): Task<void> {
  const inode = (yield* READ_ONCE(dentry.d_inode)) as Inode | null;
  const data = inode === null ? null : yield* READ_ONCE(inode.i_private);
  if (inode === null || data === null) return;
  yield* write(inode.i_private, null);
  yield* inode.i_sb.s_fs_info.put_data(k as never, data as StashedObject);
  const stashed = (yield* READ_ONCE(dentry.d_fsdata)) as Stash;
  yield* try_cmpxchg(stashed, dentry, null);
  yield* cover(CLEARS_LAST);
}

/** Look, then store: nobody else would clear our own dentry. */
function* look_then_store(_k: VfsKernel, dentry: Dentry): Task<void> {
  if ((yield* READ_ONCE(dentry.d_inode)) === null) return;
  const stashed = (yield* READ_ONCE(dentry.d_fsdata)) as Stash;
  if ((yield* READ_ONCE(stashed)) === dentry) yield* WRITE_ONCE(stashed, null);
}

function mutation(
  name: string,
  summary: string,
  functions: Variant['functions'],
  more: Partial<Variant> = {},
): Variant {
  return { name: `mutation/${name}`, summary, version: 'v6.9', functions, ...more };
}

export const END_MUTATIONS: readonly Variant[] = [
  mutation(
    'm7a-clear-in-release',
    'clear the stash in d_release: by then nobody uses the dentry',
    { stashed_dentry_prune: nothing },
    {
      d_op: {
        d_prune: (k: VfsKernel, dentry) => k.stashed_dentry_prune(dentry),
        d_release: (k: VfsKernel, dentry) => clear_late(k, dentry),
      },
    },
  ),
  mutation('m7b-put-first', 'd_prune puts the object: the dentry is dead anyway', {
    stashed_dentry_prune: put_then_clear,
  }),
  mutation('m8-blind-no-delete', 'leave d_delete out and keep the blind d_prune', {
    stashed_dentry_prune: blind_prune,
  }),
  mutation('m9-look-then-store', 'd_prune looks and then stores: only we clear our own', {
    stashed_dentry_prune: look_then_store,
  }),
  mutation('m11-no-prune', 'no d_prune at all', { stashed_dentry_prune: nothing }),
  mutation(
    'm12-no-rcu-free',
    'free the dentry at once: it was never hashed',
    {},
    { d_flags: DCACHE.NORCU },
  ),
  mutation('m14-blind-with-delete', 'the loop of the mail, but d_prune stays blind', {
    stashed_dentry_prune: blind_prune,
    path_from_new_dentry: delete_loser,
  }),
];
