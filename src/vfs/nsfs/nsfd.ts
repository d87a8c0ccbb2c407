/**
 * Descriptors that stand for a namespace: opening, asking, entering.
 *
 * Invariant: a call that answers a descriptor takes its reference on the namespace while it knows it
 * to be alive, and gives it to path_from_stashed. Mirrors fs/nsfs.c and kernel/nsproxy.c.
 */

import { E, READ_ONCE, type List, type Task } from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { CLONE, CLONE_NEW_ALL, NS_TYPES, SLOT, type Namespace } from '../ns/structs.js';
import type { PidStruct } from '../pidfs/structs.js';
import type { File, TaskStruct } from '../process/structs.js';
import { O } from '../syscall/flags.js';

/** The ioctls of nsfs, by their number alone. */
export const NS = {
  GET_USERNS: 0xb701,
  GET_PARENT: 0xb702,
  GET_NSTYPE: 0xb703,
  GET_OWNER_UID: 0xb704,
  GET_MNTNS_ID: 0xb705,
  GET_PID_FROM_PIDNS: 0xb706,
  GET_TGID_FROM_PIDNS: 0xb707,
  GET_PID_IN_PIDNS: 0xb708,
  GET_TGID_IN_PIDNS: 0xb709,
  MNT_GET_INFO: 0xb70a,
  MNT_GET_NEXT: 0xb70b,
  MNT_GET_PREV: 0xb70c,
  GET_ID: 0xb70d,
} as const;

/** The ioctls of pidfs that answer a descriptor of a namespace. */
export const PIDFD_GET = {
  CGROUP_NAMESPACE: 0xff01,
  IPC_NAMESPACE: 0xff02,
  MNT_NAMESPACE: 0xff03,
  NET_NAMESPACE: 0xff04,
  PID_NAMESPACE: 0xff05,
  PID_FOR_CHILDREN_NAMESPACE: 0xff06,
  TIME_NAMESPACE: 0xff07,
  TIME_FOR_CHILDREN_NAMESPACE: 0xff08,
  USER_NAMESPACE: 0xff09,
  UTS_NAMESPACE: 0xff0a,
} as const;

/** The slot of each of {@link PIDFD_GET}, or which namespace is in none. */
const SLOT_OF: Readonly<Record<number, number>> = {
  [PIDFD_GET.CGROUP_NAMESPACE]: SLOT.cgroup,
  [PIDFD_GET.IPC_NAMESPACE]: SLOT.ipc,
  [PIDFD_GET.MNT_NAMESPACE]: SLOT.mnt,
  [PIDFD_GET.NET_NAMESPACE]: SLOT.net,
  [PIDFD_GET.PID_FOR_CHILDREN_NAMESPACE]: SLOT.pid_for_children,
  [PIDFD_GET.TIME_NAMESPACE]: SLOT.time,
  [PIDFD_GET.TIME_FOR_CHILDREN_NAMESPACE]: SLOT.time_for_children,
  [PIDFD_GET.UTS_NAMESPACE]: SLOT.uts,
};

/** FS_IOC_GETVERSION: the generation of an inode. */
export const FS_IOC_GETVERSION = 0x7601;

/** A descriptor for a namespace; uses up the reference. May sleep. Source: fs/nsfs.c, open_namespace. */
export function* open_namespace(k: FsKernel, task: TaskStruct, ns: Namespace): Task<number> {
  const fd = yield* k.alloc_fd(task, 0, true);
  if (fd < 0) {
    yield* k.put_ns(ns);
    return fd;
  }
  const files = (yield* READ_ONCE(task.files))!;
  const file = yield* k.nsfs_alloc_file(ns, O.RDONLY);
  if (typeof file === 'number') {
    yield* k.put_unused_fd(files, fd);
    return file;
  }
  yield* k.fd_install(files, fd, file);
  return fd;
}

/** A namespace of a task by slot, by type, or by the user namespace, with a reference, or null. */
export function* task_ns(k: FsKernel, task: TaskStruct, slot: number): Task<Namespace | null> {
  const nsproxy = yield* k.get_nsproxy(task);
  if (nsproxy === null) return null;
  const ns = (yield* READ_ONCE(nsproxy.ns[slot]))!;
  yield* k.get_data(ns);
  yield* k.put_nsproxy(nsproxy);
  return ns;
}

