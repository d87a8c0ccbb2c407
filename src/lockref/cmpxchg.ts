/**
 * lockref with its fast path: exchange the whole word while the lock half says unlocked.
 *
 * Invariant: the exchange never succeeds against a held lock, so whoever holds the lock sees the
 * count stand still. Mirrors lib/lockref.c with USE_CMPXCHG_LOCKREF.
 */

import {
  branch,
  cmpxchg_loop,
  cover,
  GAVE_UP,
  might_lock,
  type Branch,
  type Task,
} from '../machine/index.js';
import { CHANGE_LOCKED, MARK_DEAD_LOCKED, PUT_OR_KEEP_LOCK } from './locked.js';
import {
  CMPXCHG_BUDGET,
  count_of,
  is_locked,
  with_count,
  type Lockref,
  type LockrefOps,
} from './lockref.js';

const WAITED = branch('lockref', 'finds the lock held and waits for it');
const IS_DEAD = branch('lockref_get_not_dead', 'finds the count dead');
const REVIVED = branch('lockref_get_not_dead', 'revives a count of zero');

/** Branches of this file, for coverage reports. */
export const LOCKREF_BRANCHES: readonly Branch[] = [WAITED, IS_DEAD, REVIVED];

/**
 * Change the count without the lock. Neither acquire nor release: the count orders nothing.
 * @param least smallest count that may be changed
 * @returns the old count; `refused` if it was below `least`; `locked` to go and take the lock
 */
function* CMPXCHG_LOOP(
  lockref: Lockref,
  change: number,
  least: number,
): Task<number | 'refused' | 'locked'> {
  const word = yield* cmpxchg_loop(
    lockref,
    (old) => {
      const count = count_of(old);
      return is_locked(old) || count < least ? undefined : with_count(old, count + change);
    },
    'relaxed',
    CMPXCHG_BUDGET,
  );
  if (word === GAVE_UP || is_locked(word)) {
    yield* cover(WAITED);
    return 'locked';
  }
  const count = count_of(word);
  return count < least ? 'refused' : count;
}

function* CHANGE(lockref: Lockref, amount: number, least: number): Task<boolean> {
  // The lock may be taken, so its place in the lock order counts even when it is not.
  yield* might_lock(lockref);
  const old = yield* CMPXCHG_LOOP(lockref, amount, least);
  if (old === 'locked') return yield* CHANGE_LOCKED(lockref, amount, least);
  return old !== 'refused';
}

/** lockref as on x86-64 or arm64 without lock debugging. Source: lib/lockref.c. */
export const cmpxchg_ops: LockrefOps = {
  *lockref_get(lockref) {
    yield* CHANGE(lockref, 1, Number.NEGATIVE_INFINITY);
  },
  *lockref_get_not_zero(lockref) {
    return yield* CHANGE(lockref, 1, 1);
  },
  *lockref_get_not_dead(lockref) {
    yield* might_lock(lockref);
    const old = yield* CMPXCHG_LOOP(lockref, 1, 0);
    const got = old === 'locked' ? yield* CHANGE_LOCKED(lockref, 1, 0) : old !== 'refused';
    if (!got) yield* cover(IS_DEAD);
    if (old === 0) yield* cover(REVIVED);
    return got;
  },
  *lockref_put_return(lockref) {
    const old = yield* CMPXCHG_LOOP(lockref, -1, 1);
    return typeof old === 'number' ? old - 1 : -1;
  },
  *lockref_put_not_zero(lockref) {
    return yield* CHANGE(lockref, -1, 2);
  },
  *lockref_put_or_lock(lockref) {
    const old = yield* CMPXCHG_LOOP(lockref, -1, 2);
    if (typeof old === 'number') return true;
    return yield* PUT_OR_KEEP_LOCK(lockref);
  },
  *lockref_mark_dead(lockref) {
    return yield* MARK_DEAD_LOCKED(lockref);
  },
};
