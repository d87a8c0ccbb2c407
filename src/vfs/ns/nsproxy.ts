/**
 * Which namespaces a task is in: at fork, by unshare and by setns.
 *
 * Invariant: an nsproxy and the credentials of a task hold a reference on each of their namespaces,
 * and are one of its users. Mirrors kernel/nsproxy.c and kernel/user_namespace.c.
 */

import {
  atomic_fetch_add,
  E,
  kmem_cache_alloc,
  kmem_cache_free,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  write,
  WRITE_ONCE,
  type List,
  type Task,
} from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import { CLONE, CLONE_NEW_ALL, NS_TYPES, type NsProxy, SLOT, type Namespace } from './structs.js';

const CLONE_FS = 0x200;
const NSPROXY_FLAGS = CLONE_NEW_ALL & ~CLONE.NEWUSER;

/**
 * May the task do what only the superuser of a user namespace may? One that made a user namespace
 * may do anything in those below. Source: security/commoncap.c, cap_capable.
 */
export function* ns_capable(_k: FsKernel, task: TaskStruct, target: Namespace): Task<boolean> {
  const own = (yield* READ_ONCE(task.user_ns))!;
  for (let ns: Namespace = target; ; ns = (yield* READ_ONCE(ns.parent))!) {
    if (ns === own) return yield* READ_ONCE(task.caps);
    if (ns.level <= own.level) return false;
    if (
      (yield* READ_ONCE(ns.parent)) === own &&
      (yield* READ_ONCE(ns.owner_uid)) === (yield* READ_ONCE(task.uid))
    ) {
      return true;
    }
  }
}

/** {@link ns_capable} in the initial user namespace. */
export function* capable(k: FsKernel, task: TaskStruct): Task<boolean> {
  return yield* k.ns_capable(task, yield* k.init_ns(CLONE.NEWUSER));
}

/** The process namespace that a task's own number is in. Source: kernel/pid.c. */
export function* task_active_pid_ns(_k: FsKernel, task: TaskStruct): Task<Namespace> {
  return (yield* READ_ONCE(task.thread_pid))!.ns;
}

/** Take a user namespace into a task's credentials; takes over the reference. */
export function* install_user_ns(k: FsKernel, task: TaskStruct, ns: Namespace): Task<void> {
  const old = yield* READ_ONCE(task.user_ns);
  yield* k.ns_ref_active_get(ns);
  yield* WRITE_ONCE(task.user_ns, ns);
  yield* WRITE_ONCE(task.caps, true);
  if (old === null) return;
  yield* k.ns_ref_active_put(old);
  yield* k.put_ns(old);
}

/**
 * A user namespace below the task's own, of which it will be the superuser. May sleep.
 * @returns -ENOSPC above 32 levels, -ENOMEM. Source: kernel/user_namespace.c
 */
export function* create_user_ns(k: FsKernel, task: TaskStruct): Task<Namespace | number> {
  const parent = (yield* READ_ONCE(task.user_ns))!;
  const ns = yield* k.ns_common_init(CLONE.NEWUSER, null, parent);
  if (typeof ns !== 'number') yield* write(ns.owner_uid, yield* READ_ONCE(task.uid));
  return ns;
}

/**
 * The namespaces of `from`, with new ones where the flags say so. May sleep.
 * @returns an nsproxy with one reference; -EINVAL, -ENOSPC, -ENOMEM. Source: kernel/nsproxy.c
 */
export function* create_new_namespaces(
  k: FsKernel,
  flags: number,
  task: TaskStruct,
  user_ns: Namespace,
  from: NsProxy,
): Task<NsProxy | number> {
  // Numbers of processes nest: who has gone astray from its own namespace makes none.
  const active = yield* k.task_active_pid_ns(task);
  const for_children = yield* READ_ONCE(from.ns[SLOT.pid_for_children]);
  if ((flags & CLONE.NEWPID) !== 0 && for_children !== active) return -E.EINVAL;
  const nsproxy = yield* kmem_cache_alloc(k.nsproxy_cachep);
  if (nsproxy === null) return -E.ENOMEM;
  let error = 0;
  for (const { flag, slot } of NS_TYPES) {
    if (slot < 0 || error < 0) continue;
    const place = flag === CLONE.NEWTIME ? SLOT.time_for_children : slot;
    let ns: Namespace | number = (yield* READ_ONCE(from.ns[place]))!;
    if ((flags & flag) !== 0) {
      ns = yield* k.ns_common_init(flag, user_ns, flag === CLONE.NEWPID ? active : null);
    } else yield* k.get_data(ns);
    if (typeof ns === 'number') error = ns;
    else yield* write<Namespace | null>(nsproxy.ns[place], ns);
  }
  if (error === 0) {
    const time = (yield* READ_ONCE(from.ns[SLOT.time]))!;
    yield* k.get_data(time);
    yield* write<Namespace | null>(nsproxy.ns[SLOT.time], time);
    for (let slot = 0; slot < nsproxy.ns.length; slot += 1) {
      yield* k.ns_ref_active_get((yield* READ_ONCE(nsproxy.ns[slot]))!);
    }
    return nsproxy;
  }
  for (let slot = 0; slot < nsproxy.ns.length; slot += 1) {
    const ns = yield* READ_ONCE(nsproxy.ns[slot]);
    if (ns !== null) yield* k.put_ns(ns);
  }
  yield* kmem_cache_free(nsproxy);
  return error;
}

