/**
 * Signals, as far as they end, stop and continue processes.
 *
 * No process has handlers, so a signal does what it does by default, at once. Invariant: a process is
 * never in the middle of a call when it is ended: who runs a program access by access ends itself.
 * Mirrors kernel/signal.c.
 */

import {
  E,
  MisuseError,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type Task,
} from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { PidStruct } from '../pidfs/structs.js';
import type { TaskStruct } from './structs.js';

/** Signals by name. */
export const SIG = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  KILL: 9,
  USR1: 10,
  USR2: 12,
  TERM: 15,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  URG: 23,
  WINCH: 28,
} as const;

const HIGHEST = 64;
const IGNORED: readonly number[] = [SIG.CHLD, SIG.URG, SIG.WINCH];

/** May the task signal this one? Source: kernel/signal.c, kill_ok_by_cred. */
function* may_signal(k: FsKernel, task: TaskStruct, victim: TaskStruct): Task<boolean> {
  if ((yield* READ_ONCE(task.uid)) === (yield* READ_ONCE(victim.uid))) return true;
  const user_ns = yield* READ_ONCE(victim.user_ns);
  return user_ns !== null && (yield* k.ns_capable(task, user_ns));
}

/** Stop or continue a whole process, and tell its parent. */
function* stop_or_continue(k: FsKernel, leader: TaskStruct, signal: number): Task<void> {
  yield* spin_lock(k.tasklist.lock);
  const was = yield* READ_ONCE(leader.stopped);
  const stops = signal === SIG.STOP;
  if (stops !== (was !== 0)) {
    yield* WRITE_ONCE(leader.stopped, stops ? signal : 0);
    yield* WRITE_ONCE(leader.untold, stops ? 'stopped' : 'continued');
    yield* WRITE_ONCE(k.tasklist.exits, (yield* READ_ONCE(k.tasklist.exits)) + 1);
  }
  yield* spin_unlock(k.tasklist.lock);
}

/**
 * Send a signal to a task's process. May sleep.
 * @returns 0, -EINVAL for no signal, -EPERM. Source: kernel/signal.c, group_send_sig_info
 */
export function* group_send_sig_info(
  k: FsKernel,
  task: TaskStruct,
  victim: TaskStruct,
  signal: number,
): Task<number> {
  if (signal < 0 || signal > HIGHEST) return -E.EINVAL;
  if (!(yield* may_signal(k, task, victim))) return -E.EPERM;
  const leader = (yield* READ_ONCE(victim.group_leader))!;
  const pid = yield* READ_ONCE(victim.thread_pid);
  if (signal === 0 || pid === null || IGNORED.includes(signal)) return 0;
  // The first process of a namespace hears only what comes from above, and then what cannot be ignored.
  if ((yield* READ_ONCE(pid.ns.child_reaper)) === leader) {
    const from_inside = (yield* k.task_active_pid_ns(task)) === pid.ns;
    if (from_inside || (signal !== SIG.KILL && signal !== SIG.STOP)) return 0;
  }
  if (signal === SIG.STOP || signal === SIG.CONT) {
    yield* stop_or_continue(k, leader, signal);
    return 0;
  }
  if (task !== victim && k.programs.has(leader)) {
    throw new MisuseError(
      'access by access, a program cannot be killed in the middle of a call: kill a process without a program (sys.clone), or explore call by call',
    );
  }
  yield* k.do_group_exit(leader, signal);
  return 0;
}

/** The task that a pid stands for, or null. Enters RCU. Source: kernel/pid.c, get_pid_task. */
export function* get_pid_task(k: FsKernel, pid: PidStruct): Task<TaskStruct | null> {
  yield* k.rcu_read_lock();
  const task = yield* READ_ONCE(pid.task_pid);
  yield* k.rcu_read_unlock();
  return task;
}

/** kill(2), of one process. @returns 0, -ESRCH, -EPERM, -EINVAL */
export function* sys_kill(k: FsKernel, task: TaskStruct, nr: number, signal: number): Task<number> {
  if (nr <= 0) return -E.EINVAL;
  const pid = yield* k.find_get_pid(nr, yield* k.task_active_pid_ns(task));
  if (pid === null) return -E.ESRCH;
  const victim = yield* k.get_pid_task(pid);
  const error = victim === null ? -E.ESRCH : yield* k.group_send_sig_info(task, victim, signal);
  yield* k.put_pid(pid);
  return error;
}
