/**
 * Inodes of pidfs, their numbers, and the record of a process that outlives it.
 *
 * Invariant: the number of a process never changes, however often its inode comes and goes. A record
 * is made before the first dentry is stashed, or never: who is reaped without one is marked, under
 * the same lock, and cannot be opened any more. Mirrors fs/pidfs.c.
 */

import {
  atomic_fetch_or,
  E,
  ERR_PTR,
  IS_ERR,
  kmem_cache_alloc,
  kmem_cache_free,
  READ_ONCE,
  smp_mb,
  smp_processor_id,
  smp_wmb,
  spin_lock,
  spin_unlock,
  WARN,
  write,
  WRITE_ONCE,
  type ErrPtr,
  type Task,
} from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { S_IFREG, type Inode } from '../inode.js';
import { ino_next } from '../ino.js';
import type { Stash } from '../libfs.js';
import { xa_load, xa_store } from '../platform/index.js';
import type { TaskStruct } from '../process/structs.js';
import type { Pid, StashedOperations } from '../stashed.js';
import { PIDFS_ATTR_EXIT, PIDFS_PID_DEAD, type PidfsAttr, type PidStruct } from './structs.js';

const TWO_32 = 2 ** 32;

/** Give a pid its id, which never comes back. pidmap_lock is not held. Source: fs/pidfs.c, v7.3. */
export function* pidfs_prepare_pid(k: FsKernel, pid: PidStruct): Task<number> {
  const cpus = k.pidfs_cookie.last.length;
  const cpu = (yield* smp_processor_id()) % cpus;
  yield* write(pid.ino, yield* k.gen_cookie_next(k.pidfs_cookie, cpu));
  return 0;
}

/** Show a pid to those that look for its id. pidmap_lock is held. Source: fs/pidfs.c, v7.3. */
export function* pidfs_add_pid(k: FsKernel, pid: PidStruct): Task<void> {
  const { by_id } = k.pidfs_ids;
  yield* WRITE_ONCE(by_id, xa_store(k, yield* READ_ONCE(by_id), yield* READ_ONCE(pid.ino), pid));
}

/** Nobody finds a pid by its id from here on but those inside RCU. pidmap_lock is held. */
export function* pidfs_remove_pid(k: FsKernel, pid: PidStruct): Task<void> {
  const { by_id } = k.pidfs_ids;
  yield* WRITE_ONCE(by_id, xa_store(k, yield* READ_ONCE(by_id), yield* READ_ONCE(pid.ino), null));
}

/** v6.9 counted up from the reserved process numbers, under pidmap_lock, and had no ids to look up. */
export function* pidfs_add_pid_v6_9(k: FsKernel, pid: PidStruct): Task<void> {
  yield* write(pid.ino, yield* ino_next(k.pidfs_ino));
}

/** v6.9 had nothing to do before pidmap_lock is held. */
export function* pidfs_prepare_pid_v6_9(_k: FsKernel, _pid: PidStruct): Task<number> {
  return 0;
}

/** v6.9 had no ids to look up. */
export function* pidfs_remove_pid_v6_9(_k: FsKernel, _pid: PidStruct): Task<void> {}

/** A pid without references is freed: nothing may be stashed in it. Source: fs/pidfs.c. */
export function* pidfs_free_pid(_k: FsKernel, pid: PidStruct): Task<void> {
  if ((yield* READ_ONCE(pid.stashed)) !== null) {
    yield* WARN('WARNING: pid freed with a stashed dentry');
  }
  const attr = yield* READ_ONCE(pid.attr);
  if (attr !== null && !IS_ERR(attr)) yield* kmem_cache_free(attr);
}

/**
 * See to it that a process leaves a record. May sleep.
 * @returns 0, -ESRCH if it was reaped without, -ENOMEM. Source: fs/pidfs.c, v6.17
 */
export function* pidfs_register_pid(k: FsKernel, pid: PidStruct): Task<number> {
  const known = yield* READ_ONCE(pid.attr);
  if (IS_ERR(known)) return known.errno;
  if (known !== null) return 0;
  const attr = yield* kmem_cache_alloc(k.pidfs_attr_cachep);
  if (attr === null) return -E.ENOMEM;
  yield* spin_lock(pid.wait_pidfd);
  // Whoever holds this lock decides: a record, or none for ever.
  const now = yield* READ_ONCE(pid.attr);
  if (now === null) yield* WRITE_ONCE(pid.attr, attr as PidfsAttr | ErrPtr | null);
  yield* spin_unlock(pid.wait_pidfd);
  if (now === null) return 0;
  yield* kmem_cache_free(attr);
  return IS_ERR(now) ? now.errno : 0;
}

