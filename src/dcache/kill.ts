/**
 * Killing a dentry: from count 0 under d_lock to freed memory.
 *
 * Invariant: dead < d_prune < unhashed < inode gone < d_release < unlisted < call_rcu < parent put.
 * Marking dead and d_prune are in one d_lock hold, so who learns "dead" by waiting for d_lock learns
 * it after d_prune. Mirrors fs/dcache.c of v7.3.
 */

import {
  branch,
  complete,
  cover,
  kmem_cache_free,
  list_del,
  lockdep_assert_held,
  might_sleep,
  read,
  READ_ONCE,
  spin_lock,
  spin_lock_nested,
  spin_trylock,
  spin_unlock,
  WARN,
  WRITE_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import { count_of, with_count } from '../lockref/index.js';
import { operations_of, type DcacheKernel, type Dentry } from './dentry.js';
import { DCACHE } from './flags.js';
import type { ExternalName } from './name.js';

const GAP = branch('lock_for_kill', 'drops d_lock to take i_lock first');
const GAP_REVIVED = branch('lock_for_kill', 'finds the dentry revived or killed after the gap');
const LATE_REFERENCE = branch('dentry_kill', 'finds a reference taken in spite of d_lock');
const NEGATIVE = branch('__dentry_kill', 'kills a negative dentry');
const LEFT_TO_SHRINKER = branch('__dentry_kill', 'leaves the memory to the shrink list');

const WAKES_WALKERS = branch('dentry_unlist', 'wakes who waits for the dentry to go');
const FREES_NAME = branch('dentry_free', 'lets the external name go too');
const FREES_AT_ONCE = branch('dentry_free', 'frees without a grace period');

export const KILL_TREE_BRANCHES: readonly Branch[] = [WAKES_WALKERS, FREES_NAME, FREES_AT_ONCE];

export const KILL_BRANCHES: readonly Branch[] = [
  GAP,
  GAP_REVIVED,
  LATE_REFERENCE,
  NEGATIVE,
  LEFT_TO_SHRINKER,
];

/**
 * Take i_lock in addition to d_lock, in an order that is right.
 * Entry: d_lock held. @returns true with both held and count 0; false with nothing held
 */
export function* lock_for_kill(k: DcacheKernel, dentry: Dentry): Task<boolean> {
  const locked = yield* k.lock_for_kill_or_give_up(dentry);
  if (!locked) yield* spin_unlock(dentry.d_lockref);
  return locked;
}

/** {@link lock_for_kill} that keeps d_lock when it answers false. */
export function* lock_for_kill_or_give_up(k: DcacheKernel, dentry: Dentry): Task<boolean> {
  yield* lockdep_assert_held(dentry.d_lockref);
  if (count_of(yield* READ_ONCE(dentry.d_lockref)) !== 0) return false;
  let inode = yield* READ_ONCE(dentry.d_inode);
  if (inode === null || (yield* spin_trylock(inode.i_lock))) return true;

  yield* cover(GAP);
  // With d_lock dropped anybody may kill the dentry; the reader keeps its memory and its inode's.
  yield* k.rcu_read_lock();
  do {
    yield* spin_unlock(dentry.d_lockref);
    yield* spin_lock(inode.i_lock);
    yield* spin_lock(dentry.d_lockref);
    const now = yield* READ_ONCE(dentry.d_inode);
    if (now === inode) break;
    yield* spin_unlock(inode.i_lock);
    inode = now;
  } while (inode !== null);
  yield* k.rcu_read_unlock();
  if (count_of(yield* READ_ONCE(dentry.d_lockref)) === 0) return true;
  yield* cover(GAP_REVIVED);
  if (inode !== null) yield* spin_unlock(inode.i_lock);
  return false;
}

/**
 * Kill a dentry with count 0. Entry: d_lock held; exit: not held. May sleep.
 * @returns the parent, locked and with count 0, if this was its last reference; else null
 */
export function* dentry_kill(k: DcacheKernel, dentry: Dentry): Task<Dentry | null> {
  if (!(yield* k.lock_for_kill(dentry))) return null;
  return yield* k.__dentry_kill(dentry);
}

/** {@link dentry_kill} with i_lock held too, if the dentry is positive. */
export function* __dentry_kill(k: DcacheKernel, dentry: Dentry): Task<Dentry | null> {
  const inode = yield* READ_ONCE(dentry.d_inode);
  if (!(yield* k.lockref_mark_dead(dentry.d_lockref))) {
    yield* cover(LATE_REFERENCE);
    if (inode !== null) yield* spin_unlock(inode.i_lock);
    yield* spin_unlock(dentry.d_lockref);
    return null;
  }
  const { d_prune, d_release } = yield* operations_of(dentry);
  if (d_prune !== undefined) yield* d_prune(k as never, dentry);
  const flags = yield* READ_ONCE(dentry.d_flags);
  if ((flags & (DCACHE.LRU_LIST | DCACHE.SHRINK_LIST)) === DCACHE.LRU_LIST) {
    yield* k.d_lru_del(dentry);
  }
  yield* k.__d_drop(dentry);
  if (inode !== null) {
    yield* k.dentry_unlink_inode(dentry, inode);
  } else {
    yield* cover(NEGATIVE);
    yield* spin_unlock(dentry.d_lockref);
  }
  if (d_release !== undefined) yield* d_release(k as never, dentry);
  yield* might_sleep('__dentry_kill');

  // The dentry is dead and negative: d_parent cannot change any more.
  const parent = yield* READ_ONCE(dentry.d_parent);
  if (parent !== null && parent !== dentry) yield* spin_lock(parent.d_lockref);
  yield* spin_lock_nested(dentry.d_lockref, parent === dentry ? 0 : 1);
  const last_flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, last_flags | DCACHE.DENTRY_KILLED);
  if (parent !== null && parent !== dentry) yield* k.dentry_unlist(dentry, parent);
  else if ((last_flags & DCACHE.ROOTS_LIST) !== 0) yield* k.d_leave_roots(dentry);
  const can_free = (last_flags & DCACHE.SHRINK_LIST) === 0;
  yield* spin_unlock(dentry.d_lockref);
  // Whoever put it on a shrink list frees it from there.
  if (can_free) yield* k.dentry_free(dentry);
  else yield* cover(LEFT_TO_SHRINKER);
  if (parent === null || parent === dentry) return null;
  const word = yield* READ_ONCE(parent.d_lockref);
  const left = count_of(word) - 1;
  yield* WRITE_ONCE(parent.d_lockref, with_count(word, left));
  if (left === 0) return parent;
  yield* spin_unlock(parent.d_lockref);
  return null;
}

