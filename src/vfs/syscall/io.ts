/**
 * Reading, writing and asking about open files. Mirrors fs/read_write.c, fs/open.c and fs/stat.c.
 *
 * f_pos_lock keeps two users of one open file description apart, so that each sees the position
 * that the other has left.
 */

import { E, READ_ONCE, WRITE_ONCE, type List, type Task } from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { xa_load, type Bytes } from '../platform/index.js';
import type { File, TaskStruct } from '../process/structs.js';
import { S_IFMT, S_ISDIR } from '../tmpfs/inode.js';
import { down_write, up_write, type FsInode, type FsSuper } from '../tmpfs/structs.js';
import { O } from './flags.js';

/** What a descriptor stands for, with a reference; -EBADF. */
function* file_of(k: FsKernel, task: TaskStruct, fd: number): Task<File | null> {
  return yield* k.fget((yield* READ_ONCE(task.files))!, fd);
}

/** Why the file cannot be used like that, or 0. */
function* check(k: FsKernel, file: File, want: 'read' | 'write'): Task<number> {
  const inode = (yield* READ_ONCE(file.f_inode))!;
  if (k.ops_of(inode.i_sb).no_data === true) return -E.EINVAL;
  const flags = yield* READ_ONCE(file.f_flags);
  const accmode = flags & O.ACCMODE;
  if (accmode === (want === 'read' ? O.WRONLY : O.RDONLY)) return -E.EBADF;
  return S_ISDIR(yield* READ_ONCE(inode.i_mode)) ? -E.EISDIR : 0;
}

/**
 * read(2), and pread(2) with a position.
 * @param pos where, or -1 for where the file stands
 * @returns the bytes, fewer at the end of the file; or -errno. May sleep.
 */
export function* sys_read(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  count: number,
  pos: number,
): Task<Bytes | number> {
  const file = yield* file_of(k, task, fd);
  if (file === null) return -E.EBADF;
  let result: Bytes | number = yield* check(k, file, 'read');
  if (result === 0) {
    const inode = (yield* READ_ONCE(file.f_inode)) as FsInode;
    if (pos >= 0) {
      result = yield* k.shmem_file_read(inode, pos, count);
    } else {
      yield* down_write(file.f_pos_lock);
      const at = yield* READ_ONCE(file.f_pos);
      const bytes = yield* k.shmem_file_read(inode, at, count);
      yield* WRITE_ONCE(file.f_pos, at + bytes.length);
      result = bytes;
      yield* up_write(file.f_pos_lock);
    }
  }
  yield* k.fput(file);
  return result;
}

/** write(2), and pwrite(2) with a position. @returns how many bytes, or -errno. May sleep. */
export function* sys_write(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  bytes: Bytes,
  pos: number,
): Task<number> {
  const file = yield* file_of(k, task, fd);
  if (file === null) return -E.EBADF;
  let result = yield* check(k, file, 'write');
  if (result === 0) {
    const inode = (yield* READ_ONCE(file.f_inode)) as FsInode;
    const append = ((yield* READ_ONCE(file.f_flags)) & O.APPEND) !== 0;
    if (pos >= 0) {
      result = yield* k.shmem_file_write(inode, null, pos, bytes, append);
    } else {
      yield* down_write(file.f_pos_lock);
      const at = yield* READ_ONCE(file.f_pos);
      result = yield* k.shmem_file_write(inode, file, at, bytes, append);
      yield* up_write(file.f_pos_lock);
    }
  }
  yield* k.fput(file);
  return result;
}

/** lseek(2). @param whence 0 from the start, 1 from here, 2 from the end */
export function* sys_lseek(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  offset: number,
  whence: number,
): Task<number> {
  const file = yield* file_of(k, task, fd);
  if (file === null) return -E.EBADF;
  const inode = (yield* READ_ONCE(file.f_inode)) as FsInode;
  if (k.ops_of(inode.i_sb).no_data === true) {
    yield* k.fput(file);
    return -E.ESPIPE;
  }
  yield* down_write(file.f_pos_lock);
  let base = 0;
  if (whence === 1) base = yield* READ_ONCE(file.f_pos);
  else if (whence === 2) base = yield* READ_ONCE(inode.i_size);
  const at = whence > 2 || whence < 0 || base + offset < 0 ? -E.EINVAL : base + offset;
  if (at >= 0) yield* WRITE_ONCE(file.f_pos, at);
  yield* up_write(file.f_pos_lock);
  yield* k.fput(file);
  return at;
}

