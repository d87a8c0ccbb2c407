/**
 * Shrinking a tree from its top: what is unused below goes.
 *
 * Invariant: whoever is put on the dispose list is killed by its owner; a walk that finds only
 * dentries that others are killing waits for one of them instead of walking again and again.
 * Mirrors fs/dcache.c of v7.3; the functions that end in v6_9 of v6.9.
 */

import {
  await_until,
  branch,
  cover,
  kmem_cache_alloc,
  kmem_cache_free,
  list_add,
  might_sleep,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  wait_for_completion,
  WRITE_ONCE,
  type Branch,
  type List,
  type Task,
} from '../machine/index.js';
import { count_of } from '../lockref/index.js';
import type { DcacheKernel, Dentry } from './dentry.js';
import { DCACHE } from './flags.js';
import type { ShrinkList } from './lru.js';
import type { Visitor, WalkData } from './walk.js';

const COLLECTS = branch('shrink_dcache_parent', 'collects unused dentries');
const VICTIM_DEAD = branch('shrink_dcache_parent', 'waits for a dentry that another task kills');
const VICTIM_GONE = branch('shrink_dcache_parent', 'finds that the other task is done');
const VICTIM_FOREIGN = branch('shrink_dcache_parent', 'kills a dentry on another shrink list');
const DROPS = branch('d_invalidate', 'unhashes');
const DETACHES = branch('d_invalidate', 'detaches what is mounted below');

export const SHRINK_PARENT_BRANCHES: readonly Branch[] = [
  COLLECTS,
  VICTIM_DEAD,
  VICTIM_GONE,
  VICTIM_FOREIGN,
  DROPS,
  DETACHES,
];

/** What a walk collects: where it started, how much it found, a victim, and the dispose list. */
interface Select {
  readonly start: Dentry;
  readonly found: number;
  readonly victim: Dentry | null;
  readonly dispose: ShrinkList;
}

function pack(k: DcacheKernel, { start, found, victim, dispose }: Select): WalkData {
  return k.list<unknown>([start, found, victim, dispose]);
}

function unpack(data: WalkData): Select {
  const [start, found, victim, dispose] = data.items;
  return {
    start: start as Dentry,
    found: found as number,
    victim: victim as Dentry | null,
    dispose: dispose as ShrinkList,
  };
}

/** Start with nothing collected. */
function selectFrom(k: DcacheKernel, start: Dentry, dispose = k.list<Dentry>([])): WalkData {
  return pack(k, { start, found: 0, victim: null, dispose });
}

/** Put unused dentries on the dispose list, and count what others deal with. Source: fs/dcache.c. */
function* select_collect(k: DcacheKernel, dentry: Dentry, data: WalkData): Task<List<unknown>> {
  const select = unpack(data);
  if (select.start === dentry) return k.list<unknown>(['D_WALK_CONTINUE', data]);
  let { found, dispose } = select;
  const flags = yield* READ_ONCE(dentry.d_flags);
  const count = count_of(yield* READ_ONCE(dentry.d_lockref));
  if ((flags & DCACHE.SHRINK_LIST) !== 0 || count < 0) {
    found += 1;
  } else if (count === 0) {
    dispose = yield* k.to_shrink_list(dentry, dispose);
    found += 1;
  }
  // With something found there is progress, and no need to begin again.
  const ret = dispose.items.length > 0 ? 'D_WALK_NORETRY' : 'D_WALK_CONTINUE';
  return k.list<unknown>([ret, pack(k, { ...select, found, dispose })]);
}

/** As {@link select_collect}, and stop, inside a reader, at the first that others deal with. */
function* select_collect2(k: DcacheKernel, dentry: Dentry, data: WalkData): Task<List<unknown>> {
  const select = unpack(data);
  if (select.start === dentry) return k.list<unknown>(['D_WALK_CONTINUE', data]);
  const flags = yield* READ_ONCE(dentry.d_flags);
  const count = count_of(yield* READ_ONCE(dentry.d_lockref));
  if (count < 0 || (count === 0 && (flags & DCACHE.SHRINK_LIST) !== 0)) {
    yield* k.rcu_read_lock();
    return k.list<unknown>(['D_WALK_QUIT', pack(k, { ...select, victim: dentry })]);
  }
  if (count !== 0) return k.list<unknown>(['D_WALK_CONTINUE', data]);
  const dispose = yield* k.to_shrink_list(dentry, select.dispose);
  return k.list<unknown>(['D_WALK_NORETRY', pack(k, { ...select, dispose })]);
}

/** Give back what is unused below `parent`. May sleep; no lock may be held. Source: fs/dcache.c. */
export function* shrink_dcache_parent(k: DcacheKernel, parent: Dentry): Task<void> {
  yield* k.shrink_dcache_tree(parent, select_collect);
}

