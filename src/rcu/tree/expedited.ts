/**
 * Expedited grace periods: run by their caller, who asks each CPU for a quiescent state at once.
 *
 * Invariant: what they wait for is the same as in a normal one; they have a number and a mask of
 * their own, and run one after the other. A CPU inside a reader answers when it leaves. Mirrors
 * kernel/rcu/tree_exp.h.
 */

import { atomic_step, await_until, might_sleep, type Task } from '../../machine/index.js';
import { force_qs } from './gp.js';
import { rcu_seq_done, rcu_seq_endval, rcu_seq_start } from './seq.js';
import type { RcuTreeKernel } from './state.js';

/** Wait for a grace period in a hurry. Sleeps; inside a reader it would wait for itself. */
export function* synchronize_rcu_expedited(k: RcuTreeKernel): Task<void> {
  yield* might_sleep('synchronize_rcu_expedited');
  const { expedited_sequence } = k.rcu_state;
  const snap = yield* k.rcu_seq_snap(expedited_sequence);
  if (yield* exp_funnel_lock(k, snap)) return;
  yield* force_qs(k, 'expmask', yield* sync_rcu_exp_select_cpus(k));
  yield* rcu_exp_gp_seq_end(k);
}

/**
 * Take the mutex, unless somebody else has done the work meanwhile.
 * @returns whether the grace period that ends at `snap` is over
 */
function* exp_funnel_lock(k: RcuTreeKernel, snap: number): Task<boolean> {
  const { expedited_sequence, exp_mutex } = k.rcu_state;
  for (;;) {
    const found = yield* atomic_step({
      label: 'exp_funnel_lock',
      reads: [expedited_sequence],
      writes: [exp_mutex],
      run: (set) => {
        if (rcu_seq_done(expedited_sequence.value, snap)) return 'done';
        if (exp_mutex.value) return 'busy';
        set(exp_mutex, true);
        return 'mine';
      },
    });
    if (found !== 'busy') return found === 'done';
    yield* await_until(exp_mutex, (busy) => !busy);
  }
}

/**
 * Begin: ask every CPU online, also the caller's own, on which a reader may have been preempted.
 * @returns a bit per CPU that was asked
 */
function* sync_rcu_exp_select_cpus(k: RcuTreeKernel): Task<number> {
  const { expedited_sequence, nodes, nr_cpu_ids } = k.rcu_state;
  return yield* atomic_step({
    label: 'sync_rcu_exp_select_cpus',
    reads: nodes.online,
    writes: [expedited_sequence, ...nodes.cellsOf('expmask')],
    run: (set) => {
      set(expedited_sequence, rcu_seq_start(expedited_sequence.value));
      nodes.init(set, 'expmask', nr_cpu_ids());
      return nodes.owing('expmask');
    },
  });
}

/** End, and let the next one begin. */
function* rcu_exp_gp_seq_end(k: RcuTreeKernel): Task<void> {
  const { expedited_sequence, exp_mutex } = k.rcu_state;
  yield* atomic_step({
    label: 'rcu_exp_gp_seq_end',
    reads: [],
    writes: [expedited_sequence, exp_mutex],
    run: (set) => {
      set(expedited_sequence, rcu_seq_endval(expedited_sequence.value));
      set(exp_mutex, false);
    },
  });
}
