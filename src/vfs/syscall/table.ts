/**
 * The system calls as a program makes them: defaults filled in, texts for bytes.
 *
 * Invariant: what a call answers is a number, a text, a list or plain data, so that programs on the
 * simulated machine, in the direct build and under an explorer of calls see the same.
 */

import { E, READ_ONCE, WRITE_ONCE, type List, type Task } from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { array_of, bytes_of, text_of } from '../platform/index.js';
import type { TaskStruct } from '../process/structs.js';
import { identity_table } from './identity-table.js';

/** What stat answers; times in milliseconds of the virtual clock. */
export interface FileStat {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** In units of 512 bytes. */
  readonly blocks: number;
  readonly atime: number;
  readonly mtime: number;
  readonly ctime: number;
  readonly btime: number;
  /** Tells a file apart from an earlier one of the same number. */
  readonly generation: number;
}

function stat_of(answer: List<number> | number): FileStat | number {
  if (typeof answer === 'number') return answer;
  const [dev, ino, mode, nlink, uid, gid, size, blocks, atime, mtime, ctime, btime, generation] =
    answer.items;
  return {
    dev,
    ino,
    mode,
    nlink,
    uid,
    gid,
    size,
    blocks,
    atime,
    mtime,
    ctime,
    btime,
    generation,
  };
}

/** What can be written. */
type Data = string | Uint8Array;

const READ_MODE = 0o666;
const DIR_MODE = 0o777;
const EMPTY = 0;
const CHUNK = 65536;

