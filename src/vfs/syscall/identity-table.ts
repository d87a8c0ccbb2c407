/**
 * The system calls on processes and namespaces as a program makes them: see table.ts.
 *
 * Invariant: what a call answers is a number, a text, or plain data.
 */

import { E, READ_ONCE, WRITE_ONCE, type List, type Task } from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { PIDFD_INFO, POLL } from '../pidfs/pidfd.js';
import { WEXITED } from '../process/wait.js';
import { SIG } from '../process/signal.js';
import type { TaskStruct } from '../process/structs.js';
import { CLONE_NEW_ALL } from '../ns/structs.js';

/** Flags of clone(2) beside those of new namespaces. */
export const CLONE_PIDFD = 0x1000;
export const CLONE_THREAD = 0x10000;

/** What PIDFD_GET_INFO answers; only what the mask names is there. */
export interface PidfdInfo {
  readonly mask: number;
  readonly cgroupid: number;
  readonly pid: number;
  readonly tgid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly gid: number;
  /** As wait(2) has it. */
  readonly exit_code: number;
  readonly supported_mask: number;
}

/** What waitid(2) tells of a child. */
export interface SigInfo {
  readonly pid: number;
  readonly uid: number;
  /** As wait(2) has it. */
  readonly status: number;
  /** One of CLD. */
  readonly code: number;
}

/** A name for a file that is no reference to it. */
export interface FileHandleAt {
  /** One of FILEID. */
  readonly type: number;
  readonly id: number;
  /** Of a namespace: its type and its number; both 0 for any. */
  readonly ns_type: number;
  readonly inum: number;
}

const PIDFD_INFO_SIZE = 88;
const NOTHING = 0;
const FOREVER = -1;
const EVERYTHING = 1024;

function items_or_error(list: List<number> | number): readonly number[] | number {
  return typeof list === 'number' ? list : list.items;
}

