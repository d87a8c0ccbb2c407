/**
 * lockref as a mere counter: operations look at the count and do not wait for the lock.
 *
 * No kernel does this. It is the abstraction that one makes without noticing when one models
 * lockref as an atomic counter, and it changes verdicts: here a dying dentry can be seen dead before
 * its d_prune has run. Invariant: zero to dead is one step, so a reference is never lost.
 */

import {
  branch,
  cmpxchg,
  cmpxchg_loop,
  cover,
  lockdep_assert_held,
  READ_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import { PUT_OR_KEEP_LOCK } from './locked.js';
import { count_of, LOCKREF_DEAD, with_count, type Lockref, type LockrefOps } from './lockref.js';

const IS_DEAD = branch('lockref_get_not_dead', 'finds the count dead');
const REVIVED = branch('lockref_get_not_dead', 'revives a count of zero');

/** Branches of this file, for coverage reports. */
export const COUNTER_BRANCHES: readonly Branch[] = [IS_DEAD, REVIVED];

/** @returns the old count, or null if it was below `least` */
function* CHANGE(lockref: Lockref, amount: number, least: number): Task<number | null> {
  const word = yield* cmpxchg_loop(
    lockref,
    (old) => (count_of(old) < least ? undefined : with_count(old, count_of(old) + amount)),
    'relaxed',
  );
  const count = count_of(word);
  return count < least ? null : count;
}

/** The counter-only model. */
export const counter_ops: LockrefOps = {
  *lockref_get(lockref) {
    yield* CHANGE(lockref, 1, Number.NEGATIVE_INFINITY);
  },
  *lockref_get_not_zero(lockref) {
    return (yield* CHANGE(lockref, 1, 1)) !== null;
  },
  *lockref_get_not_dead(lockref) {
    const old = yield* CHANGE(lockref, 1, 0);
    if (old === null) yield* cover(IS_DEAD);
    if (old === 0) yield* cover(REVIVED);
    return old !== null;
  },
  *lockref_put_return(lockref) {
    const old = yield* CHANGE(lockref, -1, 1);
    return old === null ? -1 : old - 1;
  },
  *lockref_put_not_zero(lockref) {
    return (yield* CHANGE(lockref, -1, 2)) !== null;
  },
  *lockref_put_or_lock(lockref) {
    if ((yield* CHANGE(lockref, -1, 2)) !== null) return true;
    return yield* PUT_OR_KEEP_LOCK(lockref);
  },
  *lockref_mark_dead(lockref) {
    yield* lockdep_assert_held(lockref);
    // Getters do not respect the lock, so the last look at the count and the mark are one step.
    const word = yield* READ_ONCE(lockref);
    if (count_of(word) !== 0) return false;
    return (yield* cmpxchg(lockref, word, with_count(word, LOCKREF_DEAD))) === word;
  },
};
