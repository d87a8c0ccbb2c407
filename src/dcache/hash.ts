/**
 * The hash table: where a dentry is found by parent and name.
 *
 * Invariant: a chain changes only under its bucket's lock, and a dentry goes in or out of it only
 * under its d_lock; hashed means not dead. A walker without the lock may stand on a dentry that
 * leaves: its `next` stays, and may lead into another chain if the dentry is moved there.
 * Mirrors fs/dcache.c and include/linux/list_bl.h.
 */

import {
  bit_spin_lock,
  lockdep_assert_held,
  READ_ONCE,
  smp_store_release,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  write_seqcount_invalidate,
  type Task,
} from '../machine/index.js';
import { Dentry, type DcacheKernel } from './dentry.js';
import type { HashBucket } from './state.js';

/** The bucket of a hash. Pure. Source: fs/dcache.c. */
export function d_hash(k: DcacheKernel, hash: number): HashBucket {
  return k.dentry_hashtable[hash % k.dentry_hashtable.length];
}

/** Is the dentry out of the hash? Racy without d_lock. Source: include/linux/dcache.h. */
export function* d_unhashed(_k: DcacheKernel, dentry: Dentry): Task<boolean> {
  return (yield* READ_ONCE(dentry.d_hash_pprev)) === null;
}

/** Put the dentry at the head of its chain; d_lock must be held. Source: fs/dcache.c. */
export function* __d_rehash(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const bucket = d_hash(k, yield* READ_ONCE(dentry.d_hash_len));
  yield* bit_spin_lock(bucket.lock);
  const first = yield* READ_ONCE(bucket.first);
  yield* WRITE_ONCE(dentry.d_hash_next, first);
  if (first !== null) yield* WRITE_ONCE(first.d_hash_pprev, dentry);
  yield* WRITE_ONCE(dentry.d_hash_pprev, bucket);
  // Whoever finds the dentry sees the fields stored so far.
  yield* smp_store_release(bucket.first, dentry);
  yield* spin_unlock(bucket.lock);
}

/** {@link __d_rehash} with d_lock taken here. Source: fs/dcache.c. */
export function* d_rehash(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* spin_lock(dentry.d_lockref);
  yield* k.__d_rehash(dentry);
  yield* spin_unlock(dentry.d_lockref);
}

/**
 * Unlink the dentry from its chain, and leave it looking hashed: __d_move puts it into another
 * chain before anybody may see it out of all. d_lock must be held. Source: fs/dcache.c.
 */
export function* ___d_drop(k: DcacheKernel, dentry: Dentry): Task<void> {
  const bucket = d_hash(k, yield* READ_ONCE(dentry.d_hash_len));
  yield* bit_spin_lock(bucket.lock);
  const next = yield* READ_ONCE(dentry.d_hash_next);
  const pprev = (yield* READ_ONCE(dentry.d_hash_pprev)) as Dentry | HashBucket;
  yield* WRITE_ONCE(pprev instanceof Dentry ? pprev.d_hash_next : pprev.first, next);
  if (next !== null) yield* WRITE_ONCE(next.d_hash_pprev, pprev);
  yield* spin_unlock(bucket.lock);
}

/** Take the dentry out of the hash; d_lock must be held. Source: fs/dcache.c. */
export function* __d_drop(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  if (yield* k.d_unhashed(dentry)) return;
  yield* k.___d_drop(dentry);
  yield* WRITE_ONCE(dentry.d_hash_pprev, null);
  // Lockless walkers that sampled before must not trust what they found.
  yield* write_seqcount_invalidate(dentry.d_seq);
}

/** {@link __d_drop} with d_lock taken here. Source: fs/dcache.c. */
export function* d_drop(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* spin_lock(dentry.d_lockref);
  yield* k.__d_drop(dentry);
  yield* spin_unlock(dentry.d_lockref);
}
