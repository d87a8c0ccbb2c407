/**
 * Waiting for callbacks: a marker is queued behind the last callback of each CPU.
 *
 * Invariant: it returns once every callback queued before the call has returned. A CPU without
 * callbacks is passed by, and no grace period is asked for. Callbacks that are queued later, also by
 * callbacks, are not waited for, nor is kfree_rcu(), nor any SRCU domain. Mirrors rcu_barrier() in
 * kernel/rcu/tree.c, without its mutex: each call has a count of its own.
 */

import {
  atomic_fetch_add,
  atomic_step,
  await_until,
  kmem_cache_alloc,
  kmem_cache_free,
  might_sleep,
  type Op,
  type Struct,
  type Task,
} from '../../machine/index.js';
import {
  rcu_segcblist_any,
  rcu_segcblist_entrain,
  type RcuFunction,
  type RcuHead,
} from './segcblist.js';
import { store_cblist, type RcuBarrier, type RcuTreeKernel } from './state.js';

/** Wait until every callback queued so far has returned. Sleeps. Source: kernel/rcu/tree.c. */
export function* rcu_barrier(k: RcuTreeKernel): Task<void> {
  yield* might_sleep('rcu_barrier');
  const state = k.rcu_state;
  const barrier = (yield* kmem_cache_alloc(state.barriers))!;
  for (let cpu = 0; cpu < state.nr_cpu_ids(); cpu += 1) {
    yield* rcu_barrier_entrain(k, barrier, cpu);
  }
  yield* await_until(barrier.barrier_cpu_count, (count) => count === 0);
  yield* kmem_cache_free(barrier);
}

/** Queue a marker behind a CPU's last callback, also behind one that is being invoked. */
function rcu_barrier_entrain(k: RcuTreeKernel, barrier: RcuBarrier, cpu: number): Op<void> {
  const rdp = k.rcu_state.data[cpu];
  const { barrier_cpu_count } = barrier;
  return atomic_step({
    label: 'rcu_barrier_entrain',
    reads: [rdp.invoking],
    writes: [...rdp.cblist_cells, barrier_cpu_count],
    run: (set) => {
      const { cblist } = rdp;
      if (!rcu_segcblist_any(cblist) && !rdp.invoking.value) return;
      const marker: RcuHead = k.list<Struct | RcuFunction>([barrier, rcu_barrier_callback]);
      store_cblist(k, set, rdp, rcu_segcblist_entrain(cblist, marker));
      set(barrier_cpu_count, barrier_cpu_count.value + 1);
    },
  });
}

function* rcu_barrier_callback(_k: never, barrier: Struct): Task<void> {
  yield* atomic_fetch_add((barrier as RcuBarrier).barrier_cpu_count, -1);
}
