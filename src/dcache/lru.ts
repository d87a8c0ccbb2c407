/**
 * The lists that d_lru is on: the super block's LRU, or somebody's private shrink list.
 *
 * Invariant: LRU_LIST says that the dentry is on either, SHRINK_LIST on which; both change under
 * d_lock with the list. Who put a dentry on a shrink list frees it, whoever kills it. A shrink list
 * is private to its owner, and so is a value here. Mirrors fs/dcache.c.
 */

import {
  atomic_step,
  list_add,
  list_del,
  lockdep_assert_held,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type Cell,
  type List,
  type Task,
} from '../machine/index.js';
import { count_of } from '../lockref/index.js';
import type { DcacheKernel, Dentry } from './dentry.js';
import { DCACHE } from './flags.js';

/** A private list of dentries to be freed by its owner, newest first. */
export type ShrinkList = List<Dentry>;

/** this_cpu_add: other CPUs do not notice. */
function* this_cpu_add(cell: Cell<number>, amount: number): Task<void> {
  yield* atomic_step({
    label: 'this_cpu_add',
    reads: [],
    writes: [],
    bumps: [cell as Cell],
    run: (set) => set(cell, cell.value + amount),
  });
}

/** A dentry on d_lru became negative, or positive; only those on the LRU itself are counted. */
export function* lru_negative_changed(k: DcacheKernel, flags: number, amount: number): Task<void> {
  if ((flags & DCACHE.SHRINK_LIST) === 0) yield* this_cpu_add(k.dentry_stat.nr_negative, amount);
}

function* count_negative(k: DcacheKernel, dentry: Dentry, amount: number): Task<void> {
  if ((yield* READ_ONCE(dentry.d_inode)) === null) {
    yield* this_cpu_add(k.dentry_stat.nr_negative, amount);
  }
}

/** Put an unused dentry on its super block's LRU; d_lock must be held. Source: fs/dcache.c. */
export function* d_lru_add(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, flags | DCACHE.LRU_LIST);
  yield* this_cpu_add(k.dentry_stat.nr_unused, 1);
  yield* count_negative(k, dentry, 1);
  yield* spin_lock(dentry.d_sb.s_dentry_lru_lock);
  yield* list_add(dentry.d_sb.s_dentry_lru, dentry);
  yield* spin_unlock(dentry.d_sb.s_dentry_lru_lock);
}

/** Take a dentry off its super block's LRU; d_lock must be held. Source: fs/dcache.c. */
export function* d_lru_del(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* spin_lock(dentry.d_sb.s_dentry_lru_lock);
  yield* k.d_lru_isolate(dentry);
  yield* spin_unlock(dentry.d_sb.s_dentry_lru_lock);
}

/** {@link d_lru_del} with the LRU's lock held too. Source: fs/dcache.c. */
export function* d_lru_isolate(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.LRU_LIST);
  yield* this_cpu_add(k.dentry_stat.nr_unused, -1);
  yield* count_negative(k, dentry, -1);
  yield* list_del(dentry.d_sb.s_dentry_lru, dentry);
}

/** From the LRU, whose lock is held, to a shrink list. d_lock is held. Source: fs/dcache.c. */
export function* d_lru_shrink_move(
  k: DcacheKernel,
  dentry: Dentry,
  list: ShrinkList,
): Task<ShrinkList> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, flags | DCACHE.SHRINK_LIST);
  yield* count_negative(k, dentry, -1);
  yield* list_del(dentry.d_sb.s_dentry_lru, dentry);
  return k.list([dentry, ...list]);
}

/** Put a dentry that is on no list on a shrink list. d_lock is held. Source: fs/dcache.c. */
export function* d_shrink_add(k: DcacheKernel, dentry: Dentry, list: ShrinkList): Task<ShrinkList> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, flags | DCACHE.SHRINK_LIST | DCACHE.LRU_LIST);
  yield* this_cpu_add(k.dentry_stat.nr_unused, 1);
  return k.list([dentry, ...list]);
}

/** Say that a dentry is off the shrink list; d_lock is held, by the list's owner. */
export function* d_shrink_del(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, flags & ~(DCACHE.SHRINK_LIST | DCACHE.LRU_LIST));
  yield* this_cpu_add(k.dentry_stat.nr_unused, -1);
}

/**
 * Put an unused dentry on a shrink list, unless it is on somebody else's. d_lock is held.
 * @returns the list, the same one if nothing was put. Source: fs/dcache.c.
 */
export function* to_shrink_list(
  k: DcacheKernel,
  dentry: Dentry,
  list: ShrinkList,
): Task<ShrinkList> {
  const flags = yield* READ_ONCE(dentry.d_flags);
  if ((flags & DCACHE.SHRINK_LIST) !== 0) return list;
  if (count_of(yield* READ_ONCE(dentry.d_lockref)) !== 0) return list;
  if ((flags & DCACHE.LRU_LIST) !== 0) yield* k.d_lru_del(dentry);
  return yield* k.d_shrink_add(dentry, list);
}