/** Calls on processes and namespaces; the first two parameters are the kernel and the caller. */
export const identity_table = {
  /**
   * A child that runs no program of its own. @param flags of CLONE, CLONE_THREAD, CLONE_PIDFD
   * @returns its number; with CLONE_PIDFD number and descriptor
   */
  *clone(k: FsKernel, t: TaskStruct, flags = NOTHING): Task<number | readonly number[]> {
    if ((flags & ~(CLONE_NEW_ALL | CLONE_PIDFD | CLONE_THREAD)) !== 0) return -E.EINVAL;
    const thread = (flags & CLONE_THREAD) !== 0;
    const task = yield* k.copy_process(t, thread, flags & CLONE_NEW_ALL);
    if (typeof task === 'number') return task;
    const pid = (yield* READ_ONCE(task.thread_pid))!;
    const number = yield* k.task_nr(task, t);
    if ((flags & CLONE_PIDFD) === 0) return number;
    const fd = yield* k.pidfd_create(t, pid, thread ? 0o200 : 0);
    return fd < 0 ? fd : [number, fd];
  },
  *gettid(k: FsKernel, t: TaskStruct): Task<number> {
    return yield* k.task_nr(t, t);
  },
  /** End every thread of the process; `status` as in exit(3). */
  *exitGroup(k: FsKernel, t: TaskStruct, status = NOTHING): Task<number> {
    yield* k.do_group_exit(t, (status & 0xff) << 8);
    return 0;
  },
  *kill(k: FsKernel, t: TaskStruct, pid: number, signal: number = SIG.TERM): Task<number> {
    return yield* k.sys_kill(t, pid, signal);
  },
  /** What a child did that the options ask for; 0 with WNOHANG if there is none. */
  *waitid(
    k: FsKernel,
    t: TaskStruct,
    type: number,
    id: number,
    options: number = WEXITED,
  ): Task<SigInfo | number> {
    const list = yield* k.sys_waitid(t, type, id, options);
    if (typeof list === 'number') return list;
    const [pid, uid, status, code] = list.items;
    return { pid, uid, status, code };
  },
  *setgroups(k: FsKernel, t: TaskStruct, groups: readonly number[]): Task<number> {
    if (!(yield* k.ns_capable(t, (yield* READ_ONCE(t.user_ns))!))) return -E.EPERM;
    yield* WRITE_ONCE(t.groups, groups.length === 0 ? null : k.list<number>(groups));
    return 0;
  },
  /** PR_SET_DUMPABLE of prctl(2). */
  *setDumpable(_k: FsKernel, t: TaskStruct, dumpable: boolean): Task<number> {
    yield* WRITE_ONCE(t.dumpable, dumpable);
    return 0;
  },
  *pidfdOpen(k: FsKernel, t: TaskStruct, pid: number, flags = NOTHING): Task<number> {
    return yield* k.sys_pidfd_open(t, pid, flags);
  },
  *pidfdSendSignal(
    k: FsKernel,
    t: TaskStruct,
    fd: number,
    signal: number,
    flags = NOTHING,
  ): Task<number> {
    return yield* k.sys_pidfd_send_signal(t, fd, signal, flags);
  },
  *pidfdGetfd(
    k: FsKernel,
    t: TaskStruct,
    pidfd: number,
    fd: number,
    flags = NOTHING,
  ): Task<number> {
    return yield* k.sys_pidfd_getfd(t, pidfd, fd, flags);
  },
  /** PIDFD_GET_INFO. @param mask what is wanted @param size bytes that there is room for */
  *pidfdInfo(
    k: FsKernel,
    t: TaskStruct,
    fd: number,
    mask: number = PIDFD_INFO.EXIT,
    size = PIDFD_INFO_SIZE,
  ): Task<PidfdInfo | number> {
    const list = yield* k.sys_pidfd_info(t, fd, mask, size);
    if (typeof list === 'number') return list;
    const [told, cgroupid, pid, tgid, ppid, uid, gid, exit_code, supported_mask] = list.items;
    return { mask: told, cgroupid, pid, tgid, ppid, uid, gid, exit_code, supported_mask };
  },
  /** Commands of NS, PIDFD_GET, FS_IOC_GETVERSION. */
  *ioctl(k: FsKernel, t: TaskStruct, fd: number, command: number, arg = NOTHING): Task<number> {
    return yield* k.sys_ioctl(t, fd, command, arg);
  },
  /**
   * What happened to each descriptor, 0 for nothing. @param timeout 0 looks once, -1 waits: time
   * does not pass by itself
   */
  *poll(
    k: FsKernel,
    t: TaskStruct,
    fds: readonly number[],
    timeout: number = FOREVER,
    events: number = POLL.IN,
  ): Task<readonly number[]> {
    const wanted = k.list<number>(fds.flatMap((fd) => [fd, events]));
    return (yield* k.sys_poll(t, wanted, timeout < 0)).items;
  },
  /** What /proc/self/fdinfo says of a descriptor. */
  *fdinfo(k: FsKernel, t: TaskStruct, fd: number): Task<string | number> {
    const file = yield* k.fget_raw((yield* READ_ONCE(t.files))!, fd);
    if (file === null) return -E.EBADF;
    const text = yield* k.show_fdinfo(yield* k.task_active_pid_ns(t), file);
    yield* k.fput(file);
    return text;
  },
  *setns(k: FsKernel, t: TaskStruct, fd: number, flags = NOTHING): Task<number> {
    return yield* k.sys_setns(t, fd, flags);
  },
  *unshare(k: FsKernel, t: TaskStruct, flags: number): Task<number> {
    return yield* k.sys_unshare(t, flags);
  },
  /** Ids of the namespaces in use that the caller may see. */
  *listns(
    k: FsKernel,
    t: TaskStruct,
    types = NOTHING,
    user_ns = NOTHING,
    after = NOTHING,
    most = EVERYTHING,
  ): Task<readonly number[] | number> {
    return items_or_error(yield* k.sys_listns(t, types, user_ns, after, most));
  },
  *nameToHandleAt(
    k: FsKernel,
    t: TaskStruct,
    dirfd: number,
    path: string,
    flags = NOTHING,
  ): Task<FileHandleAt | number> {
    const list = yield* k.sys_name_to_handle_at(t, dirfd, path, flags);
    if (typeof list === 'number') return list;
    const [type, id, ns_type, inum] = list.items;
    return { type, id, ns_type, inum };
  },
  *openByHandleAt(
    k: FsKernel,
    t: TaskStruct,
    mountfd: number,
    { type, id, ns_type, inum }: FileHandleAt,
    flags = NOTHING,
  ): Task<number> {
    return yield* k.sys_open_by_handle_at(t, mountfd, flags, type, id, ns_type, inum);
  },
  *fsetxattr(
    k: FsKernel,
    t: TaskStruct,
    fd: number,
    name: string,
    value: string,
    flags = NOTHING,
  ): Task<number> {
    return yield* k.sys_fsetxattr(t, fd, name, value, flags);
  },
  *fgetxattr(k: FsKernel, t: TaskStruct, fd: number, name: string): Task<string | number> {
    return yield* k.sys_fgetxattr(t, fd, name);
  },
  *flistxattr(k: FsKernel, t: TaskStruct, fd: number): Task<readonly string[] | number> {
    const list = yield* k.sys_flistxattr(t, fd);
    return typeof list === 'number' ? list : list.items;
  },
  *fremovexattr(k: FsKernel, t: TaskStruct, fd: number, name: string): Task<number> {
    return yield* k.sys_fremovexattr(t, fd, name);
  },
  /** mount(2), of a procfs. */
  *mountProc(k: FsKernel, t: TaskStruct, path: string): Task<number> {
    return yield* k.sys_mount_proc(t, path);
  },
  *openTree(k: FsKernel, t: TaskStruct, dirfd: number, path: string, flags: number): Task<number> {
    return yield* k.sys_open_tree(t, dirfd, path, flags);
  },
  *moveMount(k: FsKernel, t: TaskStruct, from: number, to: string): Task<number> {
    return yield* k.sys_move_mount(t, from, to);
  },
} as const;
