/**
 * Descriptors that stand for a process: opening, polling, signalling, asking.
 *
 * Invariant: what a pidfd says of an ended process it reads only after it has found no task, and the
 * task was unhashed only after everything was written down. Mirrors fs/pidfs.c, kernel/pid.c and
 * kernel/fork.c.
 */

import {
  E,
  IS_ERR,
  READ_ONCE,
  smp_rmb,
  spin_lock,
  spin_unlock,
  type List,
  type Task,
} from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { Inode } from '../inode.js';
import type { Namespace } from '../ns/structs.js';
import { EXIT, type File, type TaskStruct } from '../process/structs.js';
import { O } from '../syscall/flags.js';
import { CGROUP_ROOT } from './inode.js';
import { PIDFS_ATTR_EXIT, type PidStruct } from './structs.js';

/** Flags of pidfd_open(2); numbers as on x86-64. */
export const PIDFD = { NONBLOCK: O.NONBLOCK, THREAD: O.EXCL } as const;

/** Flags of pidfd_send_signal(2). */
export const PIDFD_SIGNAL = { THREAD: 1, THREAD_GROUP: 2, PROCESS_GROUP: 4 } as const;

/** Bits of the mask of PIDFD_GET_INFO. */
export const PIDFD_INFO = {
  PID: 1,
  CREDS: 2,
  CGROUPID: 4,
  EXIT: 8,
  COREDUMP: 16,
  SUPPORTED_MASK: 32,
  COREDUMP_SIGNAL: 64,
  COREDUMP_CODE: 128,
} as const;

const SUPPORTED = 255;
/** Bytes of the first version of struct pidfd_info. */
const PIDFD_INFO_SIZE_VER0 = 64;

/** Events of poll(2). */
export const POLL = { IN: 1, OUT: 4, ERR: 8, HUP: 16, NVAL: 32, RDNORM: 64 } as const;

/** The pid that a file stands for, or null if it is no pidfd. Source: fs/pidfs.c, pidfd_pid. */
export function* pidfd_pid(k: FsKernel, file: File): Task<PidStruct | null> {
  const inode = (yield* READ_ONCE(file.f_inode))!;
  if (inode.i_sb !== k.pidfs) return null;
  return (yield* READ_ONCE(inode.i_private)) as PidStruct | null;
}

/**
 * Open the file of a pid. May sleep.
 * @param flags of open(2); O_EXCL is PIDFD_THREAD and stays with the file
 * @returns the file, -ENOMEM, -ENFILE, -ESRCH. Source: fs/pidfs.c
 */
export function* pidfs_alloc_file(k: FsKernel, pid: PidStruct, flags: number): Task<File | number> {
  const dentry = yield* k.get_stashed_path(k.pidfs, pid);
  if (IS_ERR(dentry)) return dentry.errno;
  return yield* k.dentry_open(k.pidfs_mnt, dentry, flags | O.RDWR);
}

/** What a pid must stand for to be opened. @returns 0, -ESRCH, -ENOENT. Source: kernel/fork.c. */
export function* pidfd_prepare(_k: FsKernel, pid: PidStruct, flags: number): Task<number> {
  yield* spin_lock(pid.wait_pidfd);
  const task = yield* READ_ONCE(pid.task_pid);
  const leads = yield* READ_ONCE(pid.task_tgid);
  yield* spin_unlock(pid.wait_pidfd);
  if (task === null) return -E.ESRCH;
  return leads === null && (flags & PIDFD.THREAD) === 0 ? -E.ENOENT : 0;
}

/** In v6.9 a reaped process and a thread were one and the same error. */
export function* pidfd_prepare_v6_9(_k: FsKernel, pid: PidStruct, flags: number): Task<number> {
  const has = yield* READ_ONCE((flags & PIDFD.THREAD) === 0 ? pid.task_tgid : pid.task_pid);
  return has === null ? -E.EINVAL : 0;
}

