/**
 * Freeing memory after a grace period without a callback of one's own.
 *
 * Invariant: what kfree_rcu frees is not waited for by rcu_barrier; kvfree_rcu_barrier does that.
 * Mirrors mm/slab_common.c and include/linux/rcupdate.h.
 */

import {
  join,
  kmem_cache_free,
  might_sleep,
  section_actors,
  section_await,
  section_snapshot,
  spawn,
  type SectionToken,
  type Struct,
  type Task,
} from '../machine/index.js';
import type { RcuKernel } from './rcu.js';

const NAME = 'kfree_rcu';

function* free_after(k: RcuKernel, token: SectionToken, object: Struct): Task<void> {
  yield* section_await(k.rcu, token);
  yield* kmem_cache_free(object);
}

/** Free an object after a grace period. Never waits. Source: include/linux/rcupdate.h. */
export function* kfree_rcu(k: RcuKernel, object: Struct): Task<void> {
  const token = yield* section_snapshot(k.rcu);
  yield* spawn({ name: NAME, actor: true, head: object }, free_after, k, token, object);
}

/** Free an object after a grace period that the caller waits for. Sleeps. */
export function* kfree_rcu_mightsleep(k: RcuKernel, object: Struct): Task<void> {
  yield* might_sleep('kfree_rcu_mightsleep');
  yield* section_await(k.rcu, yield* section_snapshot(k.rcu));
  yield* kmem_cache_free(object);
}

/** Wait until everything given to kfree_rcu so far is freed. Sleeps. Source: mm/slab_common.c. */
export function* kvfree_rcu_barrier(k: RcuKernel): Task<void> {
  yield* might_sleep('kvfree_rcu_barrier');
  for (const actor of yield* section_actors(k.rcu)) {
    if (actor.name === NAME) yield* join(actor);
  }
}
