/**
 * Callbacks: queued on the CPU that calls, invoked there in order, after their grace period.
 *
 * Invariant: a callback leaves the list only once the grace period that was assigned to it has
 * ended; those of one CPU are invoked one after the other, first in, first out, and those of two
 * CPUs in no order. Mirrors call_rcu(), rcu_core() and rcu_do_batch() of kernel/rcu/tree.c.
 */

import {
  assert_not_in_section,
  atomic_step,
  await_until,
  smp_processor_id,
  spawn,
  WARN,
  type Struct,
  type Task,
} from '../../machine/index.js';
import { need_gp, rcu_gp_kthread_wake } from './gp.js';
import {
  rcu_segcblist_accelerate,
  rcu_segcblist_advance,
  rcu_segcblist_any,
  rcu_segcblist_enqueue,
  type RcuFunction,
  type RcuHead,
} from './segcblist.js';
import { rcu_seq_done, rcu_seq_snap_of } from './seq.js';
import { store_cblist, type RcuData, type RcuTreeKernel } from './state.js';

/**
 * Run `callback(head)` after a grace period. Never waits; may be called anywhere but on a CPU that
 * is offline. Source: kernel/rcu/tree.c.
 */
export function* call_rcu(k: RcuTreeKernel, head: Struct, callback: RcuFunction): Task<void> {
  const { data, nodes, nr_cpu_ids } = k.rcu_state;
  const cpu = yield* smp_processor_id();
  nr_cpu_ids(); // refuses more CPUs than there can be
  const rdp = data[cpu];
  const queued = yield* atomic_step({
    label: 'rcu_segcblist_enqueue',
    reads: [...data.flatMap((other) => other.cblist_cells), ...nodes.online],
    writes: [rdp.next, rdp.core_active],
    run: (set) => {
      if (data.some((other) => holds_head(other, head))) return 'twice';
      const entry: RcuHead = k.list<Struct | RcuFunction>([head, callback]);
      store_cblist(k, set, rdp, rcu_segcblist_enqueue(rdp.cblist, entry));
      if (!nodes.isOnline(cpu)) return 'offline';
      if (rdp.core_active.value) return 'queued';
      set(rdp.core_active, true);
      return 'first';
    },
  });
  if (queued === 'twice') {
    // As in the kernel the second call is given up: the list would be torn.
    yield* WARN('ODEBUG: activate active (active state 1) object: rcu_head');
  } else if (queued === 'offline') {
    yield* WARN('WARNING: call_rcu() on an offline CPU');
  } else if (queued === 'first') {
    yield* raise_softirq(k, cpu);
  }
}

/** Is this object queued here? Inside an atomic step. */
function holds_head({ cblist }: RcuData, head: Struct): boolean {
  const { done, wait, next_ready, next } = cblist;
  return [done, wait, next_ready, next].some((segment) =>
    segment.some((entry) => entry.items[0] === head),
  );
}

/** Let the CPU look after its callbacks: here, start what does. The caller has set `core_active`. */
export function* raise_softirq(k: RcuTreeKernel, cpu: number): Task<void> {
  yield* spawn({ name: `rcuc/${cpu}`, actor: true }, rcuc, k, cpu);
}

function* rcuc(k: RcuTreeKernel, cpu: number): Task<void> {
  yield* k.rcu_core(cpu);
}

/** Look after a CPU's callbacks until it has none. Softirq, or the kthread rcuc. */
export function* rcu_core(k: RcuTreeKernel, cpu: number): Task<void> {
  for (;;) {
    const waiting = yield* k.rcu_advance_cbs(cpu);
    const next = waiting === READY ? yield* k.rcu_do_batch(cpu) : waiting;
    if (next === OVER) return;
    if (next !== READY) {
      yield* await_until(k.rcu_state.gp_seq, (seq) => rcu_seq_done(seq, next));
    }
  }
}

/** What is said instead of the end of a grace period: odd numbers, as none ends there. */
const OVER = -1;
const READY = -3;

/**
 * Let the callbacks whose grace period has ended be invoked, and assign one to those that have
 * none; ask for it.
 * @returns READY if some can be invoked; else the end of the grace period that the first waits for
 */
export function* rcu_advance_cbs(k: RcuTreeKernel, cpu: number): Task<number> {
  const state = k.rcu_state;
  const { gp_seq, gp_seq_needed, gp_kthread } = state;
  const rdp = state.data[cpu];
  const [wake, next] = (yield* atomic_step({
    label: 'rcu_advance_cbs',
    reads: [gp_seq],
    writes: [...rdp.cblist_cells, gp_seq_needed, gp_kthread],
    run: (set) => {
      const snap = rcu_seq_snap_of(gp_seq.value);
      const advanced = rcu_segcblist_advance(rdp.cblist, gp_seq.value);
      const cblist = rcu_segcblist_accelerate(advanced, snap);
      store_cblist(k, set, rdp, cblist);
      const { done, wait, wait_seq } = cblist;
      const isNew = advanced.next.length > 0 && need_gp(set, state, snap);
      return k.list([isNew, done.length === 0 && wait.length > 0 ? wait_seq : READY]);
    },
  })).items as [boolean, number];
  if (wake) yield* rcu_gp_kthread_wake(k);
  return next;
}

/**
 * Invoke the callbacks whose time has come, one after the other.
 * @returns the end of the grace period that the others wait for; READY if they have none yet; OVER
 *   if there are none, or the CPU is offline
 */
export function* rcu_do_batch(k: RcuTreeKernel, cpu: number): Task<number> {
  const rdp = k.rcu_state.data[cpu];
  for (;;) {
    const entry = yield* extract_done_cb(k, rdp);
    if (typeof entry === 'number') return entry;
    const [head, callback] = entry.items as [Struct, RcuFunction];
    yield* callback(k as never, head);
    yield* assert_not_in_section(
      k.rcu,
      'a callback has returned inside a reader',
      'WARNING: suspicious RCU usage in rcu_do_batch',
    );
  }
}

/** Take the oldest callback that is ready off the list; if there is none, what they wait for. */
function extract_done_cb(
  k: RcuTreeKernel,
  rdp: RcuData,
): ReturnType<typeof atomic_step<RcuHead | number>> {
  const { nodes } = k.rcu_state;
  return atomic_step<RcuHead | number>({
    label: 'rcu_segcblist_extract_done_cbs',
    reads: nodes.online,
    writes: [...rdp.cblist_cells, rdp.invoking, rdp.core_active],
    run: (set) => {
      const { cblist } = rdp;
      const { done, wait, wait_seq } = cblist;
      const isOver = !nodes.isOnline(rdp.cpu) || !rcu_segcblist_any(cblist);
      const [first, ...others] = isOver ? [] : done;
      set(rdp.invoking, first !== undefined);
      if (first !== undefined) {
        store_cblist(k, set, rdp, { ...cblist, done: others });
        return first;
      }
      if (!isOver) return wait.length > 0 ? wait_seq : READY;
      set(rdp.core_active, false);
      return OVER;
    },
  });
}
