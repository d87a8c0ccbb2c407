/**
 * Waiting for a grace period, at once or later, and freeing after one.
 *
 * Invariant: who waits has taken its number before, so a grace period that ran already does not
 * count. Waiting is not queued behind the caller's own callbacks: as in the kernel, synchronize_rcu()
 * says nothing about them. Mirrors kernel/rcu/tree.c and mm/slab_common.c.
 */

import {
  await_until,
  branch,
  choose,
  cover,
  join,
  kmem_cache_free,
  might_sleep,
  READ_ONCE,
  section_actors,
  spawn,
  WRITE_ONCE,
  type Branch,
  type Op,
  type Struct,
  type Task,
} from '../../machine/index.js';
import type { RcuGpOldstate } from '../polled.js';
import { rcu_seq_done } from './seq.js';
import type { RcuTreeKernel } from './state.js';

const NOBODY_ASKED = branch('get_state_synchronize_rcu_full', 'nobody else starts a grace period');

export const RCU_TREE_BRANCHES: readonly Branch[] = [NOBODY_ASKED];

/** Sleep until the grace period that ends at `snap` is over. */
function wait_rcu_gp(k: RcuTreeKernel, snap: number): Op<number> {
  return await_until(k.rcu_state.gp_seq, (seq) => rcu_seq_done(seq, snap));
}

/** Wait for a grace period. Sleeps; inside a reader it would wait for itself. */
export function* synchronize_rcu(k: RcuTreeKernel): Task<void> {
  yield* might_sleep('synchronize_rcu');
  const snap = yield* k.rcu_seq_snap(k.rcu_state.gp_seq);
  yield* k.rcu_start_this_gp(snap);
  yield* wait_rcu_gp(k, snap);
}

function* other_user(k: RcuTreeKernel, snap: number): Task<void> {
  if ((yield* choose(2)) === 1) yield* cover(NOBODY_ASKED);
  else yield* k.rcu_start_this_gp(snap);
}

function* take(k: RcuTreeKernel, state: RcuGpOldstate): Task<number> {
  const { gp_seq, expedited_sequence } = k.rcu_state;
  const snap = yield* k.rcu_seq_snap(gp_seq);
  yield* WRITE_ONCE(state.rgos_norm, snap);
  yield* WRITE_ONCE(state.rgos_exp, yield* k.rcu_seq_snap(expedited_sequence));
  return snap;
}

/**
 * Take a cookie; nobody need run a grace period for it, but another part of the kernel may: both
 * are explored. Never waits. Source: kernel/rcu/tree.c.
 */
export function* get_state_synchronize_rcu_full(
  k: RcuTreeKernel,
  state: RcuGpOldstate,
): Task<void> {
  const snap = yield* take(k, state);
  yield* spawn({ name: 'others', actor: true }, other_user, k, snap);
}

/** Take a cookie and start a grace period. Never waits. Source: kernel/rcu/tree.c. */
export function* start_poll_synchronize_rcu_full(
  k: RcuTreeKernel,
  state: RcuGpOldstate,
): Task<void> {
  yield* k.rcu_start_this_gp(yield* take(k, state));
}

/** Has a grace period passed since the cookie was taken? Never waits. Source: kernel/rcu/tree.c. */
export function* poll_state_synchronize_rcu_full(
  k: RcuTreeKernel,
  state: RcuGpOldstate,
): Task<boolean> {
  const { gp_seq, expedited_sequence } = k.rcu_state;
  const norm = yield* READ_ONCE(state.rgos_norm);
  if (rcu_seq_done(yield* READ_ONCE(gp_seq), norm)) return true;
  const exp = yield* READ_ONCE(state.rgos_exp);
  return rcu_seq_done(yield* READ_ONCE(expedited_sequence), exp);
}

const NAME = 'kfree_rcu';

function* kfree_rcu_work(k: RcuTreeKernel, snap: number, object: Struct): Task<void> {
  yield* wait_rcu_gp(k, snap);
  yield* kmem_cache_free(object);
}

/** Free an object after a grace period. Never waits. Source: mm/slab_common.c. */
export function* kfree_rcu(k: RcuTreeKernel, object: Struct): Task<void> {
  const snap = yield* k.rcu_seq_snap(k.rcu_state.gp_seq);
  yield* k.rcu_start_this_gp(snap);
  yield* spawn({ name: NAME, actor: true }, kfree_rcu_work, k, snap, object);
}

/** Free an object after a grace period that the caller waits for. Sleeps. */
export function* kfree_rcu_mightsleep(k: RcuTreeKernel, object: Struct): Task<void> {
  yield* might_sleep('kfree_rcu_mightsleep');
  yield* k.synchronize_rcu();
  yield* kmem_cache_free(object);
}

/** Wait until everything given to kfree_rcu so far is freed. Sleeps. Source: mm/slab_common.c. */
export function* kvfree_rcu_barrier(k: RcuTreeKernel): Task<void> {
  yield* might_sleep('kvfree_rcu_barrier');
  for (const actor of yield* section_actors(k.rcu)) {
    if (actor.name === NAME) yield* join(actor);
  }
}
