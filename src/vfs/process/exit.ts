/**
 * The end of threads and processes, and execve, which ends all threads but one.
 *
 * Invariant: tasklist_lock orders every change of parents, children and exit_state; a process is a
 * zombie until its parent, or who inherited it, has waited for it, and only then its number is free.
 * What a pidfd is to say afterwards is written down before the task is unhashed. Mirrors
 * kernel/exit.c, kernel/pid_namespace.c and the part of fs/exec.c that changes identities.
 */

import {
  list_add,
  list_del,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type Task,
} from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { Namespace } from '../ns/structs.js';
import { xa_entries } from '../platform/index.js';
import { EXIT, type TaskStruct } from './structs.js';

const SIGKILL = 9;

/** Tell those that wait for a child or poll a pidfd. tasklist_lock is held. */
function* wake_up_waiters(k: FsKernel): Task<void> {
  yield* WRITE_ONCE(k.tasklist.exits, (yield* READ_ONCE(k.tasklist.exits)) + 1);
}

/**
 * The end of a thread; with the last one the process is a zombie and its parent can wait for it.
 * @param code as wait(2) reports it: exit status * 256, or the signal. May sleep.
 * Source: kernel/exit.c
 */
export function* do_exit(k: FsKernel, task: TaskStruct, code: number): Task<void> {
  const files = yield* READ_ONCE(task.files);
  const fs = yield* READ_ONCE(task.fs);
  yield* WRITE_ONCE(task.files, null);
  yield* WRITE_ONCE(task.fs, null);
  if (files !== null) yield* k.put_files_struct(files);
  if (fs !== null) yield* k.put_fs_struct(fs);
  yield* k.switch_task_namespaces(task, null);
  yield* spin_lock(k.tasklist.lock);
  const leader = (yield* READ_ONCE(task.group_leader))!;
  yield* WRITE_ONCE(task.exit_code, code);
  yield* WRITE_ONCE(task.exit_state, task === leader ? EXIT.zombie : EXIT.dead);
  yield* list_del(leader.threads, task);
  const left = yield* READ_ONCE(leader.threads);
  const is_last = left === null || left.items.length === 0;
  const ns = (yield* READ_ONCE(task.thread_pid))!.ns;
  const ends_ns = is_last && (yield* READ_ONCE(ns.child_reaper)) === leader;
  if (is_last && !ends_ns) yield* forget_original_parent(k, leader, ns);
  yield* wake_up_waiters(k);
  yield* spin_unlock(k.tasklist.lock);
  if (ends_ns) yield* k.zap_pid_ns_processes(leader, ns);
  // Nobody waits for a thread.
  if (task !== leader) yield* k.release_task(task);
}

/** Orphans belong to the first process of their namespace. tasklist_lock is held. */
function* forget_original_parent(k: FsKernel, leader: TaskStruct, ns: Namespace): Task<void> {
  const reaper = (yield* READ_ONCE(ns.child_reaper)) ?? k.init_task.task!;
  for (const child of (yield* READ_ONCE(leader.children)) ?? []) {
    yield* list_del(leader.children, child);
    yield* WRITE_ONCE(child.real_parent, reaper);
    yield* list_add(reaper.children, child);
  }
}

/**
 * The first process of a process namespace has ended: so does every other one in it, and there will
 * be no more. May sleep. Source: kernel/pid_namespace.c
 */
export function* zap_pid_ns_processes(k: FsKernel, init: TaskStruct, ns: Namespace): Task<void> {
  yield* spin_lock(k.pids.lock);
  yield* WRITE_ONCE(ns.dying, true);
  yield* spin_unlock(k.pids.lock);
  for (const [, pid] of xa_entries(yield* READ_ONCE(ns.table))) {
    const task = yield* READ_ONCE(pid.task_tgid);
    if (task !== null && task !== init) yield* k.do_group_exit(task, SIGKILL);
  }
  for (const child of (yield* READ_ONCE(init.children)) ?? []) {
    yield* spin_lock(k.tasklist.lock);
    yield* list_del(init.children, child);
    yield* WRITE_ONCE(child.exit_state, EXIT.dead);
    yield* spin_unlock(k.tasklist.lock);
    yield* k.release_task(child);
  }
}

/**
 * End every thread of a process, whichever of them asks. May sleep. Source: kernel/exit.c.
 * @param code as wait(2) reports it
 */
