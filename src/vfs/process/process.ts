/**
 * Life of processes: fork, threads, exit, wait, reap.
 *
 * Invariant: tasklist_lock orders every change of parents, children and exit_state; a task is a
 * zombie until its parent, or who inherited it, has waited for it, and only then its number is
 * free. Mirrors kernel/fork.c, kernel/exit.c and kernel/pid.c.
 */

import {
  atomic_fetch_add,
  await_until,
  E,
  kmem_cache_alloc,
  list_add,
  list_del,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  write,
  type List,
  type Task,
} from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { xa_load, xa_store } from '../platform/index.js';
import { EXIT, type FsStruct, type TaskStruct } from './structs.js';

/** Lowest process number that is given out again after the first round. */
const RESERVED_PIDS = 300;

/** A number for a task: the next one, cyclic. @returns 0 if all are in use. Source: kernel/pid.c. */
export function* alloc_pid_number(k: FsKernel, task: TaskStruct): Task<number> {
  const { pids } = k;
  yield* spin_lock(pids.lock);
  const table = yield* READ_ONCE(pids.table);
  let pid = (yield* READ_ONCE(pids.last)) + 1;
  let tries = 0;
  const first = Math.min(RESERVED_PIDS, pids.max - 1);
  while (tries <= pids.max && (pid > pids.max || xa_load(table, pid) !== null)) {
    pid = pid >= pids.max ? Math.min(first, 2) : pid + 1;
    tries += 1;
  }
  if (tries > pids.max) {
    yield* spin_unlock(pids.lock);
    return 0;
  }
  yield* WRITE_ONCE(pids.last, pid);
  yield* WRITE_ONCE(pids.table, xa_store(k, table, pid, task));
  yield* spin_unlock(pids.lock);
  return pid;
}

/** The task of a number, or null. Inside RCU or with what keeps the task. */
export function* find_task_by_pid(k: FsKernel, pid: number): Task<TaskStruct | null> {
  return xa_load(yield* READ_ONCE(k.pids.table), pid);
}

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

/**
 * A new process, or with `thread` a thread that shares files and place. May sleep.
 * @returns the task, or -EAGAIN without numbers, -ENOMEM. Source: kernel/fork.c, copy_process
 */
export function* copy_process(
  k: FsKernel,
  parent: TaskStruct,
  thread: boolean,
): Task<TaskStruct | number> {
  const task = yield* kmem_cache_alloc(k.task_cache);
  if (task === null) return -E.ENOMEM;
  const parent_files = (yield* READ_ONCE(parent.files))!;
  const parent_fs = (yield* READ_ONCE(parent.fs))!;
  let files = parent_files;
  let fs = parent_fs;
  if (thread) {
    yield* atomic_fetch_add(files.count, 1);
    yield* atomic_fetch_add(fs.count, 1);
  } else {
    files = (yield* k.dup_fd(parent_files)) ?? parent_files;
    fs = (yield* copy_fs(k, parent_fs)) ?? parent_fs;
    if (files === parent_files || fs === parent_fs) return -E.ENOMEM;
  }
  yield* write<unknown>(task.files, files);
  yield* write<unknown>(task.fs, fs);
  yield* write(task.uid, yield* READ_ONCE(parent.uid));
  yield* write(task.gid, yield* READ_ONCE(parent.gid));
  yield* write(task.rlimit_nofile, yield* READ_ONCE(parent.rlimit_nofile));
  const pid = yield* k.alloc_pid_number(task);
  if (pid === 0) {
    yield* k.put_files_struct(files);
    yield* k.put_fs_struct(fs);
    return -E.EAGAIN;
  }
  const leader = thread ? (yield* READ_ONCE(parent.group_leader))! : task;
  yield* WRITE_ONCE(task.pid, pid);
  yield* WRITE_ONCE(task.tgid, thread ? yield* READ_ONCE(leader.pid) : pid);
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
  }
  yield* spin_unlock(k.tasklist.lock);
  return task;
}

/** Drop a user of a place; the last one lets go of it. May sleep. Source: fs/fs_struct.c. */
export function* put_fs_struct(k: FsKernel, fs: FsStruct): Task<void> {
  if ((yield* atomic_fetch_add(fs.count, -1)) !== 1) return;
  yield* k.dput(yield* READ_ONCE(fs.root));
  yield* k.dput(yield* READ_ONCE(fs.pwd));
  yield* k.mntput((yield* READ_ONCE(fs.root_mnt))!);
  yield* k.mntput((yield* READ_ONCE(fs.pwd_mnt))!);
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
  yield* spin_lock(k.tasklist.lock);
  const leader = (yield* READ_ONCE(task.group_leader))!;
  yield* WRITE_ONCE(task.exit_code, code);
  yield* WRITE_ONCE(task.exit_state, task === leader ? EXIT.zombie : EXIT.dead);
  yield* list_del(leader.threads, task);
  if (task !== leader) yield* k.free_pid_number(task);
  const left: List<TaskStruct> | null = yield* READ_ONCE(leader.threads);
  const is_last = left === null || left.items.length === 0;
  if (is_last) {
    // Orphans are init's from now on.
    for (const child of (yield* READ_ONCE(leader.children)) ?? []) {
      yield* list_del(leader.children, child);
      yield* WRITE_ONCE(child.real_parent, k.init_task.task);
      yield* list_add(k.init_task.task!.children, child);
    }
  }
  yield* WRITE_ONCE(k.tasklist.exits, (yield* READ_ONCE(k.tasklist.exits)) + 1);
  yield* spin_unlock(k.tasklist.lock);
}

/** Let a number be given out again; tasklist_lock is held. */
export function* free_pid_number(k: FsKernel, task: TaskStruct): Task<void> {
  yield* spin_lock(k.pids.lock);
  const pid = yield* READ_ONCE(task.pid);
  yield* WRITE_ONCE(k.pids.table, xa_store(k, yield* READ_ONCE(k.pids.table), pid, null));
  yield* spin_unlock(k.pids.lock);
}

/** Options of wait4(2). */
export const WNOHANG = 1;

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
  if ((options & ~WNOHANG) !== 0) return -E.EINVAL;
  for (;;) {
    const seen = yield* READ_ONCE(k.tasklist.exits);
    yield* spin_lock(k.tasklist.lock);
    const leader = (yield* READ_ONCE(task.group_leader))!;
    let any = false;
    for (const child of (yield* READ_ONCE(leader.children)) ?? []) {
      const number = yield* READ_ONCE(child.pid);
      if (pid > 0 && number !== pid) continue;
      any = true;
      if ((yield* READ_ONCE(child.exit_state)) !== EXIT.zombie) continue;
      const threads = yield* READ_ONCE(child.threads);
      if (threads !== null && threads.items.length > 0) continue;
      yield* WRITE_ONCE(child.exit_state, EXIT.dead);
      yield* list_del(leader.children, child);
      yield* k.free_pid_number(child);
      const code = yield* READ_ONCE(child.exit_code);
      yield* spin_unlock(k.tasklist.lock);
      return k.list<number>([number, code]);
    }
    yield* spin_unlock(k.tasklist.lock);
    if (!any) return -E.ECHILD;
    if ((options & WNOHANG) !== 0) return 0;
    yield* await_until(k.tasklist.exits, (exits) => exits !== seen);
  }
}
