/**
 * Parallel lookup: many look a name up, one asks the filesystem, the others wait for it.
 *
 * Invariant: at most one dentry per parent and name is in lookup, and it is negative and unhashed.
 * i_dir_seq is odd while an entry goes from in-lookup to hashed, so nobody can miss it in both
 * places. Mirrors fs/dcache.c; parallel-v6.9.ts has what was different.
 */

import {
  await_until,
  bit_spin_lock,
  branch,
  cmpxchg,
  cover,
  cpu_relax,
  finish_wait,
  kmem_cache_alloc,
  kmem_cache_free,
  list_add,
  list_del,
  lockdep_assert_held,
  prepare_to_wait,
  read,
  READ_ONCE,
  read_seqbegin,
  read_seqcount_retry,
  read_seqretry,
  schedule,
  smp_load_acquire,
  smp_store_release,
  spin_lock,
  spin_unlock,
  wake_up_all,
  WRITE_ONCE,
  type Branch,
  type Cell,
  type Task,
  type WaitQueue,
} from '../machine/index.js';
import type { AliasedInode, DcacheKernel, Dentry } from './dentry.js';
import { DCACHE } from './flags.js';
import { found_dentry, found_seq } from './lookup.js';
import { full_name_hash } from './name.js';
import type { InLookupBucket } from './state.js';

const FOUND = branch('d_alloc_parallel', 'finds the name hashed');
const FOUND_DEAD = branch('d_alloc_parallel', 'finds the name on a dying dentry');
const FOUND_MOVED = branch('d_alloc_parallel', 'finds the name and loses it to a rename');
const RENAMED = branch('d_alloc_parallel', 'tries again after a rename');
const BUSY = branch('d_alloc_parallel', 'meets a directory that is being added to');
const ADDED = branch('d_alloc_parallel', 'finds that the directory was added to');
const WAITS = branch('d_alloc_parallel', 'waits for another lookup of the name');
const WAITED_DEAD = branch('d_alloc_parallel', 'finds the other lookup dying');
const WAITED_OTHER = branch('d_alloc_parallel', 'finds that the other lookup brought no match');
const MINE = branch('d_alloc_parallel', 'is the first to look up');
const SLEEPS = branch('d_wait_lookup', 'sleeps until the lookup is over');
const WAKES = branch('d_lookup_done', 'wakes who waits for the lookup');

export const PARALLEL_BRANCHES: readonly Branch[] = [
  FOUND,
  FOUND_DEAD,
  FOUND_MOVED,
  RENAMED,
  BUSY,
  ADDED,
  WAITS,
  WAITED_DEAD,
  WAITED_OTHER,
  MINE,
  SLEEPS,
  WAKES,
];

function in_lookup_hash(k: DcacheKernel, hash: number): InLookupBucket {
  return k.in_lookup_hashtable[hash % k.in_lookup_hashtable.length];
}

/** Is the dentry in lookup? Source: include/linux/dcache.h. */
export function* d_in_lookup(_k: DcacheKernel, dentry: Dentry): Task<boolean> {
  return ((yield* READ_ONCE(dentry.d_flags)) & DCACHE.PAR_LOOKUP) !== 0;
}

/** Begin to add an entry to a directory; spins, never sleeps. @returns for {@link end_dir_add} */
export function* start_dir_add(_k: DcacheKernel, dir: AliasedInode): Task<number> {
  for (;;) {
    const n = yield* await_until(dir.i_dir_seq, (seq) => (seq & 1) === 0);
    if ((yield* cmpxchg(dir.i_dir_seq, n, n + 1)) === n) return n;
  }
}

/** The entry can be found now. Source: fs/dcache.c. */
export function* end_dir_add(_k: DcacheKernel, dir: AliasedInode, n: number): Task<void> {
  yield* smp_store_release(dir.i_dir_seq, n + 2);
}

/**
 * A wait queue on the caller's stack for {@link d_alloc_parallel} of v6.9.
 * @returns null where none is needed
 */

export function* lookup_wait_queue(_k: DcacheKernel): Task<WaitQueue | null> {
  return null;
}

/**
 * Look a name up, or begin to. The parent's i_rwsem is held, shared at least. May sleep.
 * @param wq from {@link lookup_wait_queue}; the caller keeps it until after d_lookup_done
 * @returns a dentry with a reference: d_in_lookup() if the caller must now ask the filesystem and
 *          then call d_lookup_done(); null without memory. Source: fs/dcache.c.
 */