/** Drop a user of an nsproxy; the last one lets go of the namespaces. May sleep. */
export function* put_nsproxy(k: FsKernel, nsproxy: NsProxy): Task<void> {
  if ((yield* atomic_fetch_add(nsproxy.count, -1)) !== 1) return;
  for (let slot = 0; slot < nsproxy.ns.length; slot += 1) {
    const ns = (yield* READ_ONCE(nsproxy.ns[slot]))!;
    yield* k.ns_ref_active_put(ns);
    yield* k.put_ns(ns);
  }
  yield* kmem_cache_free(nsproxy);
}

/** Go on with other namespaces, or none at the end; takes over the reference. May sleep. */
export function* switch_task_namespaces(
  k: FsKernel,
  task: TaskStruct,
  nsproxy: NsProxy | null,
): Task<void> {
  yield* spin_lock(task.alloc_lock);
  const old = yield* READ_ONCE(task.nsproxy);
  yield* WRITE_ONCE(task.nsproxy, nsproxy);
  yield* spin_unlock(task.alloc_lock);
  if (old !== null) yield* k.put_nsproxy(old);
}

/** The namespaces of a task that may be ending, with a reference, or null. */
export function* get_nsproxy(_k: FsKernel, task: TaskStruct): Task<NsProxy | null> {
  // The reference is taken before the owner can let go of its own.
  yield* spin_lock(task.alloc_lock);
  const nsproxy = yield* READ_ONCE(task.nsproxy);
  if (nsproxy !== null) yield* atomic_fetch_add(nsproxy.count, 1);
  yield* spin_unlock(task.alloc_lock);
  return nsproxy;
}

/**
 * Namespaces for a new task, whose credentials are set. May sleep.
 * @returns 0, -EPERM, -EINVAL, -ENOSPC, -ENOMEM. Source: kernel/nsproxy.c
 */
export function* copy_namespaces(
  k: FsKernel,
  flags: number,
  parent: TaskStruct,
  child: TaskStruct,
): Task<number> {
  const old = (yield* READ_ONCE(parent.nsproxy))!;
  const user_ns = (yield* READ_ONCE(child.user_ns))!;
  const time = yield* READ_ONCE(old.ns[SLOT.time]);
  const later = yield* READ_ONCE(old.ns[SLOT.time_for_children]);
  if ((flags & NSPROXY_FLAGS) === 0 && time === later) {
    yield* atomic_fetch_add(old.count, 1);
    yield* WRITE_ONCE(child.nsproxy, old);
    return 0;
  }
  if ((flags & NSPROXY_FLAGS) !== 0 && !(yield* k.ns_capable(child, user_ns))) return -E.EPERM;
  const made = yield* k.create_new_namespaces(flags, parent, user_ns, old);
  if (typeof made === 'number') return made;
  // A child begins where its parent said that children do.
  const now = (yield* READ_ONCE(made.ns[SLOT.time]))!;
  const begins = (yield* READ_ONCE(made.ns[SLOT.time_for_children]))!;
  if (now !== begins) {
    yield* k.get_data(begins);
    yield* k.ns_ref_active_get(begins);
    yield* WRITE_ONCE(made.ns[SLOT.time], begins);
    yield* k.ns_ref_active_put(now);
    yield* k.put_ns(now);
  }
  yield* WRITE_ONCE(child.nsproxy, made);
  return 0;
}

/** Is the task alone in its process? */
function* is_single(task: TaskStruct): Task<boolean> {
  const leader = (yield* READ_ONCE(task.group_leader))!;
  const threads = yield* READ_ONCE(leader.threads);
  return threads === null || threads.items.length <= 1;
}

/**
 * unshare(2), as far as it makes namespaces. May sleep.
 * @returns 0; -EINVAL for other flags, or with threads where that may not be; -EPERM, -ENOSPC
 */
