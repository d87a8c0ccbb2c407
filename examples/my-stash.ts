/**
 * A patch to try: what if stash_dentry() took over a dead dentry by a plain store?
 *
 *   dlab check stash/close-vs-two-opens --with examples/my-stash.ts
 *
 * Between "it is dead" and the store, somebody else may have put a live dentry there.
 */

import { cmpxchg, WRITE_ONCE, type Dentry, type Stash, type Task, type VfsKernel } from 'dentrylab';

export function* stash_dentry(k: VfsKernel, stashed: Stash, dentry: Dentry): Task<Dentry> {
  yield* k.rcu_read_lock();
  let result = dentry;
  const old = yield* cmpxchg(stashed, null, dentry);
  if (old !== null) {
    if (yield* k.lockref_get_not_dead(old.d_lockref)) result = old;
    else yield* WRITE_ONCE(stashed, dentry);
  }
  yield* k.rcu_read_unlock();
  return result;
}
