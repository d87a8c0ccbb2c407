/**
 * dput as it was in v6.9: one RCU reader around the whole decision, and lock_for_kill() that keeps
 * d_lock when it gives up. Same outcomes as v7.3, other steps. Mirrors fs/dcache.c of v6.9.
 */

import { might_sleep, spin_lock, spin_unlock, type Task } from '../machine/index.js';
import type { DcacheKernel, Dentry } from './dentry.js';

/** Drop a reference. May sleep. Source: fs/dcache.c, v6.9. */
export function* dput(k: DcacheKernel, dentry: Dentry | null): Task<void> {
  if (dentry === null) return;
  yield* might_sleep('dput');
  yield* k.rcu_read_lock();
  if (yield* k.fast_dput(dentry)) {
    yield* k.rcu_read_unlock();
    return;
  }
  let victim = dentry;
  while (yield* k.lock_for_kill_or_give_up(victim)) {
    yield* k.rcu_read_unlock();
    const parent = yield* k.__dentry_kill(victim);
    if (parent === null) return;
    if (yield* k.retain_dentry(parent, true)) {
      yield* spin_unlock(parent.d_lockref);
      return;
    }
    yield* k.rcu_read_lock();
    victim = parent;
  }
  yield* k.rcu_read_unlock();
  yield* spin_unlock(victim.d_lockref);
}

/** See fast_dput in dput.ts; here the caller is the reader. Source: fs/dcache.c, v6.9. */
export function* fast_dput(k: DcacheKernel, dentry: Dentry): Task<boolean> {
  const left = yield* k.lockref_put_return(dentry.d_lockref);
  if (left > 0) return true;
  if (left === 0) {
    if (yield* k.retain_dentry(dentry, false)) return true;
    yield* spin_lock(dentry.d_lockref);
  } else {
    yield* spin_lock(dentry.d_lockref);
    if (!(yield* k.drop_reference_locked(dentry))) return true;
  }
  return yield* k.keep_or_condemn(dentry);
}
