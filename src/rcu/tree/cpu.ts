/**
 * CPUs that report by themselves: at a context switch, and when they go and come.
 *
 * Invariant: a CPU reports to the grace period that ran before it looked at itself, and only if none
 * of what runs on it is inside a reader. An idle CPU need not report: the grace period looks at it.
 * Mirrors kernel/rcu/tree.c, tree_plugin.h and kernel/context_tracking.c.
 */

import {
  assert_not_in_section,
  atomic_step,
  await_until,
  READ_ONCE,
  section_enter,
  section_exit,
  section_snapshot_per_cpu,
  smp_processor_id,
  type Op,
  type Task,
} from '../../machine/index.js';
import { rcu_note_context_switch as check_context_switch } from '../cpu.js';
import { raise_softirq } from './callback.js';
import { rcu_segcblist_any, rcu_segcblist_merge } from './segcblist.js';
import { rcu_seq_in_progress } from './seq.js';
import { store_cblist, type RcuTreeKernel } from './state.js';

/** Enter a reader. Nests, never waits; not on a CPU that is idle. */
export function* rcu_read_lock(k: RcuTreeKernel): Task<void> {
  yield* assert_watching(k, 'rcu_read_lock', 'rcu_read_lock() used illegally while idle');
  yield* section_enter(k.rcu);
}

/** Leave a reader; not on a CPU that is idle. */
export function* rcu_read_unlock(k: RcuTreeKernel): Task<void> {
  yield* assert_watching(k, 'rcu_read_unlock', 'rcu_read_unlock() used illegally while idle');
  yield* section_exit(k.rcu);
}

function assert_watching(k: RcuTreeKernel, fn: string, what: string): Op<void> {
  return assert_not_in_section(k.rcu_state.eqs, what, `WARNING: suspicious RCU usage in ${fn}`);
}

/** The caller's CPU passes through a quiescent state. Not inside a reader. */
export function* rcu_note_context_switch(k: RcuTreeKernel): Task<void> {
  yield* check_context_switch(k);
  yield* rcu_report_qs_rdp(k, yield* smp_processor_id());
}

/**
 * A long loop says that it is outside readers: rcu_momentary_eqs() in it, which lets the grace period
 * that looks at the CPU find it idle for a moment. Never sleeps. Source: include/linux/rcupdate.h.
 */
export function* cond_resched_tasks_rcu_qs(k: RcuTreeKernel): Task<void> {
  yield* k.rcu_note_context_switch();
}

/** Report to the grace period that runs, if there is one and no reader is left on the CPU. */
function* rcu_report_qs_rdp(k: RcuTreeKernel, cpu: number): Task<void> {
  const { gp_seq, nodes } = k.rcu_state;
  const seq = yield* READ_ONCE(gp_seq);
  if (!rcu_seq_in_progress(seq)) return;
  // The caller is in none; a callback that it has interrupted may be.
  const readers = yield* section_snapshot_per_cpu(k.rcu, 1 << cpu);
  if (readers.items[cpu].items.length > 0) return;
  yield* atomic_step({
    label: 'rcu_report_qs_rdp',
    reads: [gp_seq],
    writes: nodes.cellsOf('qsmask'),
    run: (set) => {
      // A grace period that began after the look may wait for a reader that did too.
      if (gp_seq.value === seq) nodes.report(set, 'qsmask', cpu);
    },
  });
}

/** The CPU goes idle: no readers from now on. Source: kernel/context_tracking.c. */
export function* ct_idle_enter(k: RcuTreeKernel): Task<void> {
  yield* check_context_switch(k);
  yield* assert_watching(k, 'ct_idle_enter', 'ct_idle_enter() on a CPU that is idle');
  yield* section_enter(k.rcu_state.eqs);
}

/** The CPU leaves idle. Source: kernel/context_tracking.c. */
export function* ct_idle_exit(k: RcuTreeKernel): Task<void> {
  yield* section_exit(k.rcu_state.eqs);
}

/**
 * The CPU comes online: grace periods that begin from now on wait for it, not the one that runs.
 * Before its first reader. Source: kernel/rcu/tree.c.
 */
export function* rcutree_report_cpu_starting(k: RcuTreeKernel): Task<void> {
  const cpu = yield* smp_processor_id();
  const { nodes } = k.rcu_state;
  const { qsmaskinitnext } = nodes.leafOf(cpu);
  yield* atomic_step({
    label: 'rcutree_report_cpu_starting',
    reads: [],
    writes: [qsmaskinitnext],
    run: (set) => {
      set(qsmaskinitnext, qsmaskinitnext.value | nodes.bitOf(cpu));
    },
  });
  yield* section_exit(k.rcu_state.eqs);
}

/**
 * The CPU goes offline: it reports, and no later grace period waits for it. Its callbacks stay until
 * somebody migrates them. Waits for the callback that is being invoked. Source: kernel/rcu/tree.c.
 */
export function* rcutree_report_cpu_dead(k: RcuTreeKernel): Task<void> {
  const cpu = yield* smp_processor_id();
  const { nodes, data, eqs } = k.rcu_state;
  const { invoking } = data[cpu];
  const { qsmaskinitnext } = nodes.leafOf(cpu);
  yield* check_context_switch(k);
  for (;;) {
    const gone = yield* atomic_step({
      label: 'rcutree_report_cpu_dead',
      reads: [invoking],
      writes: [qsmaskinitnext],
      run: (set) => {
        if (invoking.value) return false;
        set(qsmaskinitnext, qsmaskinitnext.value & ~nodes.bitOf(cpu));
        return true;
      },
    });
    if (gone) break;
    yield* await_until(invoking, (busy) => !busy);
  }
  yield* rcu_report_qs_rdp(k, cpu);
  yield* section_enter(eqs);
}

/** Take over the callbacks of a CPU that is offline. Source: kernel/rcu/tree.c. */
export function* rcutree_migrate_callbacks(k: RcuTreeKernel, from: number): Task<void> {
  const cpu = yield* smp_processor_id();
  const { data } = k.rcu_state;
  const [rdp, dead] = [data[cpu], data[from]];
  const wake = yield* atomic_step({
    label: 'rcutree_migrate_callbacks',
    reads: [],
    writes: [...rdp.cblist_cells, ...dead.cblist_cells, rdp.core_active],
    run: (set) => {
      store_cblist(k, set, rdp, rcu_segcblist_merge(rdp.cblist, dead.cblist));
      store_cblist(k, set, dead, EMPTY);
      if (rdp.core_active.value || !rcu_segcblist_any(rdp.cblist)) return false;
      set(rdp.core_active, true);
      return true;
    },
  });
  if (wake) yield* raise_softirq(k, cpu);
}

const EMPTY = { done: [], wait: [], next_ready: [], next: [], wait_seq: 0, next_ready_seq: 0 };
