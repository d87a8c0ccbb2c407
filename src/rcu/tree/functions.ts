/** What Tree RCU has in place of the grace period as an actor, and its own parts, by name. */

import * as barrier from './barrier.js';
import * as callback from './callback.js';
import * as cpu from './cpu.js';
import * as expedited from './expedited.js';
import * as gp from './gp.js';
import * as srcu from './srcu.js';
import * as sync from './sync.js';

export const rcu_tree_only = {
  rcu_read_lock: cpu.rcu_read_lock,
  rcu_read_unlock: cpu.rcu_read_unlock,
  call_rcu: callback.call_rcu,
  synchronize_rcu: sync.synchronize_rcu,
  synchronize_rcu_expedited: expedited.synchronize_rcu_expedited,
  rcu_barrier: barrier.rcu_barrier,
  kfree_rcu: sync.kfree_rcu,
  kfree_rcu_mightsleep: sync.kfree_rcu_mightsleep,
  kvfree_rcu_barrier: sync.kvfree_rcu_barrier,
  get_state_synchronize_rcu_full: sync.get_state_synchronize_rcu_full,
  start_poll_synchronize_rcu_full: sync.start_poll_synchronize_rcu_full,
  poll_state_synchronize_rcu_full: sync.poll_state_synchronize_rcu_full,
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
  try_check_zero: srcu.try_check_zero,
  rcu_seq_snap: gp.rcu_seq_snap,
  rcu_start_this_gp: gp.rcu_start_this_gp,
  rcu_gp_init: gp.rcu_gp_init,
  rcu_gp_fqs_loop: gp.rcu_gp_fqs_loop,
  rcu_gp_cleanup: gp.rcu_gp_cleanup,
  rcu_advance_cbs: callback.rcu_advance_cbs,
  rcu_core: callback.rcu_core,
  rcu_do_batch: callback.rcu_do_batch,
};
