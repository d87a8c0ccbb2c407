/**
 * The grace period as an actor, with the callbacks of one CPU in order.
 *
 * Invariant: of two callbacks that one CPU has queued, the one queued first has returned before the
 * other begins. That holds for a task that stays on its CPU; without it, as in rcu.ts, a task may have
 * been moved in between, and then the kernel promises no order. Mirrors kernel/rcu/tree.c.
 */

import {
  atomic_fetch_add,
  await_until,
  section_await,
  section_snapshot,
  smp_processor_id,
  smp_store_release,
  spawn,
  Struct,
  type Cell,
  type Machine,
  type SectionToken,
  type Task,
} from '../machine/index.js';
import { CALLBACK, cpus_of, NR_CPUS, type RcuCallback, type RcuKernel } from './rcu.js';

/** Who comes next, by the numbers that callbacks draw. */
export class RcuFifo extends Struct {
  readonly drawn: readonly Cell<number>[] = Array.from({ length: NR_CPUS }, (_, cpu) =>
    this.cell(`drawn${cpu}`, 0),
  );
  readonly returned: readonly Cell<number>[] = Array.from({ length: NR_CPUS }, (_, cpu) =>
    this.cell(`returned${cpu}`, 0),
  );

  readonly nr_cpu_ids: () => number;

  constructor(nr_cpu_ids: () => number) {
    super('rcu_fifo');
    this.nr_cpu_ids = nr_cpu_ids;
  }
}

/** Set up the order on a machine, before it has tasks. */
export function rcu_fifo_state(machine: Machine): RcuFifo {
  return machine.global(new RcuFifo(() => cpus_of(machine)), 'rcu_fifo');
}

interface RcuFifoKernel extends RcuKernel {
  readonly rcu_fifo: RcuFifo;
}

function* rcu_callback(
  k: RcuFifoKernel,
  token: SectionToken,
  head: Struct,
  callback: RcuCallback<Struct>,
  cpu: number,
  number: number,
): Task<void> {
  const returned = k.rcu_fifo.returned[cpu];
  yield* await_until(returned, (count) => count === number);
  // Last, since it is here that the head is no longer queued.
  yield* section_await(k.rcu, token);
  yield* callback(k as never, head);
  yield* smp_store_release(returned, number + 1);
}

/** Run `callback(head)` after a grace period, and after this CPU's earlier ones. Never waits. */
export function* call_rcu(
  k: RcuFifoKernel,
  head: Struct,
  callback: RcuCallback<Struct>,
): Task<void> {
  const cpu = yield* smp_processor_id();
  k.rcu_fifo.nr_cpu_ids(); // refuses more CPUs than there can be
  const token = yield* section_snapshot(k.rcu);
  const number = yield* atomic_fetch_add(k.rcu_fifo.drawn[cpu], 1);
  const options = { name: CALLBACK, actor: true, head };
  yield* spawn(options, rcu_callback, k, token, head, callback, cpu, number);
}