/** pidfd_open(2). @returns a descriptor; -EINVAL, -ESRCH, -ENOENT, -EMFILE, -ENFILE, -ENOMEM */
export function* sys_pidfd_open(
  k: FsKernel,
  task: TaskStruct,
  nr: number,
  flags: number,
): Task<number> {
  if ((flags & ~(PIDFD.NONBLOCK | PIDFD.THREAD)) !== 0 || nr <= 0) return -E.EINVAL;
  const pid = yield* k.find_get_pid(nr, yield* k.task_active_pid_ns(task));
  if (pid === null) return -E.ESRCH;
  const error = yield* k.pidfd_prepare(pid, flags);
  const fd = error < 0 ? error : yield* k.pidfd_create(task, pid, flags);
  yield* k.put_pid(pid);
  return fd;
}

/** A descriptor for a pid, close-on-exec. May sleep. Source: kernel/fork.c, pidfd_prepare. */
export function* pidfd_create(
  k: FsKernel,
  task: TaskStruct,
  pid: PidStruct,
  flags: number,
): Task<number> {
  const fd = yield* k.alloc_fd(task, 0, true);
  if (fd < 0) return fd;
  const files = (yield* READ_ONCE(task.files))!;
  const file = yield* k.pidfs_alloc_file(pid, flags);
  if (typeof file === 'number') {
    yield* k.put_unused_fd(files, fd);
    return file;
  }
  yield* k.fd_install(files, fd, file);
  return fd;
}

/** Is a task's end not yet to be told, because threads live on without their leader? */
function* delay_group_leader(task: TaskStruct): Task<boolean> {
  if ((yield* READ_ONCE(task.group_leader)) !== task) return false;
  const threads = yield* READ_ONCE(task.threads);
  return threads !== null && threads.items.length > 0;
}

/** Events of a pidfd. Source: fs/pidfs.c, v6.15. */
export function* pidfd_poll(k: FsKernel, file: File): Task<number> {
  const task = yield* k.get_pid_task((yield* k.pidfd_pid(file))!);
  if (task === null) return POLL.IN | POLL.RDNORM | POLL.HUP;
  const ended = (yield* READ_ONCE(task.exit_state)) !== EXIT.running;
  return ended && !(yield* delay_group_leader(task)) ? POLL.IN | POLL.RDNORM : 0;
}

/** In v6.9 a pidfd of a thread told the end of a leader whose threads lived on. */
export function* pidfd_poll_v6_9(k: FsKernel, file: File): Task<number> {
  const task = yield* k.get_pid_task((yield* k.pidfd_pid(file))!);
  if (task === null) return POLL.IN | POLL.RDNORM | POLL.HUP;
  const ended = (yield* READ_ONCE(task.exit_state)) !== EXIT.running;
  const thread = ((yield* READ_ONCE(file.f_flags)) & PIDFD.THREAD) !== 0;
  return ended && (thread || !(yield* delay_group_leader(task))) ? POLL.IN | POLL.RDNORM : 0;
}

/**
 * PIDFD_GET_INFO.
 * @param size bytes that the caller has room for
 * @returns mask, cgroup id, pid, tgid, ppid, uid, gid, exit code, supported mask; -EINVAL if that is
 *          too small, -EREMOTE if the process cannot be seen from here, -ESRCH if it was reaped and
 *          its end was not asked for. Source: fs/pidfs.c
 */