/** Every call; the first two parameters are the kernel and the calling task. */
export const syscall_table = {
  ...identity_table,
  *open(k: FsKernel, t: TaskStruct, path: string, flags = 0, mode = READ_MODE): Task<number> {
    return yield* k.sys_open(t, path, flags, mode);
  },
  *close(k: FsKernel, t: TaskStruct, fd: number): Task<number> {
    return yield* k.sys_close(t, fd);
  },
  /** The text read, shorter at the end of the file. */
  *read(k: FsKernel, t: TaskStruct, fd: number, count = CHUNK): Task<string | number> {
    const bytes = yield* k.sys_read(t, fd, count, -1);
    return typeof bytes === 'number' ? bytes : text_of(bytes);
  },
  *pread(
    k: FsKernel,
    t: TaskStruct,
    fd: number,
    count: number,
    pos: number,
  ): Task<string | number> {
    if (pos < 0) return -E.EINVAL;
    const bytes = yield* k.sys_read(t, fd, count, pos);
    return typeof bytes === 'number' ? bytes : text_of(bytes);
  },
  /** The bytes read, fewer at the end of the file; at `pos`, or where the file stands. */
  *readBytes(
    k: FsKernel,
    t: TaskStruct,
    fd: number,
    count = CHUNK,
    pos = -1,
  ): Task<Uint8Array | number> {
    const bytes = yield* k.sys_read(t, fd, count, pos);
    return typeof bytes === 'number' ? bytes : array_of(bytes);
  },
  /** A text is written in UTF-8. */
  *write(k: FsKernel, t: TaskStruct, fd: number, data: Data): Task<number> {
    return yield* k.sys_write(t, fd, bytes_of(data), -1);
  },
  *pwrite(k: FsKernel, t: TaskStruct, fd: number, data: Data, pos: number): Task<number> {
    if (pos < 0) return -E.EINVAL;
    return yield* k.sys_write(t, fd, bytes_of(data), pos);
  },
  *lseek(k: FsKernel, t: TaskStruct, fd: number, offset: number, whence = EMPTY): Task<number> {
    return yield* k.sys_lseek(t, fd, offset, whence);
  },
  *dup(k: FsKernel, t: TaskStruct, fd: number): Task<number> {
    return yield* k.sys_dup(t, fd, 0, false);
  },
  *dup3(k: FsKernel, t: TaskStruct, fd: number, to: number, flags = EMPTY): Task<number> {
    return yield* k.sys_dup3(t, fd, to, flags);
  },
  *fcntl(k: FsKernel, t: TaskStruct, fd: number, command: number, arg = EMPTY): Task<number> {
    return yield* k.sys_fcntl(t, fd, command, arg);
  },
  *fsync(k: FsKernel, t: TaskStruct, fd: number): Task<number> {
    return yield* k.sys_fsync(t, fd);
  },
  /** Contents and size; times may be lost. Nothing can be lost here, so it is fsync. */
  *fdatasync(k: FsKernel, t: TaskStruct, fd: number): Task<number> {
    return yield* k.sys_fsync(t, fd);
  },
  /** Everything is written back; memory has nothing to write. */
  *sync(_k: FsKernel, _t: TaskStruct): Task<number> {
    return 0;
  },
  *ftruncate(k: FsKernel, t: TaskStruct, fd: number, size: number): Task<number> {
    return yield* k.sys_ftruncate(t, fd, size);
  },
  *truncate(k: FsKernel, t: TaskStruct, path: string, size: number): Task<number> {
    return yield* k.sys_setattr(t, path, 1, 'size', size, 0);
  },
  *stat(k: FsKernel, t: TaskStruct, path: string): Task<FileStat | number> {
    return stat_of(yield* k.sys_stat(t, path, 1));
  },
  *lstat(k: FsKernel, t: TaskStruct, path: string): Task<FileStat | number> {
    return stat_of(yield* k.sys_stat(t, path, 0));
  },
  *fstat(k: FsKernel, t: TaskStruct, fd: number): Task<FileStat | number> {
    return stat_of(yield* k.sys_fstat(t, fd));
  },
  *access(k: FsKernel, t: TaskStruct, path: string, mask = EMPTY): Task<number> {
    return yield* k.sys_access(t, path, mask);
  },
  *chmod(k: FsKernel, t: TaskStruct, path: string, mode: number): Task<number> {
    return yield* k.sys_setattr(t, path, 1, 'mode', mode, 0);
  },
  *fchmod(k: FsKernel, t: TaskStruct, fd: number, mode: number): Task<number> {
    return yield* k.sys_fsetattr(t, fd, 'mode', mode, 0);
  },
  *chown(k: FsKernel, t: TaskStruct, path: string, uid: number, gid: number): Task<number> {
    return yield* k.sys_setattr(t, path, 1, 'owner', uid, gid);
  },
  *lchown(k: FsKernel, t: TaskStruct, path: string, uid: number, gid: number): Task<number> {
    return yield* k.sys_setattr(t, path, 0, 'owner', uid, gid);
  },
  *fchown(k: FsKernel, t: TaskStruct, fd: number, uid: number, gid: number): Task<number> {
    return yield* k.sys_fsetattr(t, fd, 'owner', uid, gid);
  },
  *utimes(k: FsKernel, t: TaskStruct, path: string, atime: number, mtime: number): Task<number> {
    return yield* k.sys_setattr(t, path, 1, 'times', atime, mtime);
  },
  *lutimes(k: FsKernel, t: TaskStruct, path: string, atime: number, mtime: number): Task<number> {
    return yield* k.sys_setattr(t, path, 0, 'times', atime, mtime);
  },
  *futimes(k: FsKernel, t: TaskStruct, fd: number, atime: number, mtime: number): Task<number> {
    return yield* k.sys_fsetattr(t, fd, 'times', atime, mtime);
  },
  *mkdir(k: FsKernel, t: TaskStruct, path: string, mode = DIR_MODE): Task<number> {
    return yield* k.sys_mkdir(t, path, mode);
  },
  *rmdir(k: FsKernel, t: TaskStruct, path: string): Task<number> {
    return yield* k.sys_rmdir(t, path);
  },
  *unlink(k: FsKernel, t: TaskStruct, path: string): Task<number> {
    return yield* k.sys_unlink(t, path);
  },
  *link(k: FsKernel, t: TaskStruct, from: string, path: string): Task<number> {
    return yield* k.sys_link(t, from, path);
  },
  *symlink(k: FsKernel, t: TaskStruct, target: string, path: string): Task<number> {
    return yield* k.sys_symlink(t, target, path);
  },
  *readlink(k: FsKernel, t: TaskStruct, path: string): Task<string | number> {
    return yield* k.sys_readlink(t, path);
  },
  *rename(k: FsKernel, t: TaskStruct, from: string, to: string, flags = EMPTY): Task<number> {
    return yield* k.sys_rename(t, from, to, flags);
  },
  /** Name, inode number and mode of every entry, in a row. */
  *getdents(k: FsKernel, t: TaskStruct, fd: number): Task<readonly (string | number)[] | number> {
    const list = yield* k.sys_getdents(t, fd);
    return typeof list === 'number' ? list : list.items;
  },
  /** Block size, blocks, free blocks, inodes, free inodes, device. */
  *statfs(k: FsKernel, t: TaskStruct, path: string): Task<readonly number[] | number> {
    const list = yield* k.sys_statfs(t, path);
    return typeof list === 'number' ? list : list.items;
  },
  /** The virtual clock, in milliseconds. */
  *clockGettime(k: FsKernel, _t: TaskStruct): Task<number> {
    return yield* READ_ONCE(k.clock.now);
  },
  *clockSettime(k: FsKernel, _t: TaskStruct, now: number): Task<number> {
    yield* WRITE_ONCE(k.clock.now, now);
    return 0;
  },
  *umask(k: FsKernel, t: TaskStruct, mask: number): Task<number> {
    return yield* k.sys_umask(t, mask);
  },
  *chdir(k: FsKernel, t: TaskStruct, path: string): Task<number> {
    return yield* k.sys_chdir(t, path);
  },
  *chroot(k: FsKernel, t: TaskStruct, path: string): Task<number> {
    return yield* k.sys_chroot(t, path);
  },
  *getcwd(k: FsKernel, t: TaskStruct): Task<string | number> {
    return yield* k.sys_getcwd(t);
  },
  *setuid(k: FsKernel, t: TaskStruct, uid: number, gid = -1): Task<number> {
    return yield* k.sys_setuid(t, uid, gid);
  },
  *setrlimitNofile(k: FsKernel, t: TaskStruct, limit: number): Task<number> {
    return yield* k.sys_setrlimit_nofile(t, limit);
  },
  *execve(k: FsKernel, t: TaskStruct): Task<number> {
    return yield* k.sys_execve(t);
  },
  *getpid(k: FsKernel, t: TaskStruct): Task<number> {
    return yield* k.sys_getpid(t);
  },
  *getppid(k: FsKernel, t: TaskStruct): Task<number> {
    return yield* k.sys_getppid(t);
  },
  /** End the process; `status` as in exit(3). */
  *exit(k: FsKernel, t: TaskStruct, status = EMPTY): Task<number> {
    yield* k.do_exit(t, (status & 0xff) << 8);
    return 0;
  },
  /** Number and code of a child that has ended; 0 with WNOHANG if none has. */
  *wait4(k: FsKernel, t: TaskStruct, pid = -1, options = EMPTY): Task<readonly number[] | number> {
    const list = yield* k.sys_wait4(t, pid, options);
    return typeof list === 'number' ? list : list.items;
  },
  *mount(
    k: FsKernel,
    t: TaskStruct,
    path: string,
    blocks: number = Number.MAX_SAFE_INTEGER,
    inodes: number = Number.MAX_SAFE_INTEGER,
  ): Task<number> {
    return yield* k.sys_mount_tmpfs(t, path, blocks, inodes);
  },
  *umount(k: FsKernel, t: TaskStruct, path: string, detach = false): Task<number> {
    return yield* k.sys_umount(t, path, detach);
  },
} as const;
