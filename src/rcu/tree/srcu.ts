/**
 * Sleepable RCU by its machinery: two sets of counters, of which readers use one, and a grace period
 * that turns readers to the other and waits until the first has run out.
 *
 * Invariant: a grace period sees each counter set empty once after it has begun: the one that late
 * readers of the last turn may still use, before the turn; and the one before the turn, after it.
 * Unlocks are summed up before locks, so a reader that is counted as gone was counted as there.
 * Mirrors kernel/rcu/srcutree.c, without its tree of nodes.
 */

import {
  assert_not_in_section,
  atomic_fetch_add,
  atomic_step,
  await_until,
  cpu_relax,
  might_sleep,
  READ_ONCE,
  section_enter,
  section_exit,
  smp_mb,
  smp_processor_id,
  spawn,
  WRITE_ONCE,
  type Cell,
  type Struct,
  type Task,
} from '../../machine/index.js';
import type { RcuCallback } from '../rcu.js';
import type { SrcuStruct } from '../srcu.js';
import { rcu_seq_done, rcu_seq_endval, rcu_seq_start } from './seq.js';
import type { RcuTreeKernel } from './state.js';

/** Enter a reader; may sleep inside. @returns the set of counters that it uses. Never waits. */
export function* srcu_read_lock(_k: RcuTreeKernel, ssp: SrcuStruct): Task<number> {
  const cpu = yield* smp_processor_id();
  const idx = yield* READ_ONCE(ssp.srcu_idx);
  yield* atomic_fetch_add(ssp.srcu_lock_count[idx][cpu], 1, 'relaxed');
  // Pairs with the barrier of the grace period between its sums and what its caller does next.
  yield* smp_mb();
  yield* section_enter(ssp.section);
  return idx;
}

/** Leave a reader. Source: kernel/rcu/srcutree.c. */
export function* srcu_read_unlock(_k: RcuTreeKernel, ssp: SrcuStruct, idx: number): Task<void> {
  yield* section_exit(ssp.section);
  yield* smp_mb();
  yield* atomic_fetch_add(ssp.srcu_unlock_count[idx][yield* smp_processor_id()], 1, 'relaxed');
}

/** Wait for the domain's readers. Sleeps; inside a reader of the domain it waits for itself. */
export function* synchronize_srcu(k: RcuTreeKernel, ssp: SrcuStruct): Task<void> {
  yield* might_sleep('synchronize_srcu');
  yield* assert_not_in_section(ssp.section, 'synchronize_srcu');
  yield* wait_srcu_gp(k, ssp, yield* k.rcu_seq_snap(ssp.srcu_gp_seq));
}

/** Sleep until the grace period that ends at `snap` is over, or run one. */
function* wait_srcu_gp(k: RcuTreeKernel, ssp: SrcuStruct, snap: number): Task<void> {
  const { srcu_gp_seq, srcu_gp_mutex } = ssp;
  for (;;) {
    const found = yield* atomic_step({
      label: 'srcu_funnel_gp_start',
      reads: [],
      writes: [srcu_gp_seq, srcu_gp_mutex],
      run: (set) => {
        if (rcu_seq_done(srcu_gp_seq.value, snap)) return 'done';
        if (srcu_gp_mutex.value) return 'busy';
        set(srcu_gp_mutex, true);
        set(srcu_gp_seq, rcu_seq_start(srcu_gp_seq.value));
        return 'mine';
      },
    });
    if (found === 'done') return;
    if (found === 'mine') yield* srcu_advance_state(k, ssp);
    else yield* await_until(srcu_gp_mutex, (busy) => !busy);
  }
}

/** One grace period, from its beginning to its end. */
function* srcu_advance_state(k: RcuTreeKernel, ssp: SrcuStruct): Task<void> {
  const { srcu_gp_seq, srcu_gp_mutex, srcu_idx } = ssp;
  const idx = yield* READ_ONCE(srcu_idx);
  yield* k.try_check_zero(ssp, idx ^ 1);
  yield* smp_mb();
  yield* WRITE_ONCE(srcu_idx, idx ^ 1);
  yield* smp_mb();
  yield* k.try_check_zero(ssp, idx);
  yield* atomic_step({
    label: 'srcu_gp_end',
    reads: [],
    writes: [srcu_gp_seq, srcu_gp_mutex],
    run: (set) => {
      set(srcu_gp_seq, rcu_seq_endval(srcu_gp_seq.value));
      set(srcu_gp_mutex, false);
    },
  });
}

/** Wait until as many readers have left by this set of counters as have entered. */
export function* try_check_zero(k: RcuTreeKernel, ssp: SrcuStruct, idx: number): Task<void> {
  for (;;) {
    const unlocks = yield* sum(k, ssp.srcu_unlock_count[idx]);
    yield* smp_mb();
    if ((yield* sum(k, ssp.srcu_lock_count[idx])) === unlocks) return;
    yield* cpu_relax();
  }
}

function* sum(k: RcuTreeKernel, counts: readonly Cell<number>[]): Task<number> {
  let total = 0;
  for (let cpu = 0; cpu < k.rcu_state.nr_cpu_ids(); cpu += 1) {
    total += yield* READ_ONCE(counts[cpu]);
  }
  return total;
}

function* srcu_callback(
  k: RcuTreeKernel,
  ssp: SrcuStruct,
  snap: number,
  head: Struct,
  callback: RcuCallback<Struct>,
): Task<void> {
  yield* wait_srcu_gp(k, ssp, snap);
  yield* callback(k as never, head);
}

/** Run `callback(head)` after a grace period of the domain. Never waits. */
export function* call_srcu(
  k: RcuTreeKernel,
  ssp: SrcuStruct,
  head: Struct,
  callback: RcuCallback<Struct>,
): Task<void> {
  const snap = yield* k.rcu_seq_snap(ssp.srcu_gp_seq);
  const { name } = ssp.section;
  yield* spawn({ name, actor: true, head }, srcu_callback, k, ssp, snap, head, callback);
}
