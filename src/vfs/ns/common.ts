/**
 * Life of namespaces: numbers, references, and who still uses one.
 *
 * Invariant: a namespace is in the tree from before it has its first user until its last reference
 * goes; who finds it there may use it only if it is active, and takes both references. Mirrors
 * kernel/nscommon.c, kernel/nstree.c and the number rules of fs/nsfs.c.
 */

import {
  atomic_fetch_add,
  cmpxchg_loop,
  kmem_cache_alloc,
  kmem_cache_free,
  READ_ONCE,
  refcount_dec,
  spin_lock,
  spin_unlock,
  WARN,
  write,
  WRITE_ONCE,
  E,
  type List,
  type Task,
} from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { xa_entries, xa_load, xa_store } from '../platform/index.js';
import type { NsCommon } from '../stashed.js';
import { CLONE, NS_TYPES, type LowestFree, type Namespace } from './structs.js';

/** Deepest hierarchy of user and process namespaces. */
const MAX_LEVEL = 32;

/** The lowest free number. Never sleeps. Source: lib/idr.c, ida_alloc_min. */
export function* ida_alloc_min(k: FsKernel, ida: LowestFree): Task<number> {
  yield* spin_lock(ida.lock);
  const used = yield* READ_ONCE(ida.used);
  let id = Math.max(ida.first, yield* READ_ONCE(ida.hint));
  while (xa_load(used, id) !== null) id += 1;
  yield* WRITE_ONCE(ida.used, xa_store(k, used, id, 1));
  yield* WRITE_ONCE(ida.hint, id + 1);
  yield* spin_unlock(ida.lock);
  return id;
}

/** Give a number back; the next caller gets it. Never sleeps. Source: lib/idr.c. */
export function* ida_free_min(k: FsKernel, ida: LowestFree, id: number): Task<void> {
  yield* spin_lock(ida.lock);
  yield* WRITE_ONCE(ida.used, xa_store(k, yield* READ_ONCE(ida.used), id, null));
  if (id < (yield* READ_ONCE(ida.hint))) yield* WRITE_ONCE(ida.hint, id);
  yield* spin_unlock(ida.lock);
}

/**
 * A new namespace with one reference and no user; takes references of its own on owner and parent.
 * May sleep. @returns -ENOSPC above 32 levels, -ENOMEM. Source: kernel/nscommon.c
 */
export function* ns_common_init(
  k: FsKernel,
  ns_type: number,
  user_ns: Namespace | null,
  parent: Namespace | null,
): Task<Namespace | number> {
  const level = parent === null ? 0 : parent.level + 1;
  if (level > MAX_LEVEL) return -E.ENOSPC;
  const ns = yield* kmem_cache_alloc(k.ns_cachep, k.no_handles, ns_type, level, false);
  if (ns === null) return -E.ENOMEM;
  yield* write(ns.ino, yield* k.ida_alloc_min(k.proc_inum_ida));
  if (user_ns !== null) yield* k.get_data(user_ns);
  if (parent !== null) yield* k.get_data(parent);
  yield* write<Namespace | null>(ns.user_ns, user_ns);
  yield* write<Namespace | null>(ns.parent, parent);
  yield* k.ns_tree_add(ns);
  return ns;
}

/** Give a namespace its ns_id, and show it to those that look for it. Source: kernel/nstree.c. */
export function* ns_tree_add(k: FsKernel, ns: Namespace): Task<void> {
  const { lock, by_id, last_id } = k.ns_tree;
  const id = (yield* atomic_fetch_add(last_id, 1)) + 1;
  yield* write(ns.ns_id, id);
  yield* spin_lock(lock);
  yield* WRITE_ONCE(by_id, xa_store(k, yield* READ_ONCE(by_id), id, ns));
  yield* spin_unlock(lock);
}

/** Nobody finds it from here on but those inside RCU. Source: kernel/nstree.c. */
export function* ns_tree_remove(k: FsKernel, ns: Namespace): Task<void> {
  const { lock, by_id } = k.ns_tree;
  const id = yield* READ_ONCE(ns.ns_id);
  yield* spin_lock(lock);
  yield* WRITE_ONCE(by_id, xa_store(k, yield* READ_ONCE(by_id), id, null));
  yield* spin_unlock(lock);
}

/** The namespace of an ns_id, without a reference, or null. Inside RCU. Source: kernel/nstree.c. */
export function* ns_tree_lookup_rcu(k: FsKernel, id: number): Task<Namespace | null> {
  return xa_load(yield* READ_ONCE(k.ns_tree.by_id), id);
}

