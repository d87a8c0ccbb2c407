/**
 * Opening: by name, with every flag that decides what happens to the last component.
 * Mirrors fs/open.c and the last part of fs/namei.c.
 */

import { E, READ_ONCE, WRITE_ONCE, write, type Task } from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import { S_IFREG, S_ISDIR, S_ISLNK } from '../tmpfs/inode.js';
import { down_write, super_of, up_write, type FsInode } from '../tmpfs/structs.js';
import { filename_lookup, link_path_walk, path_error } from '../walk/namei.js';
import { LOOKUP, put_nd, type Nameidata } from '../walk/nameidata.js';
import { may_create, MAY_EXEC, MAY_READ, MAY_WRITE } from '../walk/permission.js';
import { O } from './flags.js';

const PERMISSIONS = 0o7777;
const PATH_FLAGS = O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;
const TMPFILE_BIT = 0o20000000;
const MAXSYMLINKS = 40;

function access_of(flags: number): number {
  if ((flags & O.PATH) !== 0) return 0;
  const accmode = flags & O.ACCMODE;
  let mask =
    accmode === O.RDONLY ? MAY_READ : accmode === O.WRONLY ? MAY_WRITE : MAY_READ | MAY_WRITE;
  if ((flags & O.TRUNC) !== 0) mask |= MAY_WRITE;
  return mask;
}

/**
 * open(2).
 * @param mode permission bits of a file that is made, before the umask
 * @returns a descriptor, or -errno. May sleep.
 */
export function* sys_open(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  how: number,
  mode: number,
): Task<number> {
  // Who wants only the place has no use for the rest.
  const flags = (how & O.PATH) === 0 ? how : how & (O.PATH | PATH_FLAGS);
  const tmpfile = (flags & TMPFILE_BIT) !== 0;
  if (tmpfile && ((flags & O.DIRECTORY) === 0 || (access_of(flags) & MAY_WRITE) === 0)) {
    return -E.EINVAL;
  }
  if ((flags & O.CREAT) !== 0 && (flags & O.DIRECTORY) !== 0 && !tmpfile) return -E.EINVAL;
  const bad = path_error(k, path);
  if (bad < 0) return bad;
  const fd = yield* k.alloc_fd(task, 0, (flags & O.CLOEXEC) !== 0);
  if (fd < 0) return fd;
  const files = (yield* READ_ONCE(task.files))!;
  const file = yield* k.alloc_empty_file(flags & ~(O.CREAT | O.EXCL | O.TRUNC | O.CLOEXEC));
  if (typeof file === 'number') {
    yield* k.put_unused_fd(files, fd);
    return file;
  }
  const nd = yield* path_openat(k, task, path, flags, mode, tmpfile);
  if (typeof nd === 'number') {
    yield* k.free_file(file);
    yield* k.put_unused_fd(files, fd);
    return nd;
  }
  yield* k.do_dentry_open(file, nd.mnt, nd.dentry, nd.inode);
  yield* k.fd_install(files, fd, file);
  return fd;
}

function* path_openat(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  flags: number,
  mode: number,
  tmpfile: boolean,
): Task<Nameidata | number> {
  if (tmpfile) return yield* open_tmpfile(k, task, path, mode);
  let created = false;
  let nd: Nameidata | number;
  if ((flags & O.CREAT) === 0 || (flags & O.PATH) !== 0) {
    const follow = (flags & O.NOFOLLOW) === 0 ? LOOKUP.FOLLOW : 0;
    const directory = (flags & O.DIRECTORY) === 0 ? 0 : LOOKUP.DIRECTORY;
    nd = yield* filename_lookup(k, task, path, follow | directory);
  } else {
    const opened = yield* open_last(k, task, path, flags, mode);
    if (typeof opened === 'number') return opened;
    ({ nd, created } = opened);
  }
  if (typeof nd === 'number') return nd;
  const error = created ? 0 : yield* may_open(k, nd, flags);
  if (error < 0) {
    yield* k.dput(nd.dentry);
    yield* k.mntput(nd.mnt);
    return error;
  }
  // Only a file without name-wide sharing could fail here; tmpfs cannot.
  if ((flags & O.TRUNC) !== 0 && !created) yield* k.shmem_setsize(nd.inode, 0);
  return nd;
}

/** Checks on what is about to be opened. Source: fs/namei.c, may_open and do_open. */
function* may_open(k: FsKernel, nd: Nameidata, flags: number): Task<number> {
  const mode = yield* READ_ONCE(nd.inode.i_mode);
  if ((flags & O.PATH) !== 0) return 0;
  if (S_ISLNK(mode)) return -E.ELOOP;
  const mask = access_of(flags);
  if (S_ISDIR(mode) && ((mask & MAY_WRITE) !== 0 || (flags & O.CREAT) !== 0)) return -E.EISDIR;
  return yield* k.inode_permission(nd.task, nd.inode, mask);
}