/** The user or process namespace of a task that has not ended, with a reference, or null. */
export function* task_own_ns(k: FsKernel, task: TaskStruct, flag: number): Task<Namespace | null> {
  const nsproxy = yield* k.get_nsproxy(task);
  if (nsproxy === null) return null;
  const user_ns = yield* READ_ONCE(task.user_ns);
  const pid = yield* READ_ONCE(task.thread_pid);
  const ns = flag === CLONE.NEWUSER ? user_ns : (pid?.ns ?? null);
  if (ns !== null) yield* k.get_data(ns);
  yield* k.put_nsproxy(nsproxy);
  return ns;
}

/** A namespace of a process for a pidfd's ioctl. @returns a descriptor, -ESRCH, -EACCES, -ENOTTY */
export function* pidfd_get_namespace(
  k: FsKernel,
  task: TaskStruct,
  pid: PidStruct,
  command: number,
): Task<number> {
  const other = yield* k.get_pid_task(pid);
  if (other === null) return -E.ESRCH;
  if ((yield* READ_ONCE(other.nsproxy)) === null) return -E.ESRCH;
  if (!(yield* k.ptrace_may_access(task, other))) return -E.EACCES;
  let ns: Namespace | null;
  if (command === PIDFD_GET.USER_NAMESPACE) ns = yield* k.task_own_ns(other, CLONE.NEWUSER);
  else if (command === PIDFD_GET.PID_NAMESPACE) ns = yield* k.task_own_ns(other, CLONE.NEWPID);
  else ns = yield* k.task_ns(other, SLOT_OF[command]);
  return ns === null ? -E.ESRCH : yield* k.open_namespace(task, ns);
}

/** ioctl(2) of a pidfd, but for PIDFD_GET_INFO. Source: fs/pidfs.c. */
export function* pidfd_ioctl(
  k: FsKernel,
  task: TaskStruct,
  file: File,
  command: number,
  arg: number,
): Task<number> {
  const inode = (yield* READ_ONCE(file.f_inode))!;
  if (command === FS_IOC_GETVERSION) return yield* READ_ONCE(inode.i_generation);
  // PIDFD_GET_INFO without a place for its answer.
  if (command === PIDFD_GET_INFO) return -E.EINVAL;
  if (!Object.values(PIDFD_GET).includes(command as never)) return -E.ENOTTY;
  if (arg !== 0) return -E.EINVAL;
  return yield* k.pidfd_get_namespace(task, (yield* k.pidfd_pid(file))!, command);
}

/** PIDFD_GET_INFO, by its number alone; see pidfd_info(). */
export const PIDFD_GET_INFO = 0xff0b;

/** Is `ns` the task's own namespace of its type, or below it? */
function* is_in_hierarchy(own: Namespace, ns: Namespace): Task<boolean> {
  let at: Namespace | null = ns;
  while (at !== null && at.level > own.level) at = yield* READ_ONCE(at.parent);
  return at === own;
}

/** The owner, or the parent, of a namespace, with a reference. @returns -EPERM outside of one's own */
function* get_relative(
  k: FsKernel,
  task: TaskStruct,
  ns: Namespace,
  owner: boolean,
): Task<Namespace | number> {
  const up = owner ? yield* k.ns_owner(ns) : yield* READ_ONCE(ns.parent);
  const own =
    owner || ns.ns_type === CLONE.NEWUSER
      ? (yield* READ_ONCE(task.user_ns))!
      : yield* k.task_active_pid_ns(task);
  if (up === null || !(yield* is_in_hierarchy(own, up))) return -E.EPERM;
  yield* k.get_data(up);
  return up;
}

