/**
 * Mounting: a procfs on a directory, and a process or a namespace, which is a single file, on a file.
 * Mirrors fs/namespace.c.
 */

import {
  atomic_fetch_add,
  E,
  IS_ERR,
  kmem_cache_alloc,
  list_add,
  raw_write_seqcount_begin,
  raw_write_seqcount_end,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  write,
  WRITE_ONCE,
  type Task,
} from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import { S_ISDIR } from '../tmpfs/inode.js';
import type { FsInode, FsSuper } from '../tmpfs/structs.js';
import type { Mount } from '../walk/mount.js';
import { filename_lookup } from '../walk/namei.js';
import { LOOKUP, type Nameidata } from '../walk/nameidata.js';
import { AT } from './handle.js';
import { O } from './flags.js';

/** mount(2), of a procfs that shows the caller's process namespace. @returns 0 or -errno */
export function* sys_mount_proc(k: FsKernel, task: TaskStruct, path: string): Task<number> {
  if (!(yield* k.ns_capable(task, (yield* READ_ONCE(task.user_ns))!))) return -E.EPERM;
  const nd = yield* filename_lookup(k, task, path, LOOKUP.FOLLOW | LOOKUP.DIRECTORY);
  if (typeof nd === 'number') return nd;
  const root = yield* k.proc_fill_super(task);
  let error = IS_ERR(root) ? root.errno : 0;
  if (!IS_ERR(root)) {
    const mount = yield* k.do_mount(root.d_sb as never, root, nd.mnt, nd.dentry);
    if (typeof mount === 'number') error = mount;
  }
  yield* k.dput(nd.dentry);
  yield* k.mntput(nd.mnt);
  return error;
}

/** Flags of open_tree(2). */
export const OPEN_TREE = { CLONE: 1, CLOEXEC: O.CLOEXEC } as const;

/** A copy of a mount that is mounted nowhere yet; takes its own references. Source: clone_mnt. */
export function* clone_mnt(k: FsKernel, from: Mount, root: Dentry): Task<Mount | null> {
  const mount = yield* kmem_cache_alloc(k.mount_cache, from.mnt_sb);
  if (mount === null) return null;
  yield* atomic_fetch_add((from.mnt_sb as FsSuper).s_active, 1);
  yield* k.dget(root);
  yield* write<Dentry | null>(mount.mnt_root, root);
  yield* write(mount.detached, true);
  return mount;
}

/** Where a descriptor, or a path, stands, with references. @returns -EBADF and errors of the walk */
function* place_of(
  k: FsKernel,
  task: TaskStruct,
  dirfd: number,
  path: string,
  flags: number,
): Task<Pick<Nameidata, 'mnt' | 'dentry'> | number> {
  if (path !== '' || dirfd === AT.FDCWD) {
    return yield* filename_lookup(k, task, path, LOOKUP.FOLLOW);
  }
  if ((flags & AT.EMPTY_PATH) === 0) return -E.ENOENT;
  const file = yield* k.fget_raw((yield* READ_ONCE(task.files))!, dirfd);
  if (file === null) return -E.EBADF;
  const mnt = (yield* READ_ONCE(file.f_mnt))!;
  const dentry = (yield* READ_ONCE(file.f_dentry))!;
  yield* k.mntget(mnt);
  yield* k.dget(dentry);
  yield* k.fput(file);
  return { mnt, dentry };
}

/**
 * open_tree(2) with OPEN_TREE_CLONE: a descriptor for a mount of its own, of what the path, or the
 * descriptor with AT_EMPTY_PATH, stands for. May sleep.
 * @returns a descriptor; -EINVAL for other flags, -EPERM, -EBADF, -ENOMEM
 */