export function* pidfd_get_info(
  k: FsKernel,
  reader: TaskStruct,
  file: File,
  wanted: number,
  size: number,
): Task<List<number> | number> {
  if (size < PIDFD_INFO_SIZE_VER0) return -E.EINVAL;
  const pid = (yield* k.pidfd_pid(file))!;
  const ns = yield* k.task_active_pid_ns(reader);
  if ((yield* k.pid_nr_ns(pid, ns)) === 0) return -E.EREMOTE;
  let mask = 0;
  let supported = 0;
  if ((wanted & PIDFD_INFO.SUPPORTED_MASK) !== 0) {
    mask |= PIDFD_INFO.SUPPORTED_MASK;
    supported = SUPPORTED;
  }
  for (;;) {
    const task = yield* k.get_pid_task(pid);
    if (task === null) {
      // The task is gone, so what it left is there: pairs with the barrier in pidfs_exit().
      yield* smp_rmb();
      const ended = yield* k.pidfd_exit_info(pid, wanted, mask, supported);
      return ended ?? -E.ESRCH;
    }
    const creds = [yield* READ_ONCE(task.uid), yield* READ_ONCE(task.gid)];
    const leader = (yield* READ_ONCE(task.group_leader))!;
    const parent = yield* READ_ONCE(task.real_parent);
    const numbers = [
      yield* k.pid_nr_ns(pid, ns),
      yield* number_of(k, leader, ns),
      parent === null ? 0 : yield* number_of(k, parent, ns),
    ];
    // It may have been reaped, or have given its number to a thread that called execve.
    if ((yield* READ_ONCE(pid.task_pid)) !== task) continue;
    mask |= PIDFD_INFO.PID | PIDFD_INFO.CREDS | PIDFD_INFO.CGROUPID;
    return k.list<number>([mask, CGROUP_ROOT, ...numbers, ...creds, 0, supported]);
  }
}

function* number_of(k: FsKernel, task: TaskStruct, ns: Namespace): Task<number> {
  const pid = yield* READ_ONCE(task.thread_pid);
  return pid === null ? 0 : yield* k.pid_nr_ns(pid, ns);
}

/** How a process without a task ended, in the form of {@link pidfd_get_info}; null if not known. */
export function* pidfd_exit_info(
  k: FsKernel,
  pid: PidStruct,
  wanted: number,
  mask: number,
  supported: number,
): Task<List<number> | null> {
  if ((wanted & PIDFD_INFO.EXIT) === 0) return null;
  const attr = yield* READ_ONCE(pid.attr);
  if (attr === null || IS_ERR(attr)) return null;
  if (((yield* READ_ONCE(attr.mask)) & PIDFS_ATTR_EXIT) === 0) return null;
  // The record was written before the bit.
  yield* smp_rmb();
  const code = yield* READ_ONCE(attr.exit_code);
  const cgroup = yield* READ_ONCE(attr.cgroupid);
  const told = mask | PIDFD_INFO.EXIT | PIDFD_INFO.CGROUPID;
  return k.list<number>([told, cgroup, 0, 0, 0, 0, 0, code, supported]);
}

/** {@link pidfd_get_info} by descriptor. @returns also -EBADF, and -ENOTTY of what is no pidfd */
export function* sys_pidfd_info(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  mask: number,
  size: number,
): Task<List<number> | number> {
  const file = yield* k.fget((yield* READ_ONCE(task.files))!, fd);
  if (file === null) return -E.EBADF;
  const is_pidfd = (yield* k.pidfd_pid(file)) !== null;
  const info = is_pidfd ? yield* k.pidfd_get_info(task, file, mask, size) : -E.ENOTTY;
  yield* k.fput(file);
  return info;
}

/** v6.9 had no ioctls. */
export function* pidfd_get_info_v6_9(): Task<number> {
  return -E.ENOTTY;
}

/** The pid of a descriptor that may name a process, with a reference: a pidfd, or /proc/PID. */
function* pidfd_get_pid(k: FsKernel, task: TaskStruct, fd: number): Task<PidStruct | number> {
  const file = yield* k.fget_raw((yield* READ_ONCE(task.files))!, fd);
  if (file === null) return -E.EBADF;
  const pid = (yield* k.pidfd_pid(file)) ?? (yield* k.tgid_pidfd_to_pid(file));
  if (pid !== null) yield* k.get_data(pid);
  yield* k.fput(file);
  return pid ?? -E.EBADF;
}

/** Does a task see this pid? Source: kernel/signal.c, access_pidfd_pidns. */
function* sees(k: FsKernel, task: TaskStruct, pid: PidStruct): Task<boolean> {
  return (yield* k.pid_nr_ns(pid, yield* k.task_active_pid_ns(task))) !== 0;
}

