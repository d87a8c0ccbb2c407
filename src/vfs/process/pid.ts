/**
 * Process numbers: one in each process namespace from a task's own up to the first.
 *
 * Invariant: a number is in a table from before its task can be found to after nobody finds it, so it
 * is not given out twice; the memory of a pid outlives a grace period, for those that looked it up.
 * Mirrors kernel/pid.c.
 */

import {
  E,
  kmem_cache_alloc,
  kmem_cache_free,
  READ_ONCE,
  refcount_dec,
  refcount_inc,
  spin_lock,
  spin_unlock,
  WARN,
  write,
  WRITE_ONCE,
  type Task,
} from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { Namespace } from '../ns/structs.js';
import { xa_load, xa_store } from '../platform/index.js';
import type { PidStruct } from '../pidfs/structs.js';
import type { Pid } from '../stashed.js';
import type { TaskStruct } from './structs.js';

/** Lowest process number that is given out again after the first round. */
const RESERVED_PIDS = 300;

/** The next number in one namespace, cyclic; pidmap_lock is held. @returns 0 if all are in use */
function* next_number(k: FsKernel, ns: Namespace): Task<number> {
  const { max } = k.pids;
  const table = yield* READ_ONCE(ns.table);
  const last = yield* READ_ONCE(ns.last);
  const min = last > RESERVED_PIDS ? RESERVED_PIDS : 1;
  for (let pid = last + 1; pid <= max; pid += 1) if (xa_load(table, pid) === null) return pid;
  for (let pid = min; pid <= last; pid += 1) if (xa_load(table, pid) === null) return pid;
  return 0;
}

/**
 * An identity in a namespace and those above it, with one reference. May sleep.
 * @returns -EAGAIN without numbers, -ENOMEM, also if the namespace has ended. Source: kernel/pid.c,
 *          alloc_pid
 */
export function* alloc_struct_pid(k: FsKernel, ns: Namespace): Task<PidStruct | number> {
  const pid = yield* kmem_cache_alloc(k.pid_cachep, k.no_handles, ns);
  if (pid === null) return -E.ENOMEM;
  const error = yield* k.pidfs_prepare_pid(pid);
  if (error < 0) {
    yield* kmem_cache_free(pid);
    return error;
  }
  const up: Namespace[] = [];
  for (let at: Namespace | null = ns; at !== null; at = yield* READ_ONCE(at.parent)) up.unshift(at);
  const numbers: (Namespace | number)[] = [];
  yield* spin_lock(k.pids.lock);
  let failed = (yield* READ_ONCE(ns.dying)) ? -E.ENOMEM : 0;
  for (const at of up) {
    if (failed < 0) break;
    const number = yield* next_number(k, at);
    if (number === 0) failed = -E.EAGAIN;
    else {
      numbers.push(at, number);
      yield* WRITE_ONCE(at.last, number);
      yield* WRITE_ONCE(at.table, xa_store(k, yield* READ_ONCE(at.table), number, pid));
    }
  }
  yield* write(pid.numbers, k.list<Namespace | number>(numbers));
  if (failed === 0) yield* k.pidfs_add_pid(pid);
  else yield* remove_numbers(k, pid);
  yield* spin_unlock(k.pids.lock);
  if (failed < 0) {
    yield* kmem_cache_free(pid);
    return failed;
  }
  yield* k.get_data(ns);
  yield* k.ns_ref_active_get(ns);
  return pid;
}

function* remove_numbers(k: FsKernel, pid: PidStruct): Task<void> {
  const { items } = (yield* READ_ONCE(pid.numbers))!;
  for (let i = 0; i < items.length; i += 2) {
    const { table } = items[i] as Namespace;
    yield* WRITE_ONCE(table, xa_store(k, yield* READ_ONCE(table), items[i + 1] as number, null));
  }
}

function* delayed_put_pid(k: FsKernel, pid: PidStruct): Task<void> {
  yield* k.put_pid(pid);
}

/** Let the numbers be given out again, and drop the task's reference. Source: kernel/pid.c. */
export function* free_pid(k: FsKernel, pid: PidStruct): Task<void> {
  yield* spin_lock(k.pids.lock);
  yield* remove_numbers(k, pid);
  yield* k.pidfs_remove_pid(pid);
  yield* spin_unlock(k.pids.lock);
  yield* k.ns_ref_active_put(pid.ns);
  // Who looked it up inside RCU may take a reference still.
  yield* k.call_rcu(pid, delayed_put_pid);
}

/** Drop a reference; the last one frees it. May sleep. Source: kernel/pid.c. */
export function* put_pid(k: FsKernel, data: Pid): Task<void> {
  const pid = data as PidStruct;
  const left = yield* refcount_dec(pid.count);
  if (left > 0) return;
  if (left < 0) {
    yield* WARN('refcount_t: underflow; use-after-free');
    return;
  }
  yield* k.pidfs_free_pid(pid);
  const { ns } = pid;
  yield* kmem_cache_free(pid);
  yield* k.put_ns(ns);
}

/** The pid of a number in a namespace with a reference, or null. Enters RCU. Source: kernel/pid.c. */
export function* find_get_pid(k: FsKernel, nr: number, ns: Namespace): Task<PidStruct | null> {
  yield* k.rcu_read_lock();
  const pid = xa_load(yield* READ_ONCE(ns.table), nr);
  if (pid !== null && !(yield* refcount_inc(pid.count))) yield* WARN('pid without a reference');
  yield* k.rcu_read_unlock();
  return pid;
}

/** The number of a pid in a namespace, 0 if it has none there. Source: kernel/pid.c. */
export function* pid_nr_ns(_k: FsKernel, pid: PidStruct, ns: Namespace): Task<number> {
  const { items } = (yield* READ_ONCE(pid.numbers))!;
  const at = ns.level * 2;
  return items[at] === ns ? (items[at + 1] as number) : 0;
}

/** A task's number, or its process's, as `reader` sees it. Source: kernel/pid.c. */
export function* task_nr(k: FsKernel, task: TaskStruct, reader: TaskStruct): Task<number> {
  const pid = yield* READ_ONCE(task.thread_pid);
  return pid === null ? 0 : yield* k.pid_nr_ns(pid, yield* k.task_active_pid_ns(reader));
}

/** Show a task under its pid. tasklist_lock is held. Source: kernel/pid.c. */
export function* attach_pid(_k: FsKernel, task: TaskStruct, pid: PidStruct): Task<void> {
  if ((yield* READ_ONCE(task.group_leader)) === task) yield* WRITE_ONCE(pid.task_tgid, task);
  yield* WRITE_ONCE(pid.task_pid, task);
}
