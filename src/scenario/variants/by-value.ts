/**
 * The first look-up that reads the stash too early: the pointer is loaded by the caller and handed
 * over by value, so RCU is entered with a pointer that may be stale already.
 * Mirrors fs/libfs.c of v6.9 (CVE-2024-46801).
 */

import { cover, read, type ErrPtr, type Task } from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import {
  STASH,
  type Stash,
  type StashedObject,
  type SuperBlock,
  type VfsKernel,
} from '../../vfs/index.js';

/** A reference on the dentry, unless it is dead. The damage is done before this is called. */
export function* get_stashed_dentry(k: VfsKernel, stashed: Dentry | null): Task<Dentry | null> {
  yield* k.rcu_read_lock();
  const got = stashed !== null && (yield* k.lockref_get_not_dead(stashed.d_lockref));
  yield* k.rcu_read_unlock();
  return got ? stashed : null;
}

/** path_from_stashed() with the look-up by value. May sleep. Source: fs/libfs.c, v6.9. */
export function* path_from_stashed(
  k: VfsKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  const loaded = yield* read(stashed);
  const found = yield* get_stashed_dentry(k, loaded);
  if (found !== null) {
    yield* cover(STASH.REUSED);
    yield* sb.s_fs_info.put_data(k as never, data);
    return yield* k.check_stashed(found, stashed, data);
  }
  return yield* k.path_from_new_dentry(stashed, sb, data);
}