export function* sys_open_tree(
  k: FsKernel,
  task: TaskStruct,
  dirfd: number,
  path: string,
  flags: number,
): Task<number> {
  const known = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.EMPTY_PATH;
  if ((flags & ~known) !== 0 || (flags & OPEN_TREE.CLONE) === 0) return -E.EINVAL;
  if (!(yield* k.ns_capable(task, (yield* READ_ONCE(task.user_ns))!))) return -E.EPERM;
  const place = yield* place_of(k, task, dirfd, path, flags);
  if (typeof place === 'number') return place;
  const { mnt, dentry } = place;
  const mount = k.may_bind(mnt.mnt_sb) ? yield* k.clone_mnt(mnt, dentry) : null;
  const denied = k.may_bind(mnt.mnt_sb) ? -E.ENOMEM : -E.EINVAL;
  yield* k.mntput(mnt);
  if (mount === null) {
    yield* k.dput(dentry);
    return denied;
  }
  const fd = yield* k.alloc_fd(task, 0, (flags & OPEN_TREE.CLOEXEC) !== 0);
  const file = fd < 0 ? fd : yield* k.alloc_empty_file(O.PATH);
  if (typeof file === 'number') {
    if (fd >= 0) yield* k.put_unused_fd((yield* READ_ONCE(task.files))!, fd);
    yield* k.dput(dentry);
    yield* k.mntput(mount);
    return file;
  }
  const inode = (yield* READ_ONCE(dentry.d_inode)) as FsInode;
  yield* k.do_dentry_open(file, mount, dentry, inode);
  yield* k.fd_install((yield* READ_ONCE(task.files))!, fd, file);
  return fd;
}

/**
 * move_mount(2), from a descriptor of open_tree(2) to a path. May sleep.
 * @returns 0; -EINVAL if it is mounted already, or file and directory do not fit; -EPERM, -EBADF
 */
export function* sys_move_mount(
  k: FsKernel,
  task: TaskStruct,
  from: number,
  to: string,
): Task<number> {
  if (!(yield* k.ns_capable(task, (yield* READ_ONCE(task.user_ns))!))) return -E.EPERM;
  const file = yield* k.fget_raw((yield* READ_ONCE(task.files))!, from);
  if (file === null) return -E.EBADF;
  const nd = yield* filename_lookup(k, task, to, LOOKUP.FOLLOW);
  let error = typeof nd === 'number' ? nd : 0;
  if (typeof nd !== 'number') {
    const mount = (yield* READ_ONCE(file.f_mnt))!;
    error = yield* attach(k, mount, nd);
    yield* k.dput(nd.dentry);
    yield* k.mntput(nd.mnt);
  }
  yield* k.fput(file);
  return error;
}

/** Source: fs/namespace.c, attach_recursive_mnt, of a single mount. */
function* attach(k: FsKernel, mount: Mount, { mnt, dentry, inode }: Nameidata): Task<number> {
  const root = (yield* READ_ONCE(mount.mnt_root))!;
  const top = (yield* READ_ONCE(root.d_inode)) as FsInode;
  if (!(yield* READ_ONCE(mount.detached))) return -E.EINVAL;
  if (S_ISDIR(yield* READ_ONCE(top.i_mode)) !== S_ISDIR(yield* READ_ONCE(inode.i_mode))) {
    return -E.ENOTDIR;
  }
  const marked = yield* k.d_set_mounted(dentry);
  if (marked < 0 && marked !== -E.EBUSY) return marked;
  yield* k.mntget(mnt);
  yield* k.dget(dentry);
  yield* k.mntget(mount);
  yield* spin_lock(k.mount_table.lock);
  yield* raw_write_seqcount_begin(k.mount_table.seq);
  yield* WRITE_ONCE(mount.mnt_parent, mnt);
  yield* WRITE_ONCE(mount.mnt_mountpoint, dentry);
  yield* WRITE_ONCE(mount.detached, false);
  yield* list_add(k.mount_table.mounts, mount);
  yield* raw_write_seqcount_end(k.mount_table.seq);
  yield* spin_unlock(k.mount_table.lock);
  return 0;
}
