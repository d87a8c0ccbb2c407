/** A shrink list that a task has when the run begins: a shrinker interrupted halfway. */

import { spin_lock, spin_unlock, type Task } from '../../../machine/index.js';
import type { Dentry, ShrinkList } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';

/** Take an unused dentry off the LRU, to a list of the caller's own. */
export function* onShrinkList(k: VfsKernel, dentry: Dentry): Task<ShrinkList> {
  yield* spin_lock(dentry.d_lockref);
  const list = yield* k.to_shrink_list(dentry, k.list<Dentry>([]));
  yield* spin_unlock(dentry.d_lockref);
  return list;
}
