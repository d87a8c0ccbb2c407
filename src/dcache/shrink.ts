/**
 * Shrinkers: giving unused dentries back when memory is short.
 *
 * Invariant: the LRU's lock is inside d_lock, so who holds the former may only try the latter; and
 * a dentry on a shrink list is freed by the list's owner and by nobody else, whoever kills it.
 * Mirrors fs/dcache.c.
 */

import {
  branch,
  cover,
  read,
  READ_ONCE,
  spin_lock,
  spin_trylock,
  spin_unlock,
  write,
  WRITE_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import { count_of } from '../lockref/index.js';
import type { DcacheKernel, Dentry, DentrySuper } from './dentry.js';
import { DCACHE } from './flags.js';
import type { ShrinkList } from './lru.js';

const SKIPS = branch('dentry_lru_isolate', 'skips a dentry whose d_lock is held');
const IN_USE = branch('dentry_lru_isolate', 'takes a dentry off the LRU that is in use');
const ROTATES = branch('dentry_lru_isolate', 'gives a referenced dentry a second chance');
const TAKES = branch('dentry_lru_isolate', 'takes an unused dentry');
const FREES_KILLED = branch('shrink_dentry_list', 'frees a dentry that somebody else killed');
const FALLS_OFF = branch('shrink_dentry_list', 'lets a dentry be that is in use again');
const PARENT_TOO = branch('shrink_dentry_list', 'kills the parent too');

export const SHRINK_BRANCHES: readonly Branch[] = [
  SKIPS,
  IN_USE,
  ROTATES,
  TAKES,
  FREES_KILLED,
  FALLS_OFF,
  PARENT_TOO,
];

/**
 * What becomes of one dentry on the LRU, whose lock is held. Source: fs/dcache.c.
 * @returns the list of what is to be freed
 */
export function* dentry_lru_isolate(
  k: DcacheKernel,
  dentry: Dentry,
  freeable: ShrinkList,
): Task<ShrinkList> {
  if (!(yield* spin_trylock(dentry.d_lockref))) {
    yield* cover(SKIPS);
    return freeable;
  }
  let list = freeable;
  const flags = yield* READ_ONCE(dentry.d_flags);
  if (count_of(yield* READ_ONCE(dentry.d_lockref)) !== 0) {
    yield* cover(IN_USE);
    yield* k.d_lru_isolate(dentry);
  } else if ((flags & DCACHE.REFERENCED) !== 0) {
    yield* cover(ROTATES);
    yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.REFERENCED);
    const lru = dentry.d_sb.s_dentry_lru;
    const others = (yield* read(lru))!.items.filter((other) => other !== dentry);
    yield* write(lru, k.list([dentry, ...others]));
  } else {
    yield* cover(TAKES);
    list = yield* k.d_lru_shrink_move(dentry, list);
  }
  yield* spin_unlock(dentry.d_lockref);
  return list;
}

/** As {@link dentry_lru_isolate}, whether in use or not. Source: fs/dcache.c. */
export function* dentry_lru_isolate_shrink(
  k: DcacheKernel,
  dentry: Dentry,
  freeable: ShrinkList,
): Task<ShrinkList> {
  if (!(yield* spin_trylock(dentry.d_lockref))) return freeable;
  const list = yield* k.d_lru_shrink_move(dentry, freeable);
  yield* spin_unlock(dentry.d_lockref);
  return list;
}

/**
 * Give up to `nr_to_scan` of a super block's unused dentries back, oldest first. May sleep.
 * @returns how many were taken off the LRU to be freed. Source: fs/dcache.c.
 */
export function* prune_dcache_sb(
  k: DcacheKernel,
  sb: DentrySuper,
  nr_to_scan: number,
): Task<number> {
  let dispose: ShrinkList = k.list<Dentry>([]);
  yield* spin_lock(sb.s_dentry_lru_lock);
  const oldest = [...((yield* read(sb.s_dentry_lru)) ?? [])].reverse().slice(0, nr_to_scan);
  for (const dentry of oldest) dispose = yield* k.dentry_lru_isolate(dentry, dispose);
  yield* spin_unlock(sb.s_dentry_lru_lock);
  yield* k.shrink_dentry_list(dispose);
  return dispose.items.length;
}

/** Empty a super block's LRU. May sleep. Source: fs/dcache.c. */
export function* shrink_dcache_sb(k: DcacheKernel, sb: DentrySuper): Task<void> {
  for (;;) {
    let dispose: ShrinkList = k.list<Dentry>([]);
    yield* spin_lock(sb.s_dentry_lru_lock);
    const all = [...((yield* read(sb.s_dentry_lru)) ?? [])].reverse();
    for (const dentry of all) dispose = yield* k.dentry_lru_isolate_shrink(dentry, dispose);
    yield* spin_unlock(sb.s_dentry_lru_lock);
    if (all.length === 0) return;
    yield* k.shrink_dentry_list(dispose);
  }
}

/** Kill what is on a shrink list of one's own, oldest first. May sleep. Source: fs/dcache.c, v7.3. */
export function* shrink_dentry_list(k: DcacheKernel, list: ShrinkList): Task<void> {
  for (const dentry of [...list].reverse()) {
    yield* spin_lock(dentry.d_lockref);
    yield* k.d_shrink_del(dentry);
    if (((yield* READ_ONCE(dentry.d_flags)) & DCACHE.DENTRY_KILLED) !== 0) {
      yield* cover(FREES_KILLED);
      yield* spin_unlock(dentry.d_lockref);
      yield* k.dentry_free(dentry);
    } else {
      yield* k.shrink_kill(dentry);
    }
  }
}

/** Kill a dentry if it is unused, and its parents as they become so. Entry: d_lock held. */
export function* shrink_kill(k: DcacheKernel, dentry: Dentry): Task<void> {
  if (!(yield* k.lock_for_kill(dentry))) {
    yield* cover(FALLS_OFF);
    return;
  }
  let parent = yield* k.__dentry_kill(dentry);
  while (parent !== null) {
    yield* cover(PARENT_TOO);
    parent = yield* k.dentry_kill(parent);
  }
}

/** With lock_for_kill() before anything else, inside a reader. Source: fs/dcache.c, v6.9. */
export function* shrink_dentry_list_v6_9(k: DcacheKernel, list: ShrinkList): Task<void> {
  for (const dentry of [...list].reverse()) {
    yield* spin_lock(dentry.d_lockref);
    yield* k.rcu_read_lock();
    if (!(yield* k.lock_for_kill_or_give_up(dentry))) {
      yield* k.rcu_read_unlock();
      yield* k.d_shrink_del(dentry);
      const killed = ((yield* READ_ONCE(dentry.d_flags)) & DCACHE.DENTRY_KILLED) !== 0;
      yield* cover(killed ? FREES_KILLED : FALLS_OFF);
      yield* spin_unlock(dentry.d_lockref);
      if (killed) yield* k.dentry_free(dentry);
      continue;
    }
    yield* k.d_shrink_del(dentry);
    yield* k.rcu_read_unlock();
    let parent = yield* k.__dentry_kill(dentry);
    while (parent !== null) {
      yield* cover(PARENT_TOO);
      parent = yield* k.dentry_kill(parent);
    }
  }
}