/** pidfd_send_signal(2). @returns 0; -EBADF, -EINVAL, -EPERM, -ESRCH if it was reaped */
export function* sys_pidfd_send_signal(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  signal: number,
  flags: number,
): Task<number> {
  const all = PIDFD_SIGNAL.THREAD | PIDFD_SIGNAL.THREAD_GROUP | PIDFD_SIGNAL.PROCESS_GROUP;
  if ((flags & ~all) !== 0 || (flags & (flags - 1)) !== 0) return -E.EINVAL;
  const pid = yield* pidfd_get_pid(k, task, fd);
  if (typeof pid === 'number') return pid;
  let error = -E.EINVAL;
  if (yield* sees(k, task, pid)) {
    const victim = yield* k.get_pid_task(pid);
    error = victim === null ? -E.ESRCH : yield* k.group_send_sig_info(task, victim, signal);
  }
  yield* k.put_pid(pid);
  return error;
}

/** May the task look into another one? Source: kernel/ptrace.c, __ptrace_may_access. */
export function* ptrace_may_access(
  k: FsKernel,
  task: TaskStruct,
  other: TaskStruct,
): Task<boolean> {
  const group = (yield* READ_ONCE(other.group_leader))!;
  if ((yield* READ_ONCE(task.group_leader)) === group) return true;
  const user_ns = yield* READ_ONCE(other.user_ns);
  if (user_ns === null) return false;
  if (yield* k.ns_capable(task, user_ns)) return true;
  const same =
    (yield* READ_ONCE(task.uid)) === (yield* READ_ONCE(other.uid)) &&
    (yield* READ_ONCE(task.gid)) === (yield* READ_ONCE(other.gid));
  return same && (yield* READ_ONCE(other.dumpable));
}

/** pidfd_getfd(2): a descriptor for a file that another process has open. */
export function* sys_pidfd_getfd(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  target: number,
  flags: number,
): Task<number> {
  if (flags !== 0) return -E.EINVAL;
  const file = yield* k.fget((yield* READ_ONCE(task.files))!, fd);
  if (file === null) return -E.EBADF;
  const pid = yield* k.pidfd_pid(file);
  const found = pid === null ? -E.EBADF : yield* fget_from(k, task, pid, target);
  yield* k.fput(file);
  if (typeof found === 'number') return found;
  const own = yield* k.alloc_fd(task, 0, true);
  if (own < 0) yield* k.fput(found);
  else yield* k.fd_install((yield* READ_ONCE(task.files))!, own, found);
  return own;
}

function* fget_from(
  k: FsKernel,
  task: TaskStruct,
  pid: PidStruct,
  target: number,
): Task<File | number> {
  const other = yield* k.get_pid_task(pid);
  if (other === null) return -E.ESRCH;
  if (!(yield* k.ptrace_may_access(task, other))) return -E.EPERM;
  const files = yield* READ_ONCE(other.files);
  // A task on its way out has no files any more: that is not a wrong number.
  if (files === null) return -E.ESRCH;
  const found = yield* k.fget_raw(files, target);
  if (found !== null) return found;
  return (yield* READ_ONCE(other.files)) === null ? -E.ESRCH : -E.EBADF;
}

/** What fdinfo says of a pidfd. @param viewer namespace of the procfs. Source: fs/pidfs.c. */
export function* pidfd_show_fdinfo(k: FsKernel, viewer: Namespace, file: File): Task<string> {
  const pid = (yield* k.pidfd_pid(file))!;
  const task = yield* k.get_pid_task(pid);
  let own = -1;
  const numbers: number[] = [];
  if (task !== null) {
    own = yield* k.pid_nr_ns(pid, viewer);
    const { items } = (yield* READ_ONCE(pid.numbers))!;
    if (own > 0) {
      for (let at = viewer.level * 2 + 3; at < items.length; at += 2) {
        numbers.push(items[at] as number);
      }
    }
  }
  return `Pid:\t${own}\nNSpid:\t${[own, ...numbers].join('\t')}\n`;
}

/** What a link to a pidfd says. */
export function* pidfs_dname(_k: FsKernel, _inode: Inode): Task<string> {
  return 'anon_inode:[pidfd]';
}

/** v6.9 told the number. */
export function* pidfs_dname_v6_9(_k: FsKernel, inode: Inode): Task<string> {
  return `pidfd:[${yield* READ_ONCE(inode.i_ino)}]`;
}
