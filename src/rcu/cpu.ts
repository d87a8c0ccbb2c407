/**
 * What a CPU tells RCU: that it switches tasks, idles, goes and comes.
 *
 * Invariant: none of it happens inside a reader. At this level of detail nobody needs to be told: a
 * grace period looks at the readers themselves. Mirrors kernel/rcu/tree_plugin.h and tree.c.
 */

import { assert_not_in_section, type Task } from '../machine/index.js';
import type { RcuKernel } from './rcu.js';

/** The caller is about to give up its CPU. Source: kernel/rcu/tree_plugin.h. */
export function* rcu_note_context_switch(k: RcuKernel): Task<void> {
  yield* assert_not_in_section(
    k.rcu,
    'Voluntary context switch within RCU read-side critical section!',
    'WARNING in rcu_note_context_switch',
  );
}

/**
 * A long loop in the kernel says that it is outside readers, for a grace period that has waited long
 * for its CPU. Never sleeps. Source: include/linux/rcupdate.h.
 */
export function* cond_resched_tasks_rcu_qs(k: RcuKernel): Task<void> {
  yield* rcu_note_context_switch(k);
}

/** The CPU goes idle: no readers from now on. Source: kernel/context_tracking.c. */
export function* ct_idle_enter(k: RcuKernel): Task<void> {
  yield* rcu_note_context_switch(k);
}

/** The CPU leaves idle. Source: kernel/context_tracking.c. */
export function* ct_idle_exit(_k: RcuKernel): Task<void> {}

/** The CPU comes online, before its first reader. Source: kernel/rcu/tree.c. */
export function* rcutree_report_cpu_starting(_k: RcuKernel): Task<void> {}

/** The CPU goes offline, after its last reader. Source: kernel/rcu/tree.c. */
export function* rcutree_report_cpu_dead(k: RcuKernel): Task<void> {
  yield* rcu_note_context_switch(k);
}

/** Take over the callbacks of a CPU that is offline. Source: kernel/rcu/tree.c. */
export function* rcutree_migrate_callbacks(_k: RcuKernel, _from: number): Task<void> {}