export function* sys_unshare(k: FsKernel, task: TaskStruct, flags: number): Task<number> {
  if ((flags & ~(CLONE_NEW_ALL | CLONE_FS)) !== 0) return -E.EINVAL;
  if ((flags & CLONE.NEWUSER) !== 0 && !(yield* is_single(task))) return -E.EINVAL;
  const old = (yield* READ_ONCE(task.nsproxy))!;
  let user_ns: Namespace | number = (yield* READ_ONCE(task.user_ns))!;
  if ((flags & CLONE.NEWUSER) !== 0) user_ns = yield* k.create_user_ns(task);
  if (typeof user_ns === 'number') return user_ns;
  const fresh = (flags & CLONE.NEWUSER) !== 0;
  let error = 0;
  let made: NsProxy | number | null = null;
  if ((flags & NSPROXY_FLAGS) !== 0) {
    if (fresh || (yield* k.ns_capable(task, user_ns))) {
      made = yield* k.create_new_namespaces(flags, task, user_ns, old);
      if (typeof made === 'number') error = made;
    } else error = -E.EPERM;
  }
  if (error < 0) {
    if (fresh) yield* k.put_ns(user_ns);
    return error;
  }
  if (fresh) yield* k.install_user_ns(task, user_ns);
  if (made !== null) yield* k.switch_task_namespaces(task, made as NsProxy);
  return 0;
}

/** May the task enter this namespace? @returns 0, -EINVAL, -EPERM. Source: each type's install */
function* may_install(
  k: FsKernel,
  task: TaskStruct,
  ns: Namespace,
  user_ns: Namespace,
  caps: boolean,
): Task<number> {
  // In the user namespace that is entered at the same time the task will have every capability.
  const holds = function* (target: Namespace): Task<boolean> {
    if (caps && target === user_ns) return true;
    return yield* k.ns_capable(task, target);
  };
  if (ns.ns_type === CLONE.NEWUSER) {
    if (ns === (yield* READ_ONCE(task.user_ns))) return -E.EINVAL;
    if (!(yield* is_single(task))) return -E.EINVAL;
    return (yield* k.ns_capable(task, ns)) ? 0 : -E.EPERM;
  }
  const owner = (yield* READ_ONCE(ns.user_ns))!;
  if (ns.ns_type === CLONE.NEWTIME && !(yield* is_single(task))) return -E.EINVAL;
  if (!(yield* holds(owner)) || !(yield* holds(user_ns))) return -E.EPERM;
  if (ns.ns_type !== CLONE.NEWPID) return 0;
  // Only down: a process must not get away from those that see it.
  const active = yield* k.task_active_pid_ns(task);
  if (ns.level < active.level) return -E.EINVAL;
  let above: Namespace = ns;
  while (above.level > active.level) above = (yield* READ_ONCE(above.parent))!;
  return above === active ? 0 : -E.EINVAL;
}

/**
 * Enter namespaces, all or none. May sleep.
 * @returns 0, -EINVAL, -EPERM, -ENOMEM. Source: kernel/nsproxy.c, validate_nsset and commit_nsset
 */
export function* setns_all(k: FsKernel, task: TaskStruct, list: List<Namespace>): Task<number> {
  const to = list.items;
  const entered = to.find(({ ns_type }) => ns_type === CLONE.NEWUSER) ?? null;
  const user_ns = entered ?? (yield* READ_ONCE(task.user_ns))!;
  for (const ns of to) {
    const error = yield* may_install(k, task, ns, user_ns, entered !== null);
    if (error < 0) return error;
  }
  const others = to.filter((ns) => ns !== entered);
  if (others.length > 0) {
    const old = (yield* READ_ONCE(task.nsproxy))!;
    const made = yield* k.create_new_namespaces(0, task, user_ns, old);
    if (typeof made === 'number') return made;
    for (const ns of others) {
      for (const { flag, slot } of NS_TYPES) {
        if (flag !== ns.ns_type) continue;
        yield* replace(k, made, slot, ns);
        if (flag === CLONE.NEWTIME) yield* replace(k, made, SLOT.time_for_children, ns);
      }
    }
    yield* k.switch_task_namespaces(task, made);
  }
  if (entered !== null) {
    yield* k.get_data(entered);
    yield* k.install_user_ns(task, entered);
  }
  return 0;
}

function* replace(k: FsKernel, nsproxy: NsProxy, slot: number, ns: Namespace): Task<void> {
  const old = (yield* READ_ONCE(nsproxy.ns[slot]))!;
  if (old === ns) return;
  yield* k.get_data(ns);
  yield* k.ns_ref_active_get(ns);
  yield* WRITE_ONCE(nsproxy.ns[slot], ns);
  yield* k.ns_ref_active_put(old);
  yield* k.put_ns(old);
}