export function* do_group_exit(k: FsKernel, task: TaskStruct, code: number): Task<void> {
  const leader = (yield* READ_ONCE(task.group_leader))!;
  yield* spin_lock(k.tasklist.lock);
  const threads = (yield* READ_ONCE(leader.threads)) ?? [];
  const begun = (yield* READ_ONCE(leader.group_exit_code)) >= 0;
  if (!begun && [...threads].length > 0) yield* WRITE_ONCE(leader.group_exit_code, code);
  yield* spin_unlock(k.tasklist.lock);
  for (const thread of threads) {
    if ((yield* READ_ONCE(thread.exit_state)) === EXIT.running) yield* k.do_exit(thread, code);
  }
}

/** What wait(2) and a pidfd say of how a process, or a thread, ended. */
export function* exit_code_of(_k: FsKernel, task: TaskStruct): Task<number> {
  const leader = (yield* READ_ONCE(task.group_leader))!;
  const group = yield* READ_ONCE(leader.group_exit_code);
  return group >= 0 ? group : yield* READ_ONCE(task.exit_code);
}

/** Take a task that has been waited for, or needs not be, out of everything. May sleep. */
export function* release_task(k: FsKernel, task: TaskStruct): Task<void> {
  const pid = (yield* READ_ONCE(task.thread_pid))!;
  // Before it is unhashed: who finds no task must find what it left behind.
  yield* k.pidfs_exit(task);
  yield* spin_lock(k.tasklist.lock);
  yield* k.__unhash_process(task);
  yield* wake_up_waiters(k);
  yield* spin_unlock(k.tasklist.lock);
  yield* k.exit_cred_namespaces(task);
  yield* k.free_pid(pid);
}

/**
 * Nobody finds the task by its number from here on. PIDTYPE_PID goes first, and TGID after
 * wait_pidfd.lock was held: who sees the first without the second, under that lock, has a thread's
 * pid and not one that is being reaped. tasklist_lock is held. Source: kernel/exit.c
 */
export function* __unhash_process(_k: FsKernel, task: TaskStruct): Task<void> {
  const pid = (yield* READ_ONCE(task.thread_pid))!;
  yield* WRITE_ONCE(pid.task_pid, null);
  yield* spin_lock(pid.wait_pidfd);
  yield* spin_unlock(pid.wait_pidfd);
  if ((yield* READ_ONCE(pid.task_tgid)) === task) yield* WRITE_ONCE(pid.task_tgid, null);
}

/**
 * What execve does to the other threads: they end, and who calls becomes the leader, under the
 * leader's number. May sleep. Source: fs/exec.c
 */
export function* de_thread(k: FsKernel, task: TaskStruct): Task<void> {
  const leader = (yield* READ_ONCE(task.group_leader))!;
  for (const thread of (yield* READ_ONCE(leader.threads)) ?? []) {
    if (thread !== task) yield* k.do_exit(thread, 0);
  }
  if (task === leader) return;
  yield* spin_lock(k.tasklist.lock);
  yield* exchange_identities(task, leader);
  yield* become_leader(task, leader);
  yield* WRITE_ONCE(leader.exit_state, EXIT.dead);
  yield* spin_unlock(k.tasklist.lock);
  yield* k.release_task(leader);
}

/** Source: kernel/pid.c, exchange_tids and transfer_pid. */
function* exchange_identities(task: TaskStruct, leader: TaskStruct): Task<void> {
  const own = (yield* READ_ONCE(task.thread_pid))!;
  const led = (yield* READ_ONCE(leader.thread_pid))!;
  const number = yield* READ_ONCE(task.pid);
  yield* WRITE_ONCE(task.pid, yield* READ_ONCE(leader.pid));
  yield* WRITE_ONCE(leader.pid, number);
  yield* WRITE_ONCE(task.thread_pid, led);
  yield* WRITE_ONCE(leader.thread_pid, own);
  yield* WRITE_ONCE(led.task_pid, task);
  yield* WRITE_ONCE(led.task_tgid, task);
  yield* WRITE_ONCE(own.task_pid, leader);
  if ((yield* READ_ONCE(led.ns.child_reaper)) === leader) {
    yield* WRITE_ONCE(led.ns.child_reaper, task);
  }
}

function* become_leader(task: TaskStruct, leader: TaskStruct): Task<void> {
  const parent = (yield* READ_ONCE(leader.real_parent))!;
  yield* list_del(parent.children, leader);
  yield* list_add(parent.children, task);
  for (const child of (yield* READ_ONCE(leader.children)) ?? []) {
    yield* list_del(leader.children, child);
    yield* WRITE_ONCE(child.real_parent, task);
    yield* list_add(task.children, child);
  }
  yield* list_del(leader.threads, task);
  yield* list_add(task.threads, task);
  yield* WRITE_ONCE(task.group_leader, task);
}
