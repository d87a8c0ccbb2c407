/** Reading a directory, by the numbers that its names have. Mirrors fs/readdir.c. */

import { E, READ_ONCE, WRITE_ONCE, type List, type Task } from '../../machine/index.js';
import { name_of } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { xa_entries } from '../platform/index.js';
import { ProcInode } from '../proc/structs.js';
import type { TaskStruct } from '../process/structs.js';
import { current_time, S_ISDIR } from '../tmpfs/inode.js';
import { down_write, up_write, type FsInode } from '../tmpfs/structs.js';

/**
 * getdents(2), all at once from where the directory stands.
 * @returns name, inode number and mode of each entry in a row, without `.` and `..`; or -errno
 */
export function* sys_getdents(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
): Task<List<string | number> | number> {
  const file = yield* k.fget((yield* READ_ONCE(task.files))!, fd);
  if (file === null) return -E.EBADF;
  const inode = (yield* READ_ONCE(file.f_inode)) as FsInode;
  if (!S_ISDIR(yield* READ_ONCE(inode.i_mode))) {
    yield* k.fput(file);
    return -E.ENOTDIR;
  }
  if (inode instanceof ProcInode) {
    const listed = (yield* READ_ONCE(file.f_pos)) === 0;
    const names = listed ? yield* k.proc_iterate(inode) : k.list<string | number>([]);
    yield* WRITE_ONCE(file.f_pos, 1);
    yield* k.fput(file);
    return names;
  }
  const entries: (string | number)[] = [];
  yield* down_write(inode.i_rwsem);
  if (yield* READ_ONCE(inode.i_dead)) {
    yield* up_write(inode.i_rwsem);
    yield* k.fput(file);
    return -E.ENOENT;
  }
  let pos = yield* READ_ONCE(file.f_pos);
  for (const [offset, dentry] of xa_entries(yield* READ_ONCE(inode.i_names))) {
    if (offset < pos) continue;
    const child = (yield* READ_ONCE(dentry.d_inode)) as FsInode;
    const name = name_of(yield* READ_ONCE(dentry.d_name));
    entries.push(name, yield* READ_ONCE(child.i_ino), yield* READ_ONCE(child.i_mode));
    pos = offset + 1;
  }
  yield* WRITE_ONCE(file.f_pos, pos);
  yield* WRITE_ONCE(inode.i_atime, yield* current_time(k));
  yield* up_write(inode.i_rwsem);
  yield* k.fput(file);
  return k.list(entries);
}
