/**
 * Parallel lookup as it was in v6.9: sleepers wait on a queue on the stack of who looks up, and
 * the flag is set last. Mirrors fs/dcache.c of v6.9.
 */

import {
  kmem_cache_alloc,
  kmem_cache_free,
  lockdep_assert_held,
  MisuseError,
  prepare_to_wait,
  READ_ONCE,
  schedule,
  spin_lock,
  spin_unlock,
  type Cell,
  type Task,
  type WaitQueue,
} from '../machine/index.js';
import type { DcacheKernel, Dentry } from './dentry.js';
import * as newer from './parallel.js';

/** DECLARE_WAIT_QUEUE_HEAD_ONSTACK, for d_alloc_parallel. */
export function* lookup_wait_queue(k: DcacheKernel): Task<WaitQueue | null> {
  return yield* kmem_cache_alloc(k.wait_queue_stack);
}

/** A child of the parent; not in lookup yet. Source: fs/dcache.c, v6.9. */
export function* d_alloc_in_lookup(
  k: DcacheKernel,
  parent: Dentry,
  name: string,
): Task<Dentry | null> {
  return yield* k.d_alloc(parent, name);
}

/** As in v7.3, with the flag set once the caller is the one to look up. Source: v6.9. */
export function* d_join_lookup(
  k: DcacheKernel,
  parent: Dentry,
  name: string,
  fresh: Dentry,
  wq: WaitQueue | null,
  i_dir_seq: Cell<number>,
  seq: number,
): Task<Dentry | null> {
  if (wq === null) {
    throw new MisuseError('d_alloc_parallel of v6.9 needs a queue: pass lookup_wait_queue()');
  }
  const args = [k, parent, name, fresh, wq, i_dir_seq, seq] as const;
  return yield* newer.d_join_lookup(...args);
}

/** Sleep on the queue of who looks up. d_lock is held at both ends. Source: fs/dcache.c, v6.9. */
export function* d_wait_lookup(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  if (!(yield* k.d_in_lookup(dentry))) return;
  const entry = (yield* kmem_cache_alloc(k.wait_entry_stack))!;
  yield* prepare_to_wait((yield* READ_ONCE(dentry.d_wait))!, entry);
  do {
    yield* spin_unlock(dentry.d_lockref);
    yield* schedule(entry, () => newer.lookup_is_over(k, dentry));
    yield* spin_lock(dentry.d_lockref);
  } while (yield* k.d_in_lookup(dentry));
  yield* kmem_cache_free(entry);
}
