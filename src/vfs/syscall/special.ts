/**
 * What can be asked of files that are no data: ioctl, poll, fdinfo, and attributes of processes.
 * Mirrors fs/ioctl.c, fs/select.c, fs/proc/fd.c and fs/xattr.c.
 */

import {
  await_until,
  E,
  IS_ERR,
  READ_ONCE,
  WRITE_ONCE,
  type List,
  type Task,
} from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { Namespace } from '../ns/structs.js';
import type { PidfsAttr } from '../pidfs/structs.js';
import { POLL } from '../pidfs/pidfd.js';
import type { File, TaskStruct } from '../process/structs.js';

/** ioctl(2). @returns what the command answers; -EBADF, -ENOTTY */
export function* sys_ioctl(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  command: number,
  arg: number,
): Task<number> {
  const file = yield* k.fget((yield* READ_ONCE(task.files))!, fd);
  if (file === null) return -E.EBADF;
  const { ioctl } = k.ops_of((yield* READ_ONCE(file.f_inode))!.i_sb);
  const answer =
    ioctl === undefined ? -E.ENOTTY : yield* ioctl(k as never, task, file, command, arg);
  yield* k.fput(file);
  return answer;
}

/** The events of one descriptor now. Source: fs/select.c, do_pollfd. */
export function* do_pollfd(k: FsKernel, task: TaskStruct, fd: number): Task<number> {
  if (fd < 0) return 0;
  const file = yield* k.fget((yield* READ_ONCE(task.files))!, fd);
  if (file === null) return POLL.NVAL;
  const { poll } = k.ops_of((yield* READ_ONCE(file.f_inode))!.i_sb);
  const events = poll === undefined ? POLL.IN | POLL.OUT : yield* poll(k as never, file);
  yield* k.fput(file);
  return events;
}

/**
 * poll(2). Sleeps unless `wait` is false.
 * @param fds descriptor and wanted events in a row; POLLHUP, POLLERR and POLLNVAL come unasked
 * @returns what happened to each, 0 for nothing
 */
export function* sys_poll(
  k: FsKernel,
  task: TaskStruct,
  fds: List<number>,
  wait: boolean,
): Task<List<number>> {
  const { items } = fds;
  for (;;) {
    const seen = yield* READ_ONCE(k.tasklist.exits);
    const happened: number[] = [];
    for (let i = 0; i < items.length; i += 2) {
      const unasked = POLL.HUP | POLL.ERR | POLL.NVAL;
      const events = yield* k.do_pollfd(task, items[i]);
      happened.push(events & (items[i + 1] | unasked));
    }
    if (!wait || happened.some((events) => events !== 0)) return k.list<number>(happened);
    yield* await_until(k.tasklist.exits, (exits) => exits !== seen);
  }
}

/**
 * What /proc/PID/fdinfo/FD says of a file. @param viewer namespace of the procfs.
 * Source: fs/proc/fd.c, seq_show
 */
export function* show_fdinfo(k: FsKernel, viewer: Namespace, file: File): Task<string> {
  const inode = (yield* READ_ONCE(file.f_inode))!;
  const { show_fdinfo: more } = k.ops_of(inode.i_sb);
  const flags = yield* READ_ONCE(file.f_flags);
  const text = `pos:\t${yield* READ_ONCE(file.f_pos)}\nflags:\t0${flags.toString(8)}\nino:\t${yield* READ_ONCE(inode.i_ino)}\n`;
  return more === undefined ? text : text + (yield* more(k as never, viewer, file));
}

/** The record of a pidfd's process, to keep attributes in. @returns -EBADF, -EOPNOTSUPP, -EPERM */
function* attr_of(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  name: string,
): Task<PidfsAttr | number> {
  const file = yield* k.fget((yield* READ_ONCE(task.files))!, fd);
  if (file === null) return -E.EBADF;
  const pid = yield* k.pidfd_pid(file);
  const attr = pid === null ? null : yield* READ_ONCE(pid.attr);
  yield* k.fput(file);
  if (attr === null || IS_ERR(attr)) return -E.EOPNOTSUPP;
  if (name !== '' && !name.startsWith('trusted.')) return -E.EOPNOTSUPP;
  return name === '' || (yield* k.capable(task)) ? attr : -E.EPERM;
}

/** Names and values without one of them. */
function without(pairs: readonly string[], name: string): string[] {
  return pairs.flatMap((text, i) => (i % 2 === 0 && text !== name ? [text, pairs[i + 1]] : []));
}

const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;

/** fsetxattr(2), of a process. @returns 0; -EEXIST, -ENODATA, and as {@link sys_fgetxattr} */
export function* sys_fsetxattr(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  name: string,
  value: string,
  flags: number,
): Task<number> {
  if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) !== 0) return -E.EINVAL;
  const attr = yield* attr_of(k, task, fd, name);
  if (typeof attr === 'number') return attr;
  const pairs = (yield* READ_ONCE(attr.xattrs))?.items ?? [];
  const rest = without(pairs, name);
  if ((flags & XATTR_CREATE) !== 0 && rest.length < pairs.length) return -E.EEXIST;
  if ((flags & XATTR_REPLACE) !== 0 && rest.length === pairs.length) return -E.ENODATA;
  yield* WRITE_ONCE(attr.xattrs, k.list<string>([...rest, name, value]));
  return 0;
}

/** fgetxattr(2), of a process. @returns the value; -ENODATA, -EBADF, -EOPNOTSUPP, -EPERM */
export function* sys_fgetxattr(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  name: string,
): Task<string | number> {
  const attr = yield* attr_of(k, task, fd, name);
  if (typeof attr === 'number') return attr;
  const pairs = (yield* READ_ONCE(attr.xattrs))?.items ?? [];
  const at = pairs.findIndex((text, i) => i % 2 === 0 && text === name);
  return at < 0 ? -E.ENODATA : pairs[at + 1];
}

/** flistxattr(2), of a process. */
export function* sys_flistxattr(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
): Task<List<string> | number> {
  const attr = yield* attr_of(k, task, fd, '');
  if (typeof attr === 'number') return attr;
  const pairs = (yield* READ_ONCE(attr.xattrs))?.items ?? [];
  return k.list<string>(pairs.filter((_text, i) => i % 2 === 0));
}

/** fremovexattr(2), of a process. @returns 0, -ENODATA, and as {@link sys_fgetxattr} */
export function* sys_fremovexattr(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  name: string,
): Task<number> {
  const attr = yield* attr_of(k, task, fd, name);
  if (typeof attr === 'number') return attr;
  const pairs = (yield* READ_ONCE(attr.xattrs))?.items ?? [];
  const rest = without(pairs, name);
  if (rest.length === pairs.length) return -E.ENODATA;
  yield* WRITE_ONCE(attr.xattrs, rest.length === 0 ? null : k.list<string>(rest));
  return 0;
}
