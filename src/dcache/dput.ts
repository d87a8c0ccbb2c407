/**
 * dput: give a reference back.
 *
 * Invariant: the count may reach zero without the lock, but only who sees zero under d_lock kills;
 * in between, RCU keeps the memory. Mirrors fs/dcache.c of v7.3.
 */

import {
  branch,
  cover,
  might_sleep,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WARN,
  WRITE_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import { count_of, with_count } from '../lockref/index.js';
import type { DcacheKernel, Dentry } from './dentry.js';

const NOT_LAST = branch('fast_dput', 'drops a reference that is not the last');
const UNDER_LOCK = branch('fast_dput', 'drops its reference under d_lock');
const REVIVED = branch('fast_dput', 'finds the dentry revived or dead under d_lock');
const PARENT_TOO = branch('dput', 'kills the parent too');

export const DPUT_BRANCHES: readonly Branch[] = [NOT_LAST, UNDER_LOCK, REVIVED, PARENT_TOO];

/** Drop a reference. May sleep. Source: fs/dcache.c, v7.3. */
export function* dput(k: DcacheKernel, dentry: Dentry | null): Task<void> {
  if (dentry === null) return;
  yield* might_sleep('dput');
  if (yield* k.fast_dput(dentry)) return;
  yield* k.finish_dput(dentry);
}

/** Kill a dentry, and its parents as long as they become unused. Entry: d_lock held, count 0. */
export function* finish_dput(k: DcacheKernel, dentry: Dentry): Task<void> {
  let victim = yield* k.dentry_kill(dentry);
  while (victim !== null) {
    yield* cover(PARENT_TOO);
    if (yield* k.retain_dentry(victim, true)) {
      yield* spin_unlock(victim.d_lockref);
      return;
    }
    victim = yield* k.dentry_kill(victim);
  }
}

/**
 * Drop a reference, if possible without d_lock.
 * @returns true if nothing is left to do; false with d_lock held, count 0, to be killed
 */
export function* fast_dput(k: DcacheKernel, dentry: Dentry): Task<boolean> {
  yield* k.rcu_read_lock();
  const left = yield* k.lockref_put_return(dentry.d_lockref);
  if (left > 0) {
    yield* k.rcu_read_unlock();
    yield* cover(NOT_LAST);
    return true;
  }
  if (left === 0) {
    if (yield* k.retain_dentry(dentry, false)) {
      yield* k.rcu_read_unlock();
      return true;
    }
    // The reference is gone: only the reader keeps the memory until d_lock is held.
    yield* spin_lock(dentry.d_lockref);
    yield* k.rcu_read_unlock();
  } else {
    yield* cover(UNDER_LOCK);
    yield* spin_lock(dentry.d_lockref);
    yield* k.rcu_read_unlock();
    if (!(yield* k.drop_reference_locked(dentry))) return true;
  }
  return yield* k.keep_or_condemn(dentry);
}

/** Drop the caller's reference under d_lock. @returns false, unlocked, if there was none to drop */
export function* drop_reference_locked(_k: DcacheKernel, dentry: Dentry): Task<boolean> {
  const word = yield* READ_ONCE(dentry.d_lockref);
  if (count_of(word) <= 0) {
    yield* WARN('WARNING: dput of a dentry without references');
    yield* spin_unlock(dentry.d_lockref);
    return false;
  }
  yield* WRITE_ONCE(dentry.d_lockref, with_count(word, count_of(word) - 1));
  return true;
}

/**
 * With d_lock held and the reference dropped: is there anything to kill?
 * @returns true, unlocked, if not: somebody revived it, killed it, or it stays cached
 */
export function* keep_or_condemn(k: DcacheKernel, dentry: Dentry): Task<boolean> {
  if (count_of(yield* READ_ONCE(dentry.d_lockref)) !== 0) {
    yield* cover(REVIVED);
    yield* spin_unlock(dentry.d_lockref);
    return true;
  }
  if (yield* k.retain_dentry(dentry, true)) {
    yield* spin_unlock(dentry.d_lockref);
    return true;
  }
  return false;
}