/**
 * Take a killed dentry off its parent's list. Both d_locks are held. A walker that stands here goes
 * on to the next sibling that is no cursor, since cursors move about. Source: fs/dcache.c.
 */
export function* dentry_unlist(_k: DcacheKernel, dentry: Dentry, parent: Dentry): Task<void> {
  yield* lockdep_assert_held(parent.d_lockref);
  const siblings = yield* read(parent.d_children);
  const after = siblings === null ? [] : siblings.items.slice(siblings.items.indexOf(dentry) + 1);
  let next: Dentry | null = null;
  for (const sibling of after) {
    if (((yield* READ_ONCE(sibling.d_flags)) & DCACHE.DENTRY_CURSOR) !== 0) continue;
    next = sibling;
    break;
  }
  yield* WRITE_ONCE(dentry.d_sib_next, next);
  yield* list_del(parent.d_children, dentry);
  const waiters = yield* READ_ONCE(dentry.d_waiters);
  if (waiters === null) return;
  yield* cover(WAKES_WALKERS);
  yield* WRITE_ONCE(dentry.d_waiters, null);
  for (const waiter of waiters) yield* complete(waiter);
}

/** Give the memory back, after a grace period unless nobody could be looking at it. */
export function* dentry_free(k: DcacheKernel, dentry: Dentry): Task<void> {
  if ((yield* READ_ONCE(dentry.d_inode)) !== null) yield* WARN('WARNING: positive dentry freed');
  const flags = yield* READ_ONCE(dentry.d_flags);
  if ((flags & (DCACHE.LRU_LIST | DCACHE.SHRINK_LIST)) !== 0) {
    yield* WARN('WARNING: dentry freed while on a list');
  }
  if ((flags & DCACHE.EXTERNAL_NAME) !== 0) {
    yield* cover(FREES_NAME);
    yield* k.put_external_name((yield* READ_ONCE(dentry.d_name)) as ExternalName);
  }
  if ((flags & DCACHE.NORCU) !== 0) {
    yield* cover(FREES_AT_ONCE);
    yield* kmem_cache_free(dentry);
  } else yield* k.call_rcu(dentry, __d_free);
}

/** The callback that frees a dentry. */
export function* __d_free(_k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* kmem_cache_free(dentry);
}
