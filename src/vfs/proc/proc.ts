/**
 * procfs, as far as it leads to processes, their namespaces and their descriptors.
 *
 * Nothing of it is ever in the dentry hash: each look-up asks anew, so nothing has to be revalidated
 * when a process ends. Links jump: they lead to an object and not to a name. Mirrors fs/proc/base.c,
 * fs/proc/namespaces.c and fs/proc/fd.c.
 */

import {
  atomic_fetch_add,
  E,
  ERR_PTR,
  IS_ERR,
  kmem_cache_alloc,
  READ_ONCE,
  write,
  type ErrPtr,
  type List,
  type Task,
} from '../../machine/index.js';
import { name_of, type Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { Inode } from '../inode.js';
import { CLONE, NS_TYPES, SLOT, type Namespace } from '../ns/structs.js';
import type { PidStruct } from '../pidfs/structs.js';
import { bytes_of, page_write, xa_entries, PAGE_SIZE } from '../platform/index.js';
import type { File, TaskStruct } from '../process/structs.js';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../tmpfs/inode.js';
import type { Mount } from '../walk/mount.js';
import { ProcInode, ProcSuper, type ProcWhat } from './structs.js';

/** Names in /proc/PID/ns: of every type, and of what children get. */
const NS_NAMES = [...NS_TYPES.map(({ name }) => name), 'pid_for_children', 'time_for_children'];

const DIR = S_IFDIR | 0o555;
const LINK = S_IFLNK | 0o777;
const MODES: Readonly<Record<ProcWhat, number>> = {
  root: DIR,
  self: LINK,
  pid: DIR,
  ns: S_IFDIR | 0o511,
  'ns-link': LINK,
  fd: S_IFDIR | 0o500,
  'fd-link': LINK,
  fdinfo: S_IFDIR | 0o555,
  text: S_IFREG | 0o444,
};

/** An inode of procfs; takes its own reference on the process. @returns null without memory */
export function* proc_new_inode(
  k: FsKernel,
  sb: ProcSuper,
  what: ProcWhat,
  number: number,
  pid: PidStruct | null,
): Task<ProcInode | null> {
  const inode = yield* kmem_cache_alloc(k.proc_inode_cache, sb, what, number);
  if (inode === null) return null;
  if (pid !== null) yield* k.get_data(pid);
  yield* write<PidStruct | null>(inode.pid, pid);
  yield* k.fill_inode(inode, (yield* atomic_fetch_add(sb.s_last_ino, 1)) + 1, MODES[what]);
  return inode;
}

/** Let go of the process. May sleep. */
export function* proc_evict_inode(k: FsKernel, inode: ProcInode): Task<void> {
  const pid = yield* READ_ONCE(inode.pid);
  yield* k.clear_inode(inode);
  if (pid !== null) yield* k.put_pid(pid);
}

/** The open file of a task under a number, with a reference, or null. */
function* file_of(k: FsKernel, task: TaskStruct, fd: number): Task<File | null> {
  const files = yield* READ_ONCE(task.files);
  return files === null ? null : yield* k.fget_raw(files, fd);
}

/** What a name in a directory of procfs is: an inode, or -ENOENT, -ENOMEM. */
function* child_of(k: FsKernel, dir: ProcInode, name: string): Task<ProcInode | number> {
  const sb = dir.i_sb as ProcSuper;
  const number = /^(0|[1-9]\d*)$/u.test(name) ? Number(name) : -1;
  const made = function* (
    what: ProcWhat,
    value: number,
    about: PidStruct | null,
  ): Task<ProcInode | number> {
    return (yield* k.proc_new_inode(sb, what, value, about)) ?? -E.ENOMEM;
  };
  if (dir.what === 'root') {
    if (name === 'self') return yield* made('self', 0, null);
    const pid = number <= 0 ? null : yield* k.find_get_pid(number, sb.viewer);
    if (pid === null) return -E.ENOENT;
    const alive = (yield* k.get_pid_task(pid)) !== null;
    const inode = alive ? yield* made('pid', number, pid) : -E.ENOENT;
    yield* k.put_pid(pid);
    return inode;
  }
  const pid = (yield* READ_ONCE(dir.pid))!;
  const task = yield* k.get_pid_task(pid);
  if (task === null) return -E.ENOENT;
  if (dir.what === 'pid') {
    return name === 'ns' || name === 'fd' || name === 'fdinfo'
      ? yield* made(name, 0, pid)
      : -E.ENOENT;
  }
  if (dir.what === 'ns') {
    const at = NS_NAMES.indexOf(name);
    return at < 0 ? -E.ENOENT : yield* made('ns-link', at, pid);
  }
  const file = number < 0 ? null : yield* file_of(k, task, number);
  if (file === null) return -E.ENOENT;
  const inode = yield* made(dir.what === 'fd' ? 'fd-link' : 'text', number, pid);
  if (typeof inode !== 'number' && dir.what === 'fdinfo') {
    const text = bytes_of(yield* k.show_fdinfo(sb.viewer, file));
    yield* write(inode.i_size, text.length);
    const end = Math.min(text.length, PAGE_SIZE);
    yield* write(inode.i_pages, page_write(k, null, 0, 0, text, 0, end));
  }
  yield* k.fput(file);
  return inode;
}

/**
 * Look a name up in procfs: the dentry is new, and gone with its last user. May sleep.
 * @returns -ENOENT, also for what there cannot be; -ENOMEM. Source: fs/proc/base.c
 */
export function* proc_lookup(k: FsKernel, parent: Dentry, name: string): Task<Dentry | number> {
  const dir = (yield* READ_ONCE(parent.d_inode)) as ProcInode;
  const inode = yield* child_of(k, dir, name);
  if (typeof inode === 'number') return inode;
  const dentry = yield* k.d_alloc(parent, name);
  if (dentry === null) {
    yield* k.iput(inode);
    return -E.ENOMEM;
  }
  yield* k.d_instantiate(dentry, inode);
  return dentry;
}

/** The namespace behind a name in /proc/PID/ns, with a reference, or null once the task has ended. */
function* ns_at(k: FsKernel, task: TaskStruct, at: number): Task<Namespace | null> {
  if (at === NS_TYPES.length) return yield* k.task_ns(task, SLOT.pid_for_children);
  if (at > NS_TYPES.length) return yield* k.task_ns(task, SLOT.time_for_children);
  const { flag, slot } = NS_TYPES[at];
  const own = flag === CLONE.NEWUSER || flag === CLONE.NEWPID;
  return own ? yield* k.task_own_ns(task, flag) : yield* k.task_ns(task, slot);
}

/**
 * Where a link of procfs leads. May sleep.
 * @returns a place with references, a path, or -EACCES, -ENOENT, -ESRCH. Source: fs/proc/base.c
 */
export function* proc_get_link(
  k: FsKernel,
  task: TaskStruct,
  inode: ProcInode,
): Task<List<Mount | Dentry> | string | number> {
  const sb = inode.i_sb as ProcSuper;
  if (inode.what === 'self') return yield* self_of(k, task, sb);
  const other = yield* k.get_pid_task((yield* READ_ONCE(inode.pid))!);
  if (other === null) return -E.ESRCH;
  if (!(yield* k.ptrace_may_access(task, other))) return -E.EACCES;
  if (inode.what === 'ns-link') {
    const ns = yield* ns_at(k, other, inode.number);
    if (ns === null) return -E.ENOENT;
    const dentry = yield* k.path_from_stashed(ns.stashed, k.nsfs, ns);
    if (IS_ERR(dentry)) return dentry.errno;
    yield* k.mntget(k.nsfs_mnt);
    return k.list<Mount | Dentry>([k.nsfs_mnt, dentry]);
  }
  const file = yield* file_of(k, other, inode.number);
  if (file === null) return -E.ENOENT;
  const mnt = (yield* READ_ONCE(file.f_mnt))!;
  const dentry = (yield* READ_ONCE(file.f_dentry))!;
  yield* k.mntget(mnt);
  yield* k.dget(dentry);
  yield* k.fput(file);
  return k.list<Mount | Dentry>([mnt, dentry]);
}

/** The caller's number in the namespace of a procfs. @returns -ENOENT if it has none there */
function* self_of(k: FsKernel, task: TaskStruct, sb: ProcSuper): Task<string | number> {
  const leader = (yield* READ_ONCE(task.group_leader))!;
  const nr = yield* k.pid_nr_ns((yield* READ_ONCE(leader.thread_pid))!, sb.viewer);
  return nr === 0 ? -E.ENOENT : String(nr);
}

/** What readlink(2) says of a link of procfs. Source: fs/proc/base.c, fs/proc/namespaces.c. */
export function* proc_readlink(
  k: FsKernel,
  task: TaskStruct,
  inode: ProcInode,
): Task<string | number> {
  if (inode.what === 'self') return yield* self_of(k, task, inode.i_sb as ProcSuper);
  const place = yield* k.proc_get_link(task, inode);
  if (typeof place !== 'object') return place;
  const [mnt, dentry] = place.items as [Mount, Dentry];
  const text = yield* k.d_path(mnt, dentry);
  yield* k.path_put(place);
  return text;
}

/** A place as a text; `(deleted)` follows what has no name any more. Source: fs/d_path.c. */
export function* d_path(k: FsKernel, from: Mount, place: Dentry): Task<string> {
  const inode = yield* READ_ONCE(place.d_inode);
  const sb: unknown = place.d_sb;
  if (sb === k.pidfs) return yield* k.pidfs_dname(inode as Inode);
  if (sb === k.nsfs) {
    return yield* k.ns_dname((yield* READ_ONCE((inode as Inode).i_private)) as Namespace);
  }
  let dentry = place;
  let mnt = from;
  let path = '';
  for (;;) {
    if (dentry === (yield* READ_ONCE(mnt.mnt_root))) {
      const mountpoint = yield* READ_ONCE(mnt.mnt_mountpoint);
      const parent = yield* READ_ONCE(mnt.mnt_parent);
      if (mountpoint === null || parent === null) break;
      dentry = mountpoint;
      mnt = parent;
      continue;
    }
    path = `/${name_of(yield* READ_ONCE(dentry.d_name))}${path}`;
    dentry = (yield* READ_ONCE(dentry.d_parent))!;
  }
  const gone = !(sb instanceof ProcSuper) && (yield* k.d_unhashed(place));
  const is_root = place === (yield* READ_ONCE(from.mnt_root));
  return gone && !is_root ? `${path} (deleted)` : path === '' ? '/' : path;
}

/** Names, numbers and modes of a directory of procfs, in a row. Source: fs/proc/base.c. */
export function* proc_iterate(k: FsKernel, dir: ProcInode): Task<List<string | number> | number> {
  const entries: (string | number)[] = [];
  const add = (name: string, what: ProcWhat): void => {
    entries.push(name, entries.length / 3 + 1, MODES[what]);
  };
  if (dir.what === 'root') {
    add('self', 'self');
    const { viewer } = dir.i_sb as ProcSuper;
    for (const [nr, pid] of xa_entries(yield* READ_ONCE(viewer.table))) {
      if ((yield* READ_ONCE(pid.task_tgid)) !== null) add(String(nr), 'pid');
    }
    return k.list(entries);
  }
  const task = yield* k.get_pid_task((yield* READ_ONCE(dir.pid))!);
  if (task === null) return -E.ENOENT;
  if (dir.what === 'pid') for (const name of ['ns', 'fd', 'fdinfo'] as const) add(name, name);
  else if (dir.what === 'ns') for (const name of NS_NAMES) add(name, 'ns-link');
  else {
    const files = yield* READ_ONCE(task.files);
    const table = files === null ? null : yield* READ_ONCE(files.fd);
    for (const [fd] of xa_entries(table)) add(String(fd), dir.what === 'fd' ? 'fd-link' : 'text');
  }
  return k.list(entries);
}

/** The process whose directory in procfs a file is, or null. Source: fs/proc/base.c. */
export function* tgid_pidfd_to_pid(_k: FsKernel, file: File): Task<PidStruct | null> {
  const inode = yield* READ_ONCE(file.f_inode);
  if (!(inode instanceof ProcInode) || inode.what !== 'pid') return null;
  return yield* READ_ONCE(inode.pid);
}

/** The root of a new procfs, which shows the namespace of the caller. May sleep. */
export function* proc_fill_super(k: FsKernel, task: TaskStruct): Task<Dentry | ErrPtr> {
  const viewer = yield* k.task_active_pid_ns(task);
  const sb = yield* kmem_cache_alloc(k.proc_super_cache, viewer);
  if (sb === null) return ERR_PTR(-E.ENOMEM);
  const inode = yield* k.proc_new_inode(sb, 'root', 0, null);
  if (inode === null) return ERR_PTR(-E.ENOMEM);
  return (yield* k.d_make_root(sb, inode)) ?? ERR_PTR(-E.ENOMEM);
}