/**
 * A reference on a namespace found in the tree, unless nobody uses it any more: it may come back to
 * life only through an object that holds it. Never sleeps. Source: include/linux/ns_common.h.
 */
export function* ns_get_unless_inactive(_k: FsKernel, ns: Namespace): Task<boolean> {
  if ((yield* READ_ONCE(ns.active)) === 0) return false;
  const was = yield* cmpxchg_loop(ns.count, (old) => (old > 0 ? old + 1 : undefined));
  return was > 0;
}

/** Who owns a namespace: a user namespace, or null above the first one. */
export function* ns_owner(_k: FsKernel, ns: Namespace): Task<Namespace | null> {
  return yield* READ_ONCE(ns.ns_type === CLONE.NEWUSER ? ns.parent : ns.user_ns);
}

/**
 * One user more. The first one makes the owner have one more, too, and so on up to whoever was in
 * use before. Never sleeps. Source: kernel/nscommon.c, __ns_ref_active_get.
 */
export function* ns_ref_active_get(k: FsKernel, from: Namespace): Task<void> {
  let ns: Namespace | null = from;
  while (ns !== null && !ns.initial) {
    if ((yield* atomic_fetch_add(ns.active, 1)) > 0) return;
    ns = yield* k.ns_owner(ns);
  }
}

/** One user less; the last one is one less for the owner. Source: kernel/nscommon.c. */
export function* ns_ref_active_put(k: FsKernel, from: Namespace): Task<void> {
  let ns: Namespace | null = from;
  while (ns !== null && !ns.initial) {
    const was = yield* atomic_fetch_add(ns.active, -1);
    if (was < 1) yield* WARN('WARNING: namespace used by less than nobody');
    if (was > 1) return;
    ns = yield* k.ns_owner(ns);
  }
}

/** v6.9 knew no users, only references. */
export function* ns_ref_active_none(_k: FsKernel, _ns: Namespace): Task<void> {}

function* free_ns_rcu(_k: FsKernel, ns: Namespace): Task<void> {
  yield* kmem_cache_free(ns);
}

/** Drop a reference; the last one ends the namespace and frees its number. May sleep. */
export function* put_ns(k: FsKernel, common: NsCommon): Task<void> {
  const ns = common as Namespace;
  const left = yield* refcount_dec(ns.count);
  if (left > 0) return;
  if (left < 0) {
    yield* WARN('refcount_t: underflow; use-after-free');
    return;
  }
  yield* k.ns_tree_remove(ns);
  yield* k.ida_free_min(k.proc_inum_ida, yield* READ_ONCE(ns.ino));
  const user_ns = yield* READ_ONCE(ns.user_ns);
  const parent = yield* READ_ONCE(ns.parent);
  // Whoever looks for it by number may be looking at it now.
  yield* k.call_rcu(ns, free_ns_rcu);
  if (parent !== null) yield* k.put_ns(parent);
  if (user_ns !== null) yield* k.put_ns(user_ns);
}

/** The namespaces that the kernel begins with: used for ever. `fixed`: all their numbers are. */
export function* init_namespaces(k: FsKernel, fixed: boolean): Task<void> {
  const initial: Namespace[] = [];
  for (const { flag, inum, id, early } of NS_TYPES) {
    const ns = (yield* kmem_cache_alloc(k.ns_cachep, k.no_handles, flag, 0, true))!;
    yield* write(ns.ino, early || fixed ? inum : yield* k.ida_alloc_min(k.proc_inum_ida));
    yield* write(ns.ns_id, id);
    yield* write(ns.active, 1);
    if (initial.length > 0) yield* write<Namespace | null>(ns.user_ns, initial[0]);
    initial.push(ns);
  }
  yield* write(k.ns_tree.initial, k.list<Namespace>(initial));
  let tree = yield* READ_ONCE(k.ns_tree.by_id);
  for (const ns of initial) tree = xa_store(k, tree, yield* READ_ONCE(ns.ns_id), ns);
  yield* write(k.ns_tree.by_id, tree);
  yield* write(k.ns_tree.last_id, INIT_LAST_ID);
}

/** Ids up to here are the initial namespaces' and reserved. */
const INIT_LAST_ID = 9;

/** The initial namespace of a type. */
export function* init_ns(k: FsKernel, flag: number): Task<Namespace> {
  const { items } = (yield* READ_ONCE(k.ns_tree.initial))!;
  return items[NS_TYPES.findIndex((each) => each.flag === flag)];
}

/** Every namespace in the order of ns_id; inside RCU. */
export function* ns_tree_all(k: FsKernel): Task<List<Namespace>> {
  return k.list(xa_entries(yield* READ_ONCE(k.ns_tree.by_id)).map(([, ns]) => ns));
}