/** Before a dentry is stashed there is a record. @returns an error pointer if there cannot be. */
export function* pidfs_stash_dentry(
  k: FsKernel,
  stashed: Stash,
  dentry: Dentry,
): Task<Dentry | ErrPtr> {
  const inode = (yield* READ_ONCE(dentry.d_inode)) as Inode;
  const error = yield* k.pidfs_register_pid((yield* READ_ONCE(inode.i_private)) as PidStruct);
  return error < 0 ? ERR_PTR(error) : yield* k.stash_dentry(stashed, dentry);
}

/**
 * A task is about to be unhashed: write down how it ended, or that nobody will ever know.
 * Source: fs/pidfs.c, v7.3.
 */
export function* pidfs_exit(k: FsKernel, task: TaskStruct): Task<void> {
  const pid = (yield* READ_ONCE(task.thread_pid))!;
  yield* spin_lock(pid.wait_pidfd);
  const attr = yield* READ_ONCE(pid.attr);
  if (attr === null) yield* WRITE_ONCE(pid.attr, PIDFS_PID_DEAD as PidfsAttr | ErrPtr | null);
  yield* spin_unlock(pid.wait_pidfd);
  if (attr === null || IS_ERR(attr)) return;
  yield* WRITE_ONCE(attr.cgroupid, CGROUP_ROOT);
  yield* WRITE_ONCE(attr.exit_code, yield* k.exit_code_of(task));
  // Pairs with the barrier between the bit and the record in pidfd_info().
  yield* smp_wmb();
  yield* atomic_fetch_or(attr.mask, PIDFS_ATTR_EXIT);
  // Who finds no task finds the bit: pairs with the barrier after get_pid_task().
  yield* smp_mb();
}

/** v6.9 wrote nothing down. */
export function* pidfs_exit_v6_9(_k: FsKernel, _task: TaskStruct): Task<void> {}

/** Every process is in the first control group. */
export const CGROUP_ROOT = 1;

/** Fill in the inode; it takes over the caller's reference on the pid. Source: fs/pidfs.c, v7.3. */
export function* pidfs_init_inode(k: FsKernel, inode: Inode, data: Pid): Task<number> {
  yield* write<unknown>(inode.i_private, data);
  const id = yield* READ_ONCE(data.ino);
  if (k.word_size === 64) {
    yield* k.fill_inode(inode, id, S_IFREG | 0o700);
    return 0;
  }
  // The low half may repeat: the generation tells two of them apart.
  yield* k.fill_inode(inode, id % TWO_32, S_IFREG | 0o700);
  yield* write(inode.i_generation, Math.floor(id / TWO_32));
  return 0;
}

/** v6.9 on 32 bit gave each inode the lowest free number. Source: fs/pidfs.c, v6.9. */
export function* pidfs_init_inode_v6_9(k: FsKernel, inode: Inode, data: Pid): Task<number> {
  yield* write<unknown>(inode.i_private, data);
  const ino =
    k.word_size === 64 ? yield* READ_ONCE(data.ino) : yield* k.ida_alloc_min(k.pidfs_inum_ida);
  yield* k.fill_inode(inode, ino, S_IFREG | 0o700);
  return 0;
}

/** v6.9 on 32 bit gave the number back with the inode, while others may look at it still. */
export function* pidfs_evict_inode_v6_9(k: FsKernel, inode: Inode): Task<void> {
  yield* k.clear_inode(inode);
  if (k.word_size === 32) yield* k.ida_free_min(k.pidfs_inum_ida, yield* READ_ONCE(inode.i_ino));
  yield* k.put_inode_data(inode);
}

/** The pid of an id with a reference, or null if it is none or has been reaped. Enters RCU. */
export function* pidfs_ino_get_pid(k: FsKernel, id: number): Task<PidStruct | null> {
  yield* k.rcu_read_lock();
  const pid = xa_load(yield* READ_ONCE(k.pidfs_ids.by_id), id);
  let alive = false;
  if (pid !== null) {
    const attr = yield* READ_ONCE(pid.attr);
    alive =
      attr !== null && !IS_ERR(attr) && ((yield* READ_ONCE(attr.mask)) & PIDFS_ATTR_EXIT) === 0;
    if (alive) yield* k.get_data(pid);
  }
  yield* k.rcu_read_unlock();
  return alive ? pid : null;
}

/** What path_from_stashed asks of pidfs from v6.17 on. */
export const pidfs_attr_stashed_ops: StashedOperations<Pid> = {
  put_data: (k: FsKernel, pid: Pid) => k.put_pid(pid),
  init_inode: (k: FsKernel, inode: Inode, pid: Pid) => k.pidfs_init_inode(inode, pid),
  stash_dentry: (k: FsKernel, stashed: Stash, dentry: Dentry) =>
    k.pidfs_stash_dentry(stashed, dentry),
};