/** What {@link shrink_dcache_parent} and umount do. */
export function* shrink_dcache_tree(k: DcacheKernel, parent: Dentry, collect: Visitor): Task<void> {
  for (;;) {
    const { found, dispose } = unpack(yield* k.d_walk(parent, selectFrom(k, parent), collect));
    if (dispose.items.length > 0) {
      yield* cover(COLLECTS);
      yield* k.shrink_dentry_list(dispose);
      continue;
    }
    if (found === 0) return;
    const second = unpack(yield* k.d_walk(parent, selectFrom(k, parent), select_collect2));
    if (second.victim !== null) yield* k.shrink_victim(second.victim);
    yield* k.shrink_dentry_list(second.dispose);
  }
}

/**
 * Get rid of a dentry that others deal with: kill it, or sleep until its killer is done with it.
 * Entry: inside a reader; exit: not. Source: fs/dcache.c, v7.3.
 */
export function* shrink_victim(k: DcacheKernel, victim: Dentry): Task<void> {
  yield* spin_lock(victim.d_lockref);
  yield* k.rcu_read_unlock();
  const flags = yield* READ_ONCE(victim.d_flags);
  if ((flags & DCACHE.DENTRY_KILLED) !== 0) {
    yield* cover(VICTIM_GONE);
    yield* spin_unlock(victim.d_lockref);
  } else if (count_of(yield* READ_ONCE(victim.d_lockref)) < 0) {
    yield* cover(VICTIM_DEAD);
    const waiter = (yield* kmem_cache_alloc(k.completion_stack))!;
    yield* list_add(victim.d_waiters, waiter);
    yield* spin_unlock(victim.d_lockref);
    yield* wait_for_completion(waiter);
    yield* kmem_cache_free(waiter);
  } else {
    yield* cover(VICTIM_FOREIGN);
    yield* k.shrink_kill(victim);
  }
}

/** Kill it if possible; else the caller walks again. Source: fs/dcache.c, v6.9. */
export function* shrink_victim_v6_9(k: DcacheKernel, victim: Dentry): Task<void> {
  yield* spin_lock(victim.d_lockref);
  if (!(yield* k.lock_for_kill_or_give_up(victim))) {
    const dying = count_of(yield* READ_ONCE(victim.d_lockref)) < 0;
    yield* spin_unlock(victim.d_lockref);
    // The kernel walks again and again until the killer is done; here it is waited for.
    if (dying) {
      yield* cover(VICTIM_DEAD);
      yield* await_until(victim.d_flags, (flags) => (flags & DCACHE.DENTRY_KILLED) !== 0);
    }
    yield* k.rcu_read_unlock();
    return;
  }
  yield* cover(VICTIM_FOREIGN);
  yield* k.rcu_read_unlock();
  let parent = yield* k.__dentry_kill(victim);
  while (parent !== null) parent = yield* k.dentry_kill(parent);
}

/** Stop at the first mountpoint, with a reference on it. Source: fs/dcache.c. */
function* find_submount(k: DcacheKernel, dentry: Dentry, data: WalkData): Task<List<unknown>> {
  if (((yield* READ_ONCE(dentry.d_flags)) & DCACHE.MOUNTED) === 0) {
    return k.list<unknown>(['D_WALK_CONTINUE', data]);
  }
  yield* k.dget_dlock(dentry);
  return k.list<unknown>(['D_WALK_QUIT', k.list([dentry])]);
}

/**
 * The name is no longer valid: unhash, give back what is below, detach what is mounted there. May
 * sleep. Source: fs/dcache.c.
 */
export function* d_invalidate(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* might_sleep('d_invalidate');
  yield* spin_lock(dentry.d_lockref);
  if (yield* k.d_unhashed(dentry)) {
    yield* spin_unlock(dentry.d_lockref);
    return;
  }
  yield* cover(DROPS);
  yield* k.__d_drop(dentry);
  yield* spin_unlock(dentry.d_lockref);
  if ((yield* READ_ONCE(dentry.d_inode)) === null) return;
  yield* k.shrink_dcache_parent(dentry);
  for (;;) {
    const none = k.list<unknown>([]);
    const [mountpoint] = (yield* k.d_walk(dentry, none, find_submount)).items;
    if (mountpoint === undefined) return;
    yield* cover(DETACHES);
    yield* k.__detach_mounts(mountpoint as Dentry);
    yield* k.dput(mountpoint as Dentry);
  }
}

/** Nothing is mounted here any more. A kernel with mounts replaces this. Source: fs/namespace.c. */
export function* __detach_mounts(_k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* spin_lock(dentry.d_lockref);
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.MOUNTED);
  yield* spin_unlock(dentry.d_lockref);
}

/** As {@link select_collect}, and take the filesystem's pins away. Source: fs/dcache.c, v7.3. */
export function* select_collect_umount(
  k: DcacheKernel,
  dentry: Dentry,
  data: WalkData,
): Task<List<unknown>> {
  const flags = yield* READ_ONCE(dentry.d_flags);
  if ((flags & DCACHE.PERSISTENT) !== 0) {
    yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.PERSISTENT);
    yield* k.drop_pin(dentry);
  }
  return yield* select_collect(k, dentry, data);
}