/** Numbers of processes between the namespace of a file and the caller's. @returns -ESRCH */
function* translate_pid(
  k: FsKernel,
  task: TaskStruct,
  ns: Namespace,
  command: number,
  nr: number,
): Task<number> {
  const own = yield* k.task_active_pid_ns(task);
  const inwards = command === NS.GET_PID_IN_PIDNS || command === NS.GET_TGID_IN_PIDNS;
  const group = command === NS.GET_TGID_FROM_PIDNS || command === NS.GET_TGID_IN_PIDNS;
  const pid = yield* k.find_get_pid(nr, inwards ? own : ns);
  if (pid === null) return -E.ESRCH;
  const found = yield* k.get_pid_task(pid);
  yield* k.put_pid(pid);
  const who = found === null || !group ? found : yield* READ_ONCE(found.group_leader);
  const of = who === null ? null : yield* READ_ONCE(who.thread_pid);
  const number = of === null ? 0 : yield* k.pid_nr_ns(of, inwards ? ns : own);
  return number === 0 ? -E.ESRCH : number;
}

/** The mount namespace before or after another one, in the order of ns_id. */
function* mnt_neighbour(
  k: FsKernel,
  task: TaskStruct,
  ns: Namespace,
  forwards: boolean,
): Task<number> {
  const first = yield* k.init_ns(CLONE.NEWPID);
  if ((yield* k.task_active_pid_ns(task)) !== first) return -E.EPERM;
  if (!(yield* k.capable(task))) return -E.EPERM;
  yield* k.rcu_read_lock();
  const all = (yield* k.ns_tree_all()).items.filter(({ ns_type }) => ns_type === CLONE.NEWNS);
  let found: Namespace | null = null;
  for (let at = all.indexOf(ns) + (forwards ? 1 : -1); at >= 0 && at < all.length;) {
    if (yield* k.ns_get_unless_inactive(all[at])) {
      found = all[at];
      break;
    }
    at += forwards ? 1 : -1;
  }
  yield* k.rcu_read_unlock();
  return found === null ? -E.ENOENT : yield* k.open_namespace(task, found);
}

const ONLY_V7_3: readonly number[] = [
  NS.GET_MNTNS_ID,
  NS.GET_PID_FROM_PIDNS,
  NS.GET_TGID_FROM_PIDNS,
  NS.GET_PID_IN_PIDNS,
  NS.GET_TGID_IN_PIDNS,
  NS.MNT_GET_INFO,
  NS.MNT_GET_NEXT,
  NS.MNT_GET_PREV,
  NS.GET_ID,
];

/** ioctl(2) of a file of nsfs. @returns a descriptor, a number, or -errno. Source: fs/nsfs.c. */
export function* ns_ioctl(
  k: FsKernel,
  task: TaskStruct,
  file: File,
  command: number,
  arg: number,
): Task<number> {
  const ns = (yield* k.ns_of_file(file))!;
  switch (command) {
    case NS.GET_USERNS:
    case NS.GET_PARENT: {
      const owner = command === NS.GET_USERNS;
      const has_parent = ns.ns_type === CLONE.NEWUSER || ns.ns_type === CLONE.NEWPID;
      if (!owner && !has_parent) return -E.EINVAL;
      const up = yield* get_relative(k, task, ns, owner);
      return typeof up === 'number' ? up : yield* k.open_namespace(task, up);
    }
    case NS.GET_NSTYPE:
      return ns.ns_type;
    case NS.GET_OWNER_UID:
      return ns.ns_type === CLONE.NEWUSER ? yield* READ_ONCE(ns.owner_uid) : -E.EINVAL;
    case NS.GET_ID:
      return yield* READ_ONCE(ns.ns_id);
    case NS.GET_MNTNS_ID:
      return ns.ns_type === CLONE.NEWNS ? yield* READ_ONCE(ns.ns_id) : -E.EINVAL;
    case NS.GET_PID_FROM_PIDNS:
    case NS.GET_TGID_FROM_PIDNS:
    case NS.GET_PID_IN_PIDNS:
    case NS.GET_TGID_IN_PIDNS:
      if (ns.ns_type !== CLONE.NEWPID) return -E.EINVAL;
      return yield* translate_pid(k, task, ns, command, arg);
    case NS.MNT_GET_NEXT:
    case NS.MNT_GET_PREV:
      if (ns.ns_type !== CLONE.NEWNS) return -E.EINVAL;
      return yield* mnt_neighbour(k, task, ns, command === NS.MNT_GET_NEXT);
    default:
      return -E.ENOTTY;
  }
}

