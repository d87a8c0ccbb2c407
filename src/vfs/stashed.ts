/**
 * Objects that own a stashed dentry: a process in pidfs, a namespace in nsfs.
 *
 * The cell `stashed` holds no reference. Invariant: it lives inside the object, so whoever touches
 * it must keep the object alive: openers hold a reference, and an inode holds one until its dentry
 * has been pruned. Mirrors struct pid and struct ns_common.
 */

import {
  cmpxchg,
  kmem_cache_alloc,
  kmem_cache_free,
  READ_ONCE,
  refcount_dec,
  refcount_inc,
  Struct,
  WARN,
  type Cell,
  type ErrPtr,
  type List,
  type Task,
} from '../machine/index.js';
import type { Dentry } from '../dcache/index.js';
import type { Inode } from './inode.js';
import type { VfsKernel } from './kernel.js';
import { ida_alloc, ida_free, ino_next } from './ino.js';

/** What path_from_stashed asks of a filesystem. */
export interface StashedOperations<T extends StashedObject> {
  /** Drop a reference on the object. May sleep. */
  readonly put_data: (k: never, data: T) => Task<void>;
  /** Fill in a private inode; it owns the caller's reference from here on. @returns 0 or -errno */
  readonly init_inode: (k: never, inode: Inode, data: T) => Task<number>;
  /** Stash a private dentry, if not as stash_dentry does. @returns as that, or an error pointer */
  readonly stash_dentry?: (
    k: never,
    stashed: Cell<Dentry | null>,
    dentry: Dentry,
  ) => Task<Dentry | ErrPtr>;
}

/** Open handles of one object, for the invariants; the kernel has no such list. */
export class Handles extends Struct {
  /** The dentries that are open now, once per handle, by number: the order of opening is gone. */
  readonly held = this.cell<List<Dentry> | null>('held', null);
  /** Stand for opening and for closing when steps are compared; hold nothing. */
  readonly opened = this.cell('opened', null);
  readonly closed = this.cell('closed', null);

  /** The dentries that are open now. For invariants, not for kernel code. */
  get open(): readonly Dentry[] {
    return this.held.value?.items ?? [];
  }

  constructor() {
    super('handles');
  }
}

export abstract class StashedObject extends Struct {
  readonly count = this.counter();
  readonly stashed = this.cell<Dentry | null>('stashed', null);
  readonly ino = this.cell('ino', 0);
  readonly handles: Handles;

  constructor(kind: string, handles: Handles) {
    super(kind);
    this.handles = handles;
  }

  /** The count of references; one that may be refused is a cell like others. */
  protected counter(): Cell<number> {
    return this.refcount('count', 1);
  }
}

/** struct pid, as far as pidfs is concerned. */
export class Pid extends StashedObject {
  constructor(handles: Handles) {
    super('pid', handles);
  }
}

/** struct ns_common, as far as nsfs is concerned. */
export class NsCommon extends StashedObject {
  constructor(handles: Handles) {
    super('ns', handles);
  }
}

/** A process's identity; the caller gets the one reference. @returns null without memory */
export function* alloc_pid(k: VfsKernel, handles: Handles): Task<Pid | null> {
  const pid = yield* kmem_cache_alloc(k.pid_cache, handles);
  if (pid === null) return null;
  yield* cmpxchg(pid.ino, 0, yield* ino_next(k.pidfs_ino));
  return pid;
}

/** A namespace; the caller gets the one reference. @returns null without memory or numbers */
export function* alloc_ns(k: VfsKernel, handles: Handles): Task<NsCommon | null> {
  const ns = yield* kmem_cache_alloc(k.ns_cache, handles);
  if (ns === null) return null;
  const inum = yield* ida_alloc(k.ns_ida);
  if (inum < 0) {
    yield* kmem_cache_free(ns);
    return null;
  }
  yield* cmpxchg(ns.ino, 0, inum);
  return ns;
}

/** Add a reference; the caller knows that the object is alive. Source: include/linux/pid.h. */
export function* get_data(_k: VfsKernel, data: StashedObject): Task<void> {
  if (!(yield* refcount_inc(data.count))) {
    yield* WARN('refcount_t: addition on 0; use-after-free');
  }
}

/** Drop a reference on a pid; the last one frees it. Never sleeps. Source: kernel/pid.c. */
export function* put_pid(_k: VfsKernel, pid: Pid): Task<void> {
  const left = yield* refcount_dec(pid.count);
  if (left === 0) {
    if ((yield* READ_ONCE(pid.stashed)) !== null)
      yield* WARN('WARNING: pid freed with a stashed dentry');
    yield* kmem_cache_free(pid);
  } else if (left < 0) {
    yield* WARN('refcount_t: underflow; use-after-free');
  }
}

/** Drop a reference on a namespace; the last one frees it and its number. May sleep. */
export function* put_ns(k: VfsKernel, ns: NsCommon): Task<void> {
  const left = yield* refcount_dec(ns.count);
  if (left === 0) {
    const inum = yield* READ_ONCE(ns.ino);
    yield* kmem_cache_free(ns);
    yield* ida_free(k.ns_ida, inum);
  } else if (left < 0) {
    yield* WARN('refcount_t: underflow; use-after-free');
  }
}