/** The last component under O_CREAT. @returns where the walk ends, and whether the file is new */
function* open_last(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  flags: number,
  mode: number,
): Task<{ nd: Nameidata; created: boolean } | number> {
  const nd = yield* filename_lookup(k, task, path, LOOKUP.PARENT);
  if (typeof nd === 'number') return nd;
  for (;;) {
    const { name, type, slash } = nd.last;
    if (type !== 'norm' || slash) {
      yield* put_nd(k, nd);
      // What such a name stands for is there, or it could only be a directory.
      return type !== 'norm' && (flags & O.EXCL) !== 0 ? -E.EEXIST : -E.EISDIR;
    }
    const dir = nd.inode;
    yield* down_write(dir.i_rwsem);
    const dentry = yield* k.lookup_one(nd.dentry, name);
    if (typeof dentry === 'number') {
      yield* up_write(dir.i_rwsem);
      yield* put_nd(k, nd);
      return dentry;
    }
    let inode = (yield* READ_ONCE(dentry.d_inode)) as FsInode | null;
    let error = 0;
    const created = inode === null;
    if (created) {
      error = yield* may_create(k, task, dir);
      if (error === 0) {
        const bits = (mode & PERMISSIONS & ~(yield* current_umask(task))) | S_IFREG;
        error = yield* k.shmem_mknod(task, dir, dentry, bits, null);
      }
      inode = (yield* READ_ONCE(dentry.d_inode)) as FsInode | null;
    } else if ((flags & O.EXCL) !== 0) {
      error = -E.EEXIST;
    }
    yield* up_write(dir.i_rwsem);
    if (error < 0) {
      yield* k.dput(dentry);
      yield* put_nd(k, nd);
      return error;
    }
    if (!created && S_ISLNK(yield* READ_ONCE(inode!.i_mode))) {
      const target = (yield* READ_ONCE(inode!.i_link)) ?? '';
      yield* k.dput(dentry);
      nd.links += 1;
      if (nd.links > MAXSYMLINKS || (flags & O.NOFOLLOW) !== 0) {
        yield* put_nd(k, nd);
        return -E.ELOOP;
      }
      const walked = yield* link_path_walk(k, nd, target, LOOKUP.PARENT);
      if (walked < 0) return walked;
      continue;
    }
    yield* k.dput(nd.dentry);
    nd.dentry = dentry;
    nd.inode = inode!;
    const crossed = yield* k.lookup_mounted(nd.mnt, dentry);
    if (crossed !== null) {
      yield* k.dput(dentry);
      yield* k.mntput(nd.mnt);
      nd.mnt = crossed;
      nd.dentry = (yield* READ_ONCE(crossed.mnt_root))!;
      nd.inode = (yield* READ_ONCE(nd.dentry.d_inode)) as FsInode;
    }
    return { nd, created };
  }
}

/** A file without a name, in the filesystem of a directory. */
function* open_tmpfile(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  mode: number,
): Task<Nameidata | number> {
  const nd = yield* filename_lookup(k, task, path, LOOKUP.FOLLOW | LOOKUP.DIRECTORY);
  if (typeof nd === 'number') return nd;
  const denied = yield* k.inode_permission(task, nd.inode, MAY_WRITE | MAY_EXEC);
  if (denied < 0) {
    yield* put_nd(k, nd);
    return denied;
  }
  const sb = super_of(nd.dentry);
  const bits = (mode & PERMISSIONS & ~(yield* current_umask(task))) | S_IFREG;
  const inode = yield* k.shmem_get_inode(task, sb, nd.inode, bits);
  const dentry = inode === null ? null : yield* k.d_alloc_anon(sb);
  if (inode === null || dentry === null) {
    if (inode !== null) yield* k.iput(inode);
    yield* put_nd(k, nd);
    return -E.ENOSPC;
  }
  yield* write(inode.i_nlink, 0);
  yield* k.d_instantiate(dentry, inode);
  yield* k.dput(nd.dentry);
  nd.dentry = dentry;
  nd.inode = inode;
  return nd;
}

/** The umask of the process. */
export function* current_umask(task: TaskStruct): Task<number> {
  const fs = (yield* READ_ONCE(task.fs))!;
  return yield* READ_ONCE(fs.umask);
}

/** close(2). @returns 0 or -EBADF. May sleep. */
export function* sys_close(k: FsKernel, task: TaskStruct, fd: number): Task<number> {
  const files = (yield* READ_ONCE(task.files))!;
  const file = yield* k.file_close_fd(files, fd);
  if (file === null) return -E.EBADF;
  yield* k.fput(file);
  return 0;
}

/** The lowest descriptor from `min` on for the same open file description: dup(2), F_DUPFD. */
export function* sys_dup(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  min: number,
  cloexec: boolean,
): Task<number> {
  const files = (yield* READ_ONCE(task.files))!;
  const file = yield* k.fget_raw(files, fd);
  if (file === null) return -E.EBADF;
  const copy = yield* k.alloc_fd(task, min, cloexec);
  if (copy < 0) yield* k.fput(file);
  else yield* k.fd_install(files, copy, file);
  return copy;
}

/** dup3(2): what was open as `to` is closed. @returns `to`, -EBADF, -EINVAL, -EBUSY. May sleep. */
export function* sys_dup3(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  to: number,
  flags: number,
): Task<number> {
  if (fd === to || (flags & ~O.CLOEXEC) !== 0) return -E.EINVAL;
  if (to < 0 || to >= (yield* READ_ONCE(task.rlimit_nofile))) return -E.EBADF;
  const files = (yield* READ_ONCE(task.files))!;
  const file = yield* k.fget_raw(files, fd);
  if (file === null) return -E.EBADF;
  return yield* k.do_dup2(files, file, to, (flags & O.CLOEXEC) !== 0);
}

/** F_SETFL: only O_APPEND and O_NONBLOCK can be changed. @returns 0 or -EBADF */
export function* set_file_flags(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  flags: number,
): Task<number> {
  const files = (yield* READ_ONCE(task.files))!;
  const file = yield* k.fget(files, fd);
  if (file === null) return -E.EBADF;
  const changeable = O.APPEND | O.NONBLOCK;
  const old = yield* READ_ONCE(file.f_flags);
  yield* WRITE_ONCE(file.f_flags, (old & ~changeable) | (flags & changeable));
  yield* k.fput(file);
  return 0;
}
