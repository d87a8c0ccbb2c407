/**
 * Polled grace periods: ask now, look later whether one has passed since.
 *
 * Invariant: a cookie says "done" only after everybody who was inside a reader when it was taken
 * has left. A cookie is no reservation: unless the grace period was started, it may never say so.
 * Mirrors kernel/rcu/tree.c.
 */

import {
  branch,
  choose,
  cover,
  READ_ONCE,
  section_await,
  section_snapshot,
  smp_load_acquire,
  smp_store_release,
  spawn,
  Struct,
  WRITE_ONCE,
  type Branch,
  type SectionToken,
  type Task,
} from '../machine/index.js';
import type { RcuKernel } from './rcu.js';

const NOBODY_ASKED = branch('get_state_synchronize_rcu_full', 'no grace period is ever started');

/** Branches of this file, for coverage reports. */
export const RCU_POLLED_BRANCHES: readonly Branch[] = [NOBODY_ASKED];

/** struct rcu_gp_oldstate: a cookie, kept by who asks and used by one task at a time. */
export class RcuGpOldstate extends Struct {
  /** How often it was taken, and the number of the newest one that is over. */
  readonly taken = this.cell('taken', 0);
  readonly done = this.cell('done', 0);
  /** In Tree RCU: the numbers at which a normal and an expedited grace period have passed. */
  readonly rgos_norm = this.cell('rgos_norm', 0);
  readonly rgos_exp = this.cell('rgos_exp', 0);

  constructor() {
    super('rcu_gp_oldstate');
  }
}

function* finish(k: RcuKernel, token: SectionToken, state: RcuGpOldstate, n: number): Task<void> {
  yield* section_await(k.rcu, token);
  if (n > (yield* READ_ONCE(state.done))) yield* smp_store_release(state.done, n);
}

function* maybe_finish(
  k: RcuKernel,
  token: SectionToken,
  state: RcuGpOldstate,
  n: number,
): Task<void> {
  yield* section_await(k.rcu, token);
  if ((yield* choose(2)) === 1) {
    yield* cover(NOBODY_ASKED);
    return;
  }
  if (n > (yield* READ_ONCE(state.done))) yield* smp_store_release(state.done, n);
}

function* take(k: RcuKernel, state: RcuGpOldstate, body: typeof finish): Task<void> {
  const n = (yield* READ_ONCE(state.taken)) + 1;
  yield* WRITE_ONCE(state.taken, n);
  const token = yield* section_snapshot(k.rcu);
  yield* spawn({ name: 'rcu_gp', actor: true }, body, k, token, state, n);
}

/** Take a cookie; nobody need run a grace period for it. Never waits. Source: kernel/rcu/tree.c. */
export function* get_state_synchronize_rcu_full(k: RcuKernel, state: RcuGpOldstate): Task<void> {
  yield* take(k, state, maybe_finish);
}

/** Take a cookie and start a grace period. Never waits. Source: kernel/rcu/tree.c. */
export function* start_poll_synchronize_rcu_full(k: RcuKernel, state: RcuGpOldstate): Task<void> {
  yield* take(k, state, finish);
}

/** Has a grace period passed since the cookie was taken? Never waits. Source: kernel/rcu/tree.c. */
export function* poll_state_synchronize_rcu_full(
  _k: RcuKernel,
  state: RcuGpOldstate,
): Task<boolean> {
  const taken = yield* READ_ONCE(state.taken);
  return (yield* smp_load_acquire(state.done)) === taken;
}

/** Return at once if a grace period has passed since the cookie was taken, else wait for one. */
export function* cond_synchronize_rcu_full(k: RcuKernel, state: RcuGpOldstate): Task<void> {
  const kernel = k as RcuKernel & {
    poll_state_synchronize_rcu_full(state: RcuGpOldstate): Task<boolean>;
    synchronize_rcu(): Task<void>;
  };
  if (yield* kernel.poll_state_synchronize_rcu_full(state)) return;
  yield* kernel.synchronize_rcu();
}
