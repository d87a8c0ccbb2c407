/** Every function of RCU by name: what a kernel binds, and what a patch can replace. */

import type { Bound, Cell, Struct, Task } from '../machine/index.js';
import * as cpu from './cpu.js';
import * as fifo from './fifo.js';
import * as free from './free.js';
import * as polled from './polled.js';
import * as rcu from './rcu.js';
import * as srcu from './srcu.js';
import { rcu_tree_only } from './tree/functions.js';

export const rcu_functions = {
  rcu_read_lock: rcu.rcu_read_lock,
  rcu_read_unlock: rcu.rcu_read_unlock,
  rcu_dereference: rcu.rcu_dereference,
  rcu_dereference_check: rcu.rcu_dereference_check,
  rcu_dereference_protected: rcu.rcu_dereference_protected,
  rcu_access_pointer: rcu.rcu_access_pointer,
  lockdep_assert_in_rcu_read_lock: rcu.lockdep_assert_in_rcu_read_lock,
  call_rcu: rcu.call_rcu,
  synchronize_rcu: rcu.synchronize_rcu,
  synchronize_rcu_expedited: rcu.synchronize_rcu_expedited,
  rcu_barrier: rcu.rcu_barrier,
  kfree_rcu: free.kfree_rcu,
  kfree_rcu_mightsleep: free.kfree_rcu_mightsleep,
  kvfree_rcu_barrier: free.kvfree_rcu_barrier,
  get_state_synchronize_rcu_full: polled.get_state_synchronize_rcu_full,
  start_poll_synchronize_rcu_full: polled.start_poll_synchronize_rcu_full,
  poll_state_synchronize_rcu_full: polled.poll_state_synchronize_rcu_full,
  cond_synchronize_rcu_full: polled.cond_synchronize_rcu_full,
  rcu_note_context_switch: cpu.rcu_note_context_switch,
  cond_resched_tasks_rcu_qs: cpu.cond_resched_tasks_rcu_qs,
  ct_idle_enter: cpu.ct_idle_enter,
  ct_idle_exit: cpu.ct_idle_exit,
  rcutree_report_cpu_starting: cpu.rcutree_report_cpu_starting,
  rcutree_report_cpu_dead: cpu.rcutree_report_cpu_dead,
  rcutree_migrate_callbacks: cpu.rcutree_migrate_callbacks,
  srcu_read_lock: srcu.srcu_read_lock,
  srcu_read_unlock: srcu.srcu_read_unlock,
  synchronize_srcu: srcu.synchronize_srcu,
  call_srcu: srcu.call_srcu,
  srcu_barrier: srcu.srcu_barrier,
};

/** The functions of each level of detail: one interface, and the parts of its own that it has. */
export const rcu_functions_of = {
  abstract: rcu_functions,
  fifo: { ...rcu_functions, call_rcu: fifo.call_rcu },
  tree: { ...rcu_functions, ...rcu_tree_only },
};

type Generic =
  | 'call_rcu'
  | 'call_srcu'
  | 'rcu_dereference'
  | 'rcu_dereference_check'
  | 'rcu_dereference_protected'
  | 'rcu_access_pointer';

/** The RCU functions as kernel code calls them. */
export type RcuOps = Omit<Bound<typeof rcu_functions>, Generic> & {
  rcu_dereference<T>(cell: Cell<T>): Task<T>;
  rcu_dereference_check<T>(cell: Cell<T>, lock: Cell<number>): Task<T>;
  rcu_dereference_protected<T>(cell: Cell<T>, lock: Cell<number>): Task<T>;
  rcu_access_pointer<T>(cell: Cell<T>): Task<T>;
  call_rcu<S extends Struct>(head: S, callback: rcu.RcuCallback<S>): Task<void>;
  call_srcu<S extends Struct>(
    ssp: srcu.SrcuStruct,
    head: S,
    callback: rcu.RcuCallback<S>,
  ): Task<void>;
};
