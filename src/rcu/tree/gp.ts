/**
 * A grace period from its start to its end, run by a kthread of its own.
 *
 * Invariant: the number says "begun" before anybody looks who is inside a reader, and "ended" only
 * after each CPU that was online has been seen outside its readers since. Who is offline, idle or
 * outside at the first look has been seen. Mirrors the grace-period kthread of kernel/rcu/tree.c.
 */

import {
  atomic_step,
  READ_ONCE,
  section_await,
  section_snapshot_per_cpu,
  smp_mb,
  spawn,
  type Cell,
  type Task,
} from '../../machine/index.js';
import {
  rcu_seq_done,
  rcu_seq_endval,
  rcu_seq_snap_of,
  rcu_seq_start,
  rcu_seq_started,
} from './seq.js';
import type { RcuState, RcuTreeKernel } from './state.js';
import type { Setter } from './node.js';

/** The number at which a grace period that begins from now on has ended. Source: kernel/rcu/rcu.h. */
export function* rcu_seq_snap(_k: RcuTreeKernel, seq: Cell<number>): Task<number> {
  const snap = rcu_seq_snap_of(yield* READ_ONCE(seq));
  // What the caller did before must be seen by who reads after that grace period has begun.
  yield* smp_mb();
  return snap;
}

/**
 * Note that the grace period that ends at `snap` is needed. Inside an atomic step that writes
 * `gp_seq_needed` and `gp_kthread`.
 * @returns whether the kthread has to be woken
 */
export function need_gp(set: Setter, state: RcuState, snap: number): boolean {
  const { gp_seq, gp_seq_needed, gp_kthread } = state;
  if (rcu_seq_started(gp_seq.value, snap) || rcu_seq_done(gp_seq_needed.value, snap)) return false;
  set(gp_seq_needed, snap);
  if (gp_kthread.value) return false;
  set(gp_kthread, true);
  return true;
}

/** Wake the grace-period kthread: here, start it. Source: kernel/rcu/tree.c. */
export function* rcu_gp_kthread_wake(k: RcuTreeKernel): Task<void> {
  yield* spawn({ name: 'rcu_preempt', actor: true }, rcu_gp_kthread, k);
}

/** Ask for the grace period that ends at `snap`. Never waits. Source: kernel/rcu/tree.c. */
export function* rcu_start_this_gp(k: RcuTreeKernel, snap: number): Task<void> {
  const state = k.rcu_state;
  const wake = yield* atomic_step({
    label: 'rcu_start_this_gp',
    reads: [state.gp_seq],
    writes: [state.gp_seq_needed, state.gp_kthread],
    run: (set) => need_gp(set, state, snap),
  });
  if (wake) yield* rcu_gp_kthread_wake(k);
}

/** The kthread: one grace period after the other, as long as one is needed. */
function* rcu_gp_kthread(k: RcuTreeKernel): Task<void> {
  do {
    yield* k.rcu_gp_fqs_loop(yield* k.rcu_gp_init());
  } while (yield* k.rcu_gp_cleanup());
}

/**
 * Begin a grace period: everybody online owes a quiescent state from now on.
 * @returns a bit per CPU that does
 */
export function* rcu_gp_init(k: RcuTreeKernel): Task<number> {
  const state = k.rcu_state;
  const { gp_seq, nodes } = state;
  return yield* atomic_step({
    label: 'rcu_gp_init',
    reads: nodes.online,
    writes: [gp_seq, ...nodes.cellsOf('qsmask')],
    run: (set) => {
      // Before the look at who is online, and long before that at who is inside a reader: what
      // asks for a grace period from now on gets the next one.
      set(gp_seq, rcu_seq_start(gp_seq.value));
      nodes.init(set, 'qsmask', state.nr_cpu_ids());
      return nodes.owing('qsmask');
    },
  });
}

/** Find out which CPUs have been outside their readers, until that is all of them. */
export function* rcu_gp_fqs_loop(k: RcuTreeKernel, owing: number): Task<void> {
  yield* force_qs(k, 'qsmask', owing);
}

/**
 * Look at the CPUs that owe a quiescent state, and wait for those that are inside a reader. The first
 * look stands for rcu_watching_snap_save(), the others for rcu_watching_snap_recheck(); in between a
 * CPU may report by itself.
 */
export function* force_qs(k: RcuTreeKernel, mask: 'qsmask' | 'expmask', cpus: number): Task<void> {
  if (cpus === 0) return;
  const { nodes } = k.rcu_state;
  const readers = yield* section_snapshot_per_cpu(k.rcu, cpus);
  const inside = readers.items.flatMap((token, cpu) => (token.items.length === 0 ? [] : [cpu]));
  const outside = readers.items.flatMap((_, cpu) =>
    ((cpus >>> cpu) & 1) === 1 && !inside.includes(cpu) ? [cpu] : [],
  );
  let owing = yield* nodes.reportStep('rcu_report_qs_rnp', mask, outside);
  for (const cpu of inside) {
    if (((owing >>> cpu) & 1) === 0) continue;
    yield* section_await(k.rcu, readers.items[cpu]);
    owing = yield* nodes.reportStep('rcu_report_qs_rnp', mask, [cpu]);
  }
}

/** End a grace period. @returns whether another one is needed; else the kthread goes to sleep */
export function* rcu_gp_cleanup(k: RcuTreeKernel): Task<boolean> {
  const { gp_seq, gp_seq_needed, gp_kthread } = k.rcu_state;
  return yield* atomic_step({
    label: 'rcu_gp_cleanup',
    reads: [gp_seq_needed],
    writes: [gp_seq, gp_kthread],
    run: (set) => {
      const seq = rcu_seq_endval(gp_seq.value);
      set(gp_seq, seq);
      const more = !rcu_seq_done(seq, gp_seq_needed.value);
      if (!more) set(gp_kthread, false);
      return more;
    },
  });
}
