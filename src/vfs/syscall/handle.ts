/**
 * File handles: names of files of pidfs and nsfs that are no references.
 *
 * Invariant: a handle opens only what is still there and can be seen from where the caller stands;
 * everything else is one error, ESTALE, so that a handle tells nothing. Mirrors fs/fhandle.c,
 * fs/exportfs/expfs.c, fs/pidfs.c and fs/nsfs.c.
 */

import { E, READ_ONCE, type List, type Task } from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { Inode } from '../inode.js';
import { CLONE, NS_TYPES, type Namespace } from '../ns/structs.js';
import type { PidStruct } from '../pidfs/structs.js';
import type { File, TaskStruct } from '../process/structs.js';
import { filename_lookup } from '../walk/namei.js';
import { LOOKUP } from '../walk/nameidata.js';
import { O } from './flags.js';

/** Descriptors and flags of the *at calls. */
export const AT = {
  FDCWD: -100,
  SYMLINK_FOLLOW: 0x400,
  EMPTY_PATH: 0x1000,
  HANDLE_FID: 0x200,
  HANDLE_CONNECTABLE: 2,
  HANDLE_MNT_ID_UNIQUE: 1,
} as const;

/** Stand for the root of pidfs and of nsfs where a descriptor is wanted. */
export const FD_PIDFS_ROOT = -10002;
export const FD_NSFS_ROOT = -10003;

/** Types of handles. */
export const FILEID = { KERNFS: 0xfe, NSFS: 0xf1 } as const;

const NAME_FLAGS =
  AT.SYMLINK_FOLLOW |
  AT.EMPTY_PATH |
  AT.HANDLE_FID |
  AT.HANDLE_MNT_ID_UNIQUE |
  AT.HANDLE_CONNECTABLE;

const O_LARGEFILE = 0o100000;
const O_DIRECT = 0o40000;
const PIDFS_FLAGS = O.ACCMODE | O.NONBLOCK | O.CLOEXEC | O.EXCL | O_LARGEFILE;

/**
 * name_to_handle_at(2).
 * @returns type and three numbers; -EINVAL for other flags, -EBADF, -ENOTDIR for a name below what is
 *          no directory, -ENOENT, -EOPNOTSUPP where there are no handles
 */
export function* sys_name_to_handle_at(
  k: FsKernel,
  task: TaskStruct,
  dirfd: number,
  path: string,
  flags: number,
): Task<List<number> | number> {
  if ((flags & ~NAME_FLAGS) !== 0) return -E.EINVAL;
  // Connectable handles name the parent, which these files have none of.
  const connectable = (flags & AT.HANDLE_CONNECTABLE) !== 0;
  if (connectable && (flags & (AT.EMPTY_PATH | AT.HANDLE_FID)) !== 0) return -E.EINVAL;
  if (path === '' && (flags & AT.EMPTY_PATH) === 0) return -E.ENOENT;
  if (dirfd === AT.FDCWD || path.startsWith('/')) {
    const follow = (flags & AT.SYMLINK_FOLLOW) === 0 ? 0 : LOOKUP.FOLLOW;
    const nd = yield* filename_lookup(k, task, path === '' ? '.' : path, follow);
    if (typeof nd === 'number') return nd;
    const handle = connectable ? -E.EOPNOTSUPP : yield* k.exportfs_encode_fh(nd.inode);
    yield* k.dput(nd.dentry);
    yield* k.mntput(nd.mnt);
    return handle;
  }
  const file = yield* k.fget_raw((yield* READ_ONCE(task.files))!, dirfd);
  if (file === null) return -E.EBADF;
  let handle: List<number> | number = -E.ENOTDIR;
  if (path === '')
    handle = connectable
      ? -E.EOPNOTSUPP
      : yield* k.exportfs_encode_fh((yield* READ_ONCE(file.f_inode))!);
  yield* k.fput(file);
  return handle;
}

/** Type and three numbers of an inode's handle. @returns -EOPNOTSUPP of other filesystems */
export function* exportfs_encode_fh(k: FsKernel, inode: Inode): Task<List<number> | number> {
  if (inode.i_sb !== k.pidfs && inode.i_sb !== k.nsfs) return -E.EOPNOTSUPP;
  const data = yield* READ_ONCE(inode.i_private);
  if (data === null) return -E.EOPNOTSUPP;
  if (inode.i_sb === k.pidfs) {
    const id = yield* READ_ONCE((data as PidStruct).ino);
    return k.list<number>([FILEID.KERNFS, id, 0, 0]);
  }
  const ns = data as Namespace;
  const id = yield* READ_ONCE(ns.ns_id);
  return k.list<number>([FILEID.NSFS, id, ns.ns_type, yield* READ_ONCE(ns.ino)]);
}

/** May the task see every namespace there is? Source: kernel/nscommon.c. */
export function* may_see_all_namespaces(k: FsKernel, task: TaskStruct): Task<boolean> {
  const first = yield* k.init_ns(CLONE.NEWPID);
  return (yield* k.task_active_pid_ns(task)) === first && (yield* k.capable(task));
}

/** Is it the task's own namespace of that type? Source: kernel/nscommon.c. */
export function* is_current_namespace(k: FsKernel, task: TaskStruct, ns: Namespace): Task<boolean> {
  if (ns.ns_type === CLONE.NEWUSER) return ns === (yield* READ_ONCE(task.user_ns));
  if (ns.ns_type === CLONE.NEWPID) return ns === (yield* k.task_active_pid_ns(task));
  const { slot } = NS_TYPES.find(({ flag }) => flag === ns.ns_type)!;
  const nsproxy = (yield* READ_ONCE(task.nsproxy))!;
  return ns === (yield* READ_ONCE(nsproxy.ns[slot]));
}