/** Names of the numbers in what stat answers, in order. */
export const STAT_FIELDS = [
  'dev',
  'ino',
  'mode',
  'nlink',
  'uid',
  'gid',
  'size',
  'blocks',
  'atime',
  'mtime',
  'ctime',
  'btime',
  'generation',
] as const;

const SECTORS_PER_PAGE = 8;

/** The numbers of STAT_FIELDS for an inode. Source: fs/stat.c. */
export function* vfs_getattr(k: FsKernel, inode: FsInode): Task<List<number>> {
  const mode = yield* READ_ONCE(inode.i_mode);
  const { typeless } = k.ops_of(inode.i_sb);
  return k.list<number>([
    (inode.i_sb as FsSuper).s_dev,
    yield* READ_ONCE(inode.i_ino),
    typeless === true ? mode & ~S_IFMT : mode,
    yield* READ_ONCE(inode.i_nlink),
    yield* READ_ONCE(inode.i_uid),
    yield* READ_ONCE(inode.i_gid),
    yield* READ_ONCE(inode.i_size),
    (yield* READ_ONCE(inode.i_blocks)) * SECTORS_PER_PAGE,
    yield* READ_ONCE(inode.i_atime),
    yield* READ_ONCE(inode.i_mtime),
    yield* READ_ONCE(inode.i_ctime),
    yield* READ_ONCE(inode.i_btime),
    yield* READ_ONCE(inode.i_generation),
  ]);
}

/** fstat(2). @returns the numbers of STAT_FIELDS, or -EBADF */
export function* sys_fstat(k: FsKernel, task: TaskStruct, fd: number): Task<List<number> | number> {
  const file = yield* k.fget_raw((yield* READ_ONCE(task.files))!, fd);
  if (file === null) return -E.EBADF;
  const stat = yield* k.vfs_getattr((yield* READ_ONCE(file.f_inode)) as FsInode);
  yield* k.fput(file);
  return stat;
}

/** ftruncate(2). @returns 0, -EBADF, -EINVAL */
export function* sys_ftruncate(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  size: number,
): Task<number> {
  if (size < 0) return -E.EINVAL;
  const file = yield* file_of(k, task, fd);
  if (file === null) return -E.EBADF;
  let error = yield* check(k, file, 'write');
  if (error < 0) error = error === -E.EBADF ? -E.EINVAL : error;
  else yield* k.shmem_setsize((yield* READ_ONCE(file.f_inode)) as FsInode, size);
  yield* k.fput(file);
  return error;
}

/** fsync(2): memory has nothing to write back. @returns 0 or -EBADF */
export function* sys_fsync(k: FsKernel, task: TaskStruct, fd: number): Task<number> {
  const file = yield* file_of(k, task, fd);
  if (file === null) return -E.EBADF;
  const { no_data } = k.ops_of((yield* READ_ONCE(file.f_inode))!.i_sb);
  yield* k.fput(file);
  return no_data === true ? -E.EINVAL : 0;
}

/** Commands of fcntl(2). */
export const F = { DUPFD: 0, GETFD: 1, SETFD: 2, GETFL: 3, SETFL: 4, DUPFD_CLOEXEC: 1030 } as const;

/** fcntl(2), as far as descriptors and status flags go. */
export function* sys_fcntl(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  command: number,
  arg: number,
): Task<number> {
  const files = (yield* READ_ONCE(task.files))!;
  switch (command) {
    case F.DUPFD:
    case F.DUPFD_CLOEXEC:
      if (arg < 0 || arg >= (yield* READ_ONCE(task.rlimit_nofile))) return -E.EINVAL;
      return yield* k.sys_dup(task, fd, arg, command === F.DUPFD_CLOEXEC);
    case F.GETFD:
      if (xa_load(yield* READ_ONCE(files.fd), fd) === null) return -E.EBADF;
      return xa_load(yield* READ_ONCE(files.close_on_exec), fd) === null ? 0 : 1;
    case F.SETFD:
      return yield* k.set_close_on_exec(files, fd, (arg & 1) === 1);
    case F.GETFL: {
      const file = yield* k.fget_raw(files, fd);
      if (file === null) return -E.EBADF;
      const flags = yield* READ_ONCE(file.f_flags);
      yield* k.fput(file);
      return flags;
    }
    case F.SETFL:
      return yield* k.set_file_flags(task, fd, arg);
    default:
      return -E.EINVAL;
  }
}