export function* d_alloc_parallel(
  k: DcacheKernel,
  parent: Dentry,
  name: string,
  wq: WaitQueue | null = null,
): Task<Dentry | null> {
  const fresh = yield* k.d_alloc_in_lookup(parent, name);
  if (fresh === null) return null;
  for (;;) {
    const found = yield* k.d_alloc_parallel_once(parent, name, fresh, wq);
    if (found !== null) {
      if (found !== fresh) yield* k.dput(fresh);
      return found;
    }
    // Whatever the round stumbled over must change before another one makes sense.
    yield* cpu_relax();
  }
}

/** The dentry that d_alloc_parallel begins with: in lookup before anybody can find it. */
export function* d_alloc_in_lookup(
  k: DcacheKernel,
  parent: Dentry,
  name: string,
): Task<Dentry | null> {
  const dentry = yield* k.__d_alloc(parent.d_sb, name);
  if (dentry === null) return null;
  const inherited = (yield* READ_ONCE(parent.d_flags)) & DCACHE.DISCONNECTED;
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, flags | DCACHE.PAR_LOOKUP | inherited);
  yield* k.d_link_to_parent(dentry, parent);
  return dentry;
}

/** One round of {@link d_alloc_parallel}. @returns null to try again */
export function* d_alloc_parallel_once(
  k: DcacheKernel,
  parent: Dentry,
  name: string,
  fresh: Dentry,
  wq: WaitQueue | null,
): Task<Dentry | null> {
  const dir = (yield* READ_ONCE(parent.d_inode))!;
  yield* k.rcu_read_lock();
  const seq = yield* smp_load_acquire(dir.i_dir_seq);
  const r_seq = yield* read_seqbegin(k.rename_lock);
  const found = yield* k.__d_lookup_rcu(parent, name);
  if (found !== null) {
    const dentry = found_dentry(found);
    if (!(yield* k.lockref_get_not_dead(dentry.d_lockref))) {
      yield* cover(FOUND_DEAD);
      yield* k.rcu_read_unlock();
      return null;
    }
    const moved = yield* read_seqcount_retry(dentry.d_seq, found_seq(found));
    yield* k.rcu_read_unlock();
    if (!moved) {
      yield* cover(FOUND);
      return dentry;
    }
    yield* cover(FOUND_MOVED);
    yield* k.dput(dentry);
    return null;
  }
  if (yield* read_seqretry(k.rename_lock, r_seq)) {
    yield* cover(RENAMED);
    yield* k.rcu_read_unlock();
    return null;
  }
  if ((seq & 1) === 1) {
    yield* cover(BUSY);
    yield* k.rcu_read_unlock();
    return null;
  }
  return yield* k.d_join_lookup(parent, name, fresh, wq, dir.i_dir_seq, seq);
}

/**
 * The name is not hashed: be the one in lookup, or wait for who is. Entry: inside a reader; exit:
 * not. @returns null to try again. Part of d_alloc_parallel.
 */
export function* d_join_lookup(
  k: DcacheKernel,
  parent: Dentry,
  name: string,
  fresh: Dentry,
  wq: WaitQueue | null,
  i_dir_seq: Cell<number>,
  seq: number,
): Task<Dentry | null> {
  const hash = full_name_hash(name);
  const bucket = in_lookup_hash(k, hash);
  yield* bit_spin_lock(bucket.lock);
  if ((yield* READ_ONCE(i_dir_seq)) !== seq) {
    // Somebody left the in-lookup hash for the other one since we looked there.
    yield* cover(ADDED);
    yield* spin_unlock(bucket.lock);
    yield* k.rcu_read_unlock();
    return null;
  }
  for (const dentry of (yield* read(bucket.dentries)) ?? []) {
    if ((yield* READ_ONCE(dentry.d_hash_len)) !== hash) continue;
    if ((yield* READ_ONCE(dentry.d_parent)) !== parent) continue;
    if (!(yield* k.d_same_name(dentry, name))) continue;
    yield* spin_unlock(bucket.lock);
    return yield* k.d_wait_for_lookup(dentry, parent, name, hash);
  }
  yield* cover(MINE);
  yield* k.rcu_read_unlock();
  if (wq !== null) {
    // v6.9: not under d_lock, although the dentry can be found among its parent's children.
    yield* WRITE_ONCE(fresh.d_wait, wq);
    const flags = yield* READ_ONCE(fresh.d_flags);
    yield* WRITE_ONCE(fresh.d_flags, flags | DCACHE.PAR_LOOKUP);
  }
  yield* list_add(bucket.dentries, fresh);
  yield* spin_unlock(bucket.lock);
  return fresh;
}