/** The namespace of a handle with a reference, or null. Enters RCU. Source: fs/nsfs.c. */
export function* nsfs_fh_to_ns(
  k: FsKernel,
  task: TaskStruct,
  id: number,
  ns_type: number,
  inum: number,
): Task<Namespace | null> {
  // Both, or neither.
  if ((ns_type === 0) !== (inum === 0)) return null;
  yield* k.rcu_read_lock();
  let ns = yield* k.ns_tree_lookup_rcu(id);
  if (ns !== null && ns_type !== 0) {
    if (ns.ns_type !== ns_type || (yield* READ_ONCE(ns.ino)) !== inum) ns = null;
  }
  // A namespace that nobody uses cannot be brought back by its name alone.
  if (ns !== null && !(yield* k.ns_get_unless_inactive(ns))) ns = null;
  yield* k.rcu_read_unlock();
  if (ns === null) return null;
  const visible =
    (yield* k.may_see_all_namespaces(task)) || (yield* k.is_current_namespace(task, ns));
  if (visible) return ns;
  yield* k.put_ns(ns);
  return null;
}

/** What open(2) would say to these flags on a file of nsfs, which nobody may write. */
function nsfs_flags_error(flags: number): number {
  if ((flags & O_DIRECT) !== 0 || (flags & O.TMPFILE & ~O.DIRECTORY) !== 0) return -E.EINVAL;
  if ((flags & O.DIRECTORY) !== 0) return -E.ENOTDIR;
  return (flags & (O.ACCMODE | O.TRUNC)) === 0 ? 0 : -E.EPERM;
}

/** The file of a handle of pidfs. Source: fs/pidfs.c, pidfs_fh_to_dentry. */
function* open_pid(k: FsKernel, task: TaskStruct, flags: number, id: number): Task<File | number> {
  if ((flags & ~PIDFS_FLAGS) !== 0) return -E.EINVAL;
  const pid = yield* k.pidfs_ino_get_pid(id);
  if (pid === null) return -E.ESTALE;
  const seen = (yield* k.pid_nr_ns(pid, yield* k.task_active_pid_ns(task))) !== 0;
  const file = seen ? yield* k.pidfs_alloc_file(pid, flags & (O.NONBLOCK | O.EXCL)) : -E.ESTALE;
  yield* k.put_pid(pid);
  // Of all that may go wrong only one is not the handle's fault.
  const fault = typeof file !== 'number' || file === -E.ENOMEM || file === -E.ENFILE;
  return fault ? file : -E.ESTALE;
}

/** Which filesystem a descriptor stands for: of pidfs, of nsfs, of another one, or -EBADF. */
function* anchor_of(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
): Task<'pidfs' | 'nsfs' | 'other' | number> {
  if (fd === FD_PIDFS_ROOT) return 'pidfs';
  if (fd === FD_NSFS_ROOT) return 'nsfs';
  if (fd === AT.FDCWD) return 'other';
  const file = yield* k.fget_raw((yield* READ_ONCE(task.files))!, fd);
  if (file === null) return -E.EBADF;
  const { i_sb } = (yield* READ_ONCE(file.f_inode))!;
  yield* k.fput(file);
  if (i_sb === k.pidfs) return 'pidfs';
  return i_sb === k.nsfs ? 'nsfs' : 'other';
}

/**
 * open_by_handle_at(2).
 * @param mountfd a descriptor of that filesystem, FD_PIDFS_ROOT or FD_NSFS_ROOT
 * @returns a descriptor; -ESTALE for what is gone or not to be seen, -EBADF, -EINVAL, -EPERM,
 *          -ENOTDIR, -EOPNOTSUPP. May sleep.
 */
export function* sys_open_by_handle_at(
  k: FsKernel,
  task: TaskStruct,
  mountfd: number,
  flags: number,
  type: number,
  id: number,
  ns_type: number,
  inum: number,
): Task<number> {
  const anchor = yield* anchor_of(k, task, mountfd);
  if (typeof anchor === 'number') return anchor;
  if (anchor === 'other') return -E.EOPNOTSUPP;
  if (type !== (anchor === 'pidfs' ? FILEID.KERNFS : FILEID.NSFS)) return -E.ESTALE;
  const bad = anchor === 'nsfs' ? nsfs_flags_error(flags) : 0;
  if (bad < 0) return bad;
  const fd = yield* k.alloc_fd(task, 0, (flags & O.CLOEXEC) !== 0);
  if (fd < 0) return fd;
  let file: File | number = -E.ESTALE;
  if (anchor === 'pidfs') file = yield* open_pid(k, task, flags, id);
  else {
    const ns = yield* k.nsfs_fh_to_ns(task, id, ns_type, inum);
    if (ns !== null) file = yield* k.nsfs_alloc_file(ns, flags & O.NONBLOCK);
  }
  const files = (yield* READ_ONCE(task.files))!;
  if (typeof file === 'number') {
    yield* k.put_unused_fd(files, fd);
    return file;
  }
  yield* k.fd_install(files, fd, file);
  return fd;
}

/** v6.9 had no handles of these files. */
export function* no_handle(): Task<number> {
  return -E.EOPNOTSUPP;
}

/** A call that v6.9 did not have. */
export function* no_call(): Task<number> {
  return -E.ENOSYS;
}
