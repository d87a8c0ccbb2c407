/**
 * The lockref operations under the lock: the whole of the configuration without a fast path, and
 * where the fast path goes when it gives up. Mirrors lib/lockref.c without USE_CMPXCHG_LOCKREF.
 */

import {
  lockdep_assert_held,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type Task,
} from '../machine/index.js';
import { count_of, LOCKREF_DEAD, with_count, type Lockref, type LockrefOps } from './lockref.js';

/**
 * Add `change` to the count if the count is at least `least`.
 * @returns whether it did; the lock is not held afterwards
 */
export function* CHANGE_LOCKED(lockref: Lockref, change: number, least: number): Task<boolean> {
  yield* spin_lock(lockref);
  const word = yield* READ_ONCE(lockref);
  const may = count_of(word) >= least;
  // The word is also read without the lock, so the store is a marked one.
  if (may) yield* WRITE_ONCE(lockref, with_count(word, count_of(word) + change));
  yield* spin_unlock(lockref);
  return may;
}

/** Drop a reference that is not the last, or keep the lock. */
export function* PUT_OR_KEEP_LOCK(lockref: Lockref): Task<boolean> {
  yield* spin_lock(lockref);
  const word = yield* READ_ONCE(lockref);
  if (count_of(word) <= 1) return false;
  yield* WRITE_ONCE(lockref, with_count(word, count_of(word) - 1));
  yield* spin_unlock(lockref);
  return true;
}

/** Store the dead mark; the lock keeps every other change of the word away. */
export function* MARK_DEAD_LOCKED(lockref: Lockref): Task<boolean> {
  yield* lockdep_assert_held(lockref);
  yield* WRITE_ONCE(lockref, with_count(1, LOCKREF_DEAD));
  return true;
}

/** The configuration in which every operation takes the lock. Source: lib/lockref.c. */
export const locked_ops: LockrefOps = {
  *lockref_get(lockref) {
    yield* CHANGE_LOCKED(lockref, 1, Number.NEGATIVE_INFINITY);
  },
  *lockref_get_not_zero(lockref) {
    return yield* CHANGE_LOCKED(lockref, 1, 1);
  },
  *lockref_get_not_dead(lockref) {
    return yield* CHANGE_LOCKED(lockref, 1, 0);
  },
  *lockref_put_return() {
    // Without a fast path there is nothing that could be done without waiting.
    return -1;
  },
  *lockref_put_not_zero(lockref) {
    return yield* CHANGE_LOCKED(lockref, -1, 2);
  },
  *lockref_put_or_lock(lockref) {
    return yield* PUT_OR_KEEP_LOCK(lockref);
  },
  *lockref_mark_dead(lockref) {
    return yield* MARK_DEAD_LOCKED(lockref);
  },
};