/** Wait for somebody else's lookup. Entry: inside a reader; exit: not. Part of d_alloc_parallel. */
export function* d_wait_for_lookup(
  k: DcacheKernel,
  dentry: Dentry,
  parent: Dentry,
  name: string,
  hash: number,
): Task<Dentry | null> {
  yield* cover(WAITS);
  const got = yield* k.lockref_get_not_dead(dentry.d_lockref);
  yield* k.rcu_read_unlock();
  if (!got) {
    yield* cover(WAITED_DEAD);
    return null;
  }
  yield* spin_lock(dentry.d_lockref);
  yield* k.d_wait_lookup(dentry);
  // It may be a match for what we look for, or have been moved, or dropped.
  const matches =
    (yield* READ_ONCE(dentry.d_hash_len)) === hash &&
    (yield* k.d_fits_locked(dentry, parent, name));
  yield* spin_unlock(dentry.d_lockref);
  if (matches) return dentry;
  yield* cover(WAITED_OTHER);
  yield* k.dput(dentry);
  return null;
}

/** What d_wait_lookup sleeps for; d_lock is not needed to look. */
export function* lookup_is_over(k: DcacheKernel, dentry: Dentry): Task<boolean> {
  return !(yield* k.d_in_lookup(dentry));
}

/** Sleep until the lookup is over. d_lock is held at both ends. Source: fs/dcache.c, v7.3. */
export function* d_wait_lookup(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  if (!(yield* k.d_in_lookup(dentry))) return;
  yield* cover(SLEEPS);
  const entry = (yield* kmem_cache_alloc(k.wait_entry_stack))!;
  do {
    const flags = yield* READ_ONCE(dentry.d_flags);
    yield* WRITE_ONCE(dentry.d_flags, flags | DCACHE.LOOKUP_WAITERS);
    yield* prepare_to_wait(k.var_waitqueue, entry);
    yield* spin_unlock(dentry.d_lockref);
    yield* schedule(entry, () => lookup_is_over(k, dentry));
    yield* spin_lock(dentry.d_lockref);
  } while (yield* k.d_in_lookup(dentry));
  yield* finish_wait(k.var_waitqueue, entry);
  yield* kmem_cache_free(entry);
}

/** Take the dentry out of lookup; d_lock must be held. @returns whom d_wake_lookup must wake */
export function* __d_lookup_unhash(k: DcacheKernel, dentry: Dentry): Task<WaitQueue | null> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const bucket = in_lookup_hash(k, yield* READ_ONCE(dentry.d_hash_len));
  yield* bit_spin_lock(bucket.lock);
  const flags = yield* READ_ONCE(dentry.d_flags);
  const gone = DCACHE.PAR_LOOKUP | DCACHE.LOOKUP_WAITERS;
  yield* WRITE_ONCE(dentry.d_flags, flags & ~gone);
  yield* list_del(bucket.dentries, dentry);
  yield* spin_unlock(bucket.lock);
  const wq = yield* READ_ONCE(dentry.d_wait);
  if (wq !== null) yield* WRITE_ONCE(dentry.d_wait, null);
  if ((flags & DCACHE.LOOKUP_WAITERS) !== 0) return k.var_waitqueue;
  return wq;
}

/** Wake who waits for a lookup that is over; still under d_lock. */
export function* d_wake_lookup(_k: DcacheKernel, wq: WaitQueue | null): Task<void> {
  if (wq === null) return;
  yield* cover(WAKES);
  yield* wake_up_all(wq);
}

/** The lookup is over, whatever came of it. No-op unless in lookup. Source: include/linux/dcache.h. */
export function* d_lookup_done(k: DcacheKernel, dentry: Dentry): Task<void> {
  if (!(yield* k.d_in_lookup(dentry))) return;
  yield* spin_lock(dentry.d_lockref);
  yield* k.d_wake_lookup(yield* k.__d_lookup_unhash(dentry));
  yield* spin_unlock(dentry.d_lockref);
}
