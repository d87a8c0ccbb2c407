/**
 * The mail's loop as it was typed: a dead dentry may be replaced, and the loser is disposed of on
 * the spot, inside the RCU guard. Everything else stays as in the draft, the look-up too.
 */

import {
  cmpxchg,
  cover,
  cpu_relax,
  READ_ONCE,
  try_cmpxchg,
  type ErrPtr,
  type Task,
  IS_ERR,
} from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import {
  STASH,
  type Stash,
  type StashedObject,
  type SuperBlock,
  type VfsKernel,
} from '../../vfs/index.js';
import type { Variant } from '../variant.js';
import { path_from_stashed } from './by-value.js';

/** Install `dentry`, or return the live one that is there. Sleeps inside RCU if it loses. */
export function* stash_dentry(k: VfsKernel, stashed: Stash, dentry: Dentry): Task<Dentry> {
  yield* k.rcu_read_lock();
  for (;;) {
    const old = yield* cmpxchg(stashed, null, dentry);
    if (old === null) {
      yield* cover(STASH.INSTALLED);
      break;
    }
    if (yield* k.lockref_get_not_dead(old.d_lockref)) {
      yield* cover(STASH.FOUND_LIVE);
      yield* k.d_delete(dentry);
      yield* k.dput(dentry);
      yield* k.rcu_read_unlock();
      return old;
    }
    if (yield* try_cmpxchg(stashed, old, dentry)) {
      yield* cover(STASH.TAKES_OVER);
      break;
    }
    yield* cover(STASH.TRIES_AGAIN);
    yield* cpu_relax();
  }
  yield* k.rcu_read_unlock();
  return dentry;
}

/** The loop has disposed of the loser, so there is nothing to do for the caller. */
export function* path_from_new_dentry(
  k: VfsKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  const dentry = yield* k.prepare_anon_dentry(stashed, sb, data);
  if (IS_ERR(dentry)) return dentry;
  return yield* k.check_stashed(yield* k.stash_dentry(stashed, dentry), stashed, data);
}

/** d_prune as in the mail: one compare-exchange and no other look. */
export function* stashed_dentry_prune(_k: VfsKernel, dentry: Dentry): Task<void> {
  const stashed = (yield* READ_ONCE(dentry.d_fsdata)) as Stash;
  if (!(yield* try_cmpxchg(stashed, dentry, null))) yield* cover(STASH.NOT_MINE);
}

export const seed: Variant = {
  name: 'seed',
  summary: 'the mail of 18 Feb 2024, literally',
  version: 'v6.9',
  functions: { path_from_stashed, path_from_new_dentry, stash_dentry, stashed_dentry_prune },
};
