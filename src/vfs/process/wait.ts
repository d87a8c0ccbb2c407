/**
 * Waiting for children: wait4 and waitid.
 *
 * Invariant: of all that wait for one child, one reaps it: tasklist_lock is held from seeing the
 * zombie to marking it dead. Mirrors kernel/exit.c.
 */

import {
  await_until,
  E,
  list_del,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type List,
  type Task,
} from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { PidStruct } from '../pidfs/structs.js';
import { O } from '../syscall/flags.js';
import { EXIT, type TaskStruct } from './structs.js';

/** Options of wait4(2) and waitid(2). */
export const WNOHANG = 1;
export const WSTOPPED = 2;
export const WEXITED = 4;
export const WCONTINUED = 8;
export const WNOWAIT = 0x1000000;

/** What waitid(2) waits for. */
export const P = { ALL: 0, PID: 1, PIDFD: 3 } as const;

/** Why waitid(2) returned: si_code. */
export const CLD = { EXITED: 1, KILLED: 2, STOPPED: 5, CONTINUED: 6 } as const;

/** As `untold`, but of the end. */
const NOTHING = 0;

/** Which child, and how it is reported. */
interface Wanted {
  /** The number in the caller's namespace; -1 for any. */
  readonly number: number;
  readonly pid: PidStruct | null;
  readonly options: number;
}

/** A child that has something to tell: its task and what; null if none; false without children. */
function* find_child(
  k: FsKernel,
  task: TaskStruct,
  { number, pid, options }: Wanted,
): Task<List<number> | number | false> {
  const leader = (yield* READ_ONCE(task.group_leader))!;
  let any = false;
  for (const child of (yield* READ_ONCE(leader.children)) ?? []) {
    if (number > 0 && (yield* k.task_nr(child, task)) !== number) continue;
    if (pid !== null && (yield* READ_ONCE(child.thread_pid)) !== pid) continue;
    any = true;
    const nr = yield* k.task_nr(child, task);
    const uid = yield* READ_ONCE(child.uid);
    const threads = yield* READ_ONCE(child.threads);
    const has_threads = threads !== null && threads.items.length > 0;
    const is_zombie = (yield* READ_ONCE(child.exit_state)) === EXIT.zombie && !has_threads;
    if (is_zombie && (options & WEXITED) !== 0) {
      const code = yield* k.exit_code_of(child);
      const is_last = (options & WNOWAIT) === 0;
      if (is_last) {
        yield* WRITE_ONCE(child.exit_state, EXIT.dead);
        yield* list_del(leader.children, child);
        yield* spin_unlock(k.tasklist.lock);
        yield* k.release_task(child);
        yield* spin_lock(k.tasklist.lock);
      }
      return k.list<number>([nr, uid, code, (code & 0x7f) === 0 ? CLD.EXITED : CLD.KILLED]);
    }
    const untold = yield* READ_ONCE(child.untold);
    const wants = untold === 'stopped' ? WSTOPPED : untold === 'continued' ? WCONTINUED : 0;
    if ((options & wants) === 0) continue;
    if ((options & WNOWAIT) === 0) yield* WRITE_ONCE(child.untold, '');
    const stopped = untold === 'stopped';
    const signal = yield* READ_ONCE(child.stopped);
    const status = stopped ? (signal << 8) | 0x7f : 0xffff;
    return k.list<number>([nr, uid, status, stopped ? CLD.STOPPED : CLD.CONTINUED]);
  }
  return any ? NOTHING : false;
}

/** Number, uid, status and si_code of a child; 0 with WNOHANG if none has ended. Sleeps. */
function* do_wait(k: FsKernel, task: TaskStruct, wanted: Wanted): Task<List<number> | number> {
  for (;;) {
    const seen = yield* READ_ONCE(k.tasklist.exits);
    yield* spin_lock(k.tasklist.lock);
    const found = yield* find_child(k, task, wanted);
    yield* spin_unlock(k.tasklist.lock);
    if (found === false) return -E.ECHILD;
    if (found !== NOTHING || (wanted.options & WNOHANG) !== 0) return found;
    yield* await_until(k.tasklist.exits, (exits) => exits !== seen);
  }
}

/**
 * wait4(2): wait for a child to end, and reap it. Sleeps.
 * @param pid which child, or -1 for any
 * @returns a list of the child's number and its code; 0 with WNOHANG if none has ended; -ECHILD,
 *          -EINVAL for other options
 */
export function* sys_wait4(
  k: FsKernel,
  task: TaskStruct,
  pid: number,
  options: number,
): Task<List<number> | number> {
  if ((options & ~(WNOHANG | WSTOPPED | WCONTINUED)) !== 0) return -E.EINVAL;
  const wanted = { number: pid, pid: null, options: options | WEXITED };
  const found = yield* do_wait(k, task, wanted);
  if (typeof found === 'number') return found;
  const [number, , status] = found.items;
  return k.list<number>([number, status]);
}

/**
 * waitid(2). Sleeps.
 * @param type of {@link P} @param id a number, or a descriptor with P_PIDFD
 * @returns a list of number, uid, status as wait(2) has it, and si_code; 0 with WNOHANG for none;
 *          -ECHILD, -EINVAL, -EBADF; -EAGAIN for a pidfd with O_NONBLOCK
 */
export function* sys_waitid(
  k: FsKernel,
  task: TaskStruct,
  type: number,
  id: number,
  options: number,
): Task<List<number> | number> {
  const what = WSTOPPED | WEXITED | WCONTINUED;
  if ((options & ~(what | WNOHANG | WNOWAIT)) !== 0 || (options & what) === 0) return -E.EINVAL;
  if (type === P.ALL) return yield* do_wait(k, task, { number: -1, pid: null, options });
  if (type === P.PID) {
    if (id <= 0) return -E.EINVAL;
    return yield* do_wait(k, task, { number: id, pid: null, options });
  }
  if (type !== P.PIDFD || id < 0) return -E.EINVAL;
  const file = yield* k.fget((yield* READ_ONCE(task.files))!, id);
  if (file === null) return -E.EBADF;
  const pid = yield* k.pidfd_pid(file);
  const nonblock = ((yield* READ_ONCE(file.f_flags)) & O.NONBLOCK) !== 0;
  let found: List<number> | number = -E.EBADF;
  if (pid !== null) {
    const wait = nonblock ? options | WNOHANG : options;
    found = yield* do_wait(k, task, { number: -1, pid, options: wait });
    if (found === NOTHING && nonblock && (options & WNOHANG) === 0) found = -E.EAGAIN;
  }
  yield* k.fput(file);
  return found;
}