/** v6.9 had the first four. */
export function* ns_ioctl_v6_9(
  k: FsKernel,
  task: TaskStruct,
  file: File,
  command: number,
  arg: number,
): Task<number> {
  return ONLY_V7_3.includes(command) ? -E.ENOTTY : yield* ns_ioctl(k, task, file, command, arg);
}

/** setns(2). @returns 0; -EBADF, -EINVAL, -EPERM, -ESRCH, -ENOMEM. May sleep. */
export function* sys_setns(k: FsKernel, task: TaskStruct, fd: number, flags: number): Task<number> {
  const file = yield* k.fget((yield* READ_ONCE(task.files))!, fd);
  if (file === null) return -E.EBADF;
  const ns = yield* k.ns_of_file(file);
  const pid = yield* k.pidfd_pid(file);
  let error = -E.EINVAL;
  if (ns !== null) {
    if (flags === 0 || flags === ns.ns_type) error = yield* k.setns_all(task, k.list([ns]));
  } else if (pid !== null && flags !== 0 && (flags & ~CLONE_NEW_ALL) === 0) {
    error = yield* enter_those_of(k, task, pid, flags);
  }
  yield* k.fput(file);
  return error;
}

/** All namespaces of another process that the flags name. Source: kernel/nsproxy.c. */
function* enter_those_of(
  k: FsKernel,
  task: TaskStruct,
  pid: PidStruct,
  flags: number,
): Task<number> {
  const other = yield* k.get_pid_task(pid);
  if (other === null) return -E.ESRCH;
  if (!(yield* k.ptrace_may_access(task, other))) return -E.EPERM;
  const held: Namespace[] = [];
  for (const { flag, slot } of NS_TYPES) {
    if ((flags & flag) === 0) continue;
    const own = flag === CLONE.NEWUSER || flag === CLONE.NEWPID;
    const ns = own ? yield* k.task_own_ns(other, flag) : yield* k.task_ns(other, slot);
    if (ns !== null) held.push(ns);
    else {
      for (const each of held) yield* k.put_ns(each);
      return -E.ESRCH;
    }
  }
  const error = yield* k.setns_all(task, k.list<Namespace>(held));
  for (const ns of held) yield* k.put_ns(ns);
  return error;
}

/** Flags of listns(2) and what stands for one's own user namespace. */
export const LISTNS_CURRENT_USER = -1;

/**
 * listns(2): the ids of namespaces in use, ascending, above `after`.
 * @param types which, as flags of CLONE; 0 for all
 * @param user_ns only those that this one owns; 0 for all, LISTNS_CURRENT_USER for the caller's
 * @returns -EINVAL for other types, -ESRCH if there is no such user namespace. Source: kernel/nstree.c
 */
export function* sys_listns(
  k: FsKernel,
  task: TaskStruct,
  types: number,
  user_ns: number,
  after: number,
  most: number,
): Task<List<number> | number> {
  if ((types & ~CLONE_NEW_ALL) !== 0) return -E.EINVAL;
  const own = (yield* READ_ONCE(task.user_ns))!;
  const ids: number[] = [];
  yield* k.rcu_read_lock();
  let owner: Namespace | null = null;
  if (user_ns === LISTNS_CURRENT_USER) owner = own;
  else if (user_ns !== 0) {
    owner = yield* k.ns_tree_lookup_rcu(user_ns);
    if (owner === null || owner.ns_type !== CLONE.NEWUSER) {
      yield* k.rcu_read_unlock();
      return -E.EINVAL;
    }
  }
  const all = yield* k.may_see_all_namespaces(task);
  for (const ns of (yield* k.ns_tree_all()).items) {
    const id = yield* READ_ONCE(ns.ns_id);
    if (ids.length >= most || id <= after) continue;
    if (types !== 0 && (types & ns.ns_type) === 0) continue;
    const owned_by = yield* k.ns_owner(ns);
    if (owner !== null && owned_by !== owner) continue;
    const visible =
      all ||
      (yield* k.is_current_namespace(task, ns)) ||
      (owned_by !== null && (yield* k.ns_capable(task, owned_by)));
    if (!visible || (yield* READ_ONCE(ns.active)) === 0) continue;
    ids.push(id);
  }
  yield* k.rcu_read_unlock();
  return k.list<number>(ids);
}
