/**
 * Making processes and threads.
 *
 * Invariant: a task is found under its number, and by its parent, only when it is whole; what a
 * failed fork had taken is given back. Mirrors kernel/fork.c.
 */

import {
  atomic_fetch_add,
  E,
  kmem_cache_alloc,
  list_add,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  write,
  type Task,
} from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { CLONE, SLOT, type Namespace } from '../ns/structs.js';
import type { FilesStruct, FsStruct, TaskStruct } from './structs.js';

function* copy_fs(k: FsKernel, from: FsStruct): Task<FsStruct | null> {
  const fs = yield* kmem_cache_alloc(k.fs_cache);
  if (fs === null) return null;
  yield* spin_lock(from.lock);
  const root = (yield* READ_ONCE(from.root))!;
  const pwd = (yield* READ_ONCE(from.pwd))!;
  const root_mnt = (yield* READ_ONCE(from.root_mnt))!;
  const pwd_mnt = (yield* READ_ONCE(from.pwd_mnt))!;
  yield* k.dget(root);
  yield* k.dget(pwd);
  yield* k.mntget(root_mnt);
  yield* k.mntget(pwd_mnt);
  yield* WRITE_ONCE(fs.umask, yield* READ_ONCE(from.umask));
  yield* spin_unlock(from.lock);
  yield* WRITE_ONCE(fs.root, root);
  yield* WRITE_ONCE(fs.pwd, pwd);
  yield* WRITE_ONCE(fs.root_mnt, root_mnt);
  yield* WRITE_ONCE(fs.pwd_mnt, pwd_mnt);
  return fs;
}

/** What a child takes over from its parent, and what may fail of it. @returns 0 or -errno */
function* copy_parts(
  k: FsKernel,
  parent: TaskStruct,
  task: TaskStruct,
  thread: boolean,
  flags: number,
): Task<number> {
  yield* write(task.uid, yield* READ_ONCE(parent.uid));
  yield* write(task.gid, yield* READ_ONCE(parent.gid));
  yield* write(task.groups, yield* READ_ONCE(parent.groups));
  yield* write(task.caps, yield* READ_ONCE(parent.caps));
  yield* write(task.dumpable, yield* READ_ONCE(parent.dumpable));
  yield* write(task.rlimit_nofile, yield* READ_ONCE(parent.rlimit_nofile));
  let user_ns: Namespace | number = (yield* READ_ONCE(parent.user_ns))!;
  if ((flags & CLONE.NEWUSER) !== 0) {
    user_ns = yield* k.create_user_ns(parent);
    if (typeof user_ns === 'number') return user_ns;
    yield* write(task.caps, true);
  } else yield* k.get_data(user_ns);
  yield* k.ns_ref_active_get(user_ns);
  yield* write<Namespace | null>(task.user_ns, user_ns);
  const files = (yield* READ_ONCE(parent.files))!;
  const fs = (yield* READ_ONCE(parent.fs))!;
  if (thread) {
    yield* atomic_fetch_add(files.count, 1);
    yield* atomic_fetch_add(fs.count, 1);
    yield* write<FilesStruct | null>(task.files, files);
    yield* write<FsStruct | null>(task.fs, fs);
  } else {
    const table = yield* k.dup_fd(files);
    yield* write<FilesStruct | null>(task.files, table);
    if (table === null) return -E.ENOMEM;
    const place = yield* copy_fs(k, fs);
    yield* write<FsStruct | null>(task.fs, place);
    if (place === null) return -E.ENOMEM;
  }
  return yield* k.copy_namespaces(flags, parent, task);
}

/** Give back what {@link copy_parts} took. May sleep. */
function* free_task(k: FsKernel, task: TaskStruct): Task<void> {
  const files = yield* READ_ONCE(task.files);
  const fs = yield* READ_ONCE(task.fs);
  if (files !== null) yield* k.put_files_struct(files);
  if (fs !== null) yield* k.put_fs_struct(fs);
  yield* k.switch_task_namespaces(task, null);
  yield* k.exit_cred_namespaces(task);
}

/** Let go of the user namespace. May sleep. Source: kernel/cred.c. */
export function* exit_cred_namespaces(k: FsKernel, task: TaskStruct): Task<void> {
  const user_ns = yield* READ_ONCE(task.user_ns);
  if (user_ns === null) return;
  yield* WRITE_ONCE(task.user_ns, null);
  yield* k.ns_ref_active_put(user_ns);
  yield* k.put_ns(user_ns);
}

/**
 * A new process, or with `thread` a thread that shares files and place. May sleep.
 * @param flags of CLONE_NEW*: which namespaces are new
 * @returns the task; -EINVAL for a thread with namespaces of its own, -EPERM, -ENOSPC, -EAGAIN
 *          without numbers, -ENOMEM. Source: kernel/fork.c
 */
export function* copy_process(
  k: FsKernel,
  parent: TaskStruct,
  thread: boolean,
  flags = 0,
): Task<TaskStruct | number> {
  if (thread && (flags & (CLONE.NEWUSER | CLONE.NEWPID)) !== 0) return -E.EINVAL;
  const task = yield* kmem_cache_alloc(k.task_cache);
  if (task === null) return -E.ENOMEM;
  const error = yield* copy_parts(k, parent, task, thread, flags);
  if (error < 0) {
    yield* free_task(k, task);
    return error;
  }
  const pid = yield* k.alloc_struct_pid(yield* k.pid_ns_for_children(task));
  if (typeof pid === 'number') {
    yield* free_task(k, task);
    return pid;
  }
  const leader = thread ? (yield* READ_ONCE(parent.group_leader))! : task;
  const number = (yield* READ_ONCE(pid.numbers))!.items[1] as number;
  yield* WRITE_ONCE(task.thread_pid, pid);
  yield* WRITE_ONCE(task.pid, number);
  yield* WRITE_ONCE(task.tgid, thread ? yield* READ_ONCE(leader.pid) : number);
  yield* spin_lock(k.tasklist.lock);
  yield* WRITE_ONCE(task.group_leader, leader);
  if (thread) {
    yield* WRITE_ONCE(task.real_parent, yield* READ_ONCE(leader.real_parent));
    yield* list_add(leader.threads, task);
  } else {
    const above = (yield* READ_ONCE(parent.group_leader))!;
    yield* WRITE_ONCE(task.real_parent, above);
    yield* list_add(above.children, task);
    yield* list_add(task.threads, task);
    // The first one of a process namespace inherits the orphans there.
    if ((yield* READ_ONCE(pid.ns.child_reaper)) === null) {
      yield* WRITE_ONCE(pid.ns.child_reaper, task);
    }
  }
  yield* k.attach_pid(task, pid);
  yield* spin_unlock(k.tasklist.lock);
  return task;
}

/** Where the numbers of a task's children begin. */
export function* pid_ns_for_children(_k: FsKernel, task: TaskStruct): Task<Namespace> {
  const nsproxy = (yield* READ_ONCE(task.nsproxy))!;
  return (yield* READ_ONCE(nsproxy.ns[SLOT.pid_for_children]))!;
}

/** Drop a user of a place; the last one lets go of it. May sleep. Source: fs/fs_struct.c. */
export function* put_fs_struct(k: FsKernel, fs: FsStruct): Task<void> {
  if ((yield* atomic_fetch_add(fs.count, -1)) !== 1) return;
  yield* k.dput(yield* READ_ONCE(fs.root));
  yield* k.dput(yield* READ_ONCE(fs.pwd));
  yield* k.mntput((yield* READ_ONCE(fs.root_mnt))!);
  yield* k.mntput((yield* READ_ONCE(fs.pwd_mnt))!);
}
