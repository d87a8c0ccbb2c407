/**
 * Descriptors and open file descriptions.
 *
 * Files are SLAB_TYPESAFE_BY_RCU: a freed one may become another file at once, so a reader takes a
 * reference first and then looks whether the slot still says the same. Invariant: a descriptor is
 * marked used before its file is installed, and the slot is empty before the descriptor is free.
 * Mirrors fs/file.c and fs/file_table.c.
 */

import {
  atomic_fetch_add,
  cmpxchg,
  E,
  kmem_cache_alloc,
  list_add,
  list_del,
  might_sleep,
  READ_ONCE,
  smp_store_release,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type Task,
} from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { xa_entries, xa_load, xa_store, type Xa } from '../platform/index.js';
import { O } from '../syscall/flags.js';
import type { Mount } from '../walk/mount.js';
import type { Inode } from '../inode.js';
import type { File, FilesStruct, TaskStruct } from './structs.js';

/** The lowest free descriptor from `start` on, marked used. @returns -EMFILE above the limit */
export function* alloc_fd(
  _k: FsKernel,
  task: TaskStruct,
  start: number,
  cloexec: boolean,
): Task<number> {
  const files = (yield* READ_ONCE(task.files))!;
  const end = yield* READ_ONCE(task.rlimit_nofile);
  yield* spin_lock(files.file_lock);
  const used = yield* READ_ONCE(files.open_fds);
  const next = yield* READ_ONCE(files.next_fd);
  let fd = Math.max(start, next);
  while (xa_load(used, fd) !== null) fd += 1;
  if (fd >= end) {
    yield* spin_unlock(files.file_lock);
    return -E.EMFILE;
  }
  if (start <= next) yield* WRITE_ONCE(files.next_fd, fd + 1);
  yield* WRITE_ONCE(files.open_fds, xa_store(_k, used, fd, 1));
  if (cloexec) {
    const set = yield* READ_ONCE(files.close_on_exec);
    yield* WRITE_ONCE(files.close_on_exec, xa_store(_k, set, fd, 1));
  }
  yield* spin_unlock(files.file_lock);
  return fd;
}

/** Give a descriptor back that has no file. Source: fs/file.c. */
export function* put_unused_fd(k: FsKernel, files: FilesStruct, fd: number): Task<void> {
  yield* spin_lock(files.file_lock);
  yield* __put_unused_fd(k, files, fd);
  yield* spin_unlock(files.file_lock);
}

function* __put_unused_fd(k: FsKernel, files: FilesStruct, fd: number): Task<void> {
  yield* WRITE_ONCE(files.open_fds, xa_store(k, yield* READ_ONCE(files.open_fds), fd, null));
  const set = yield* READ_ONCE(files.close_on_exec);
  if (set !== null) yield* WRITE_ONCE(files.close_on_exec, xa_store(k, set, fd, null));
  if (fd < (yield* READ_ONCE(files.next_fd))) yield* WRITE_ONCE(files.next_fd, fd);
}

/** Show a file under a descriptor; takes over the caller's reference. Source: fs/file.c. */
export function* fd_install(k: FsKernel, files: FilesStruct, fd: number, file: File): Task<void> {
  yield* spin_lock(files.file_lock);
  // Whoever finds the file finds it filled in.
  yield* smp_store_release(files.fd, xa_store(k, yield* READ_ONCE(files.fd), fd, file));
  yield* spin_unlock(files.file_lock);
}

/**
 * The file of a descriptor with a reference, or null; also null for one that was opened only as a
 * place (O_PATH). Source: fs/file.c.
 */
export function* fget(k: FsKernel, files: FilesStruct, fd: number): Task<File | null> {
  const file = yield* k.fget_raw(files, fd);
  if (file === null || ((yield* READ_ONCE(file.f_flags)) & O.PATH) === 0) return file;
  yield* k.fput(file);
  return null;
}

/** The file of a descriptor with a reference, or null. Source: fs/file.c. */
export function* fget_raw(k: FsKernel, files: FilesStruct, fd: number): Task<File | null> {
  yield* k.rcu_read_lock();
  for (;;) {
    const file = xa_load(yield* READ_ONCE(files.fd), fd);
    if (file === null) break;
    // Dead means that the slot has changed, too: the next look will show it.
    if (!(yield* k.file_ref_get(file))) continue;
    // The memory may have become another file meanwhile.
    if (xa_load(yield* READ_ONCE(files.fd), fd) === file) {
      yield* k.rcu_read_unlock();
      return file;
    }
    yield* k.rcu_read_unlock();
    yield* k.fput(file);
    yield* k.rcu_read_lock();
  }
  yield* k.rcu_read_unlock();
  return null;
}

/** Add a reference unless the file is dead. Source: include/linux/file_ref.h. */
export function* file_ref_get(_k: FsKernel, file: File): Task<boolean> {
  let count = yield* READ_ONCE(file.f_count);
  while (count > 0) {
    const found = yield* cmpxchg(file.f_count, count, count + 1);
    if (found === count) return true;
    count = found;
  }
  return false;
}

/** An empty file with count 0; not yet shown to anybody. @returns -ENFILE, -ENOMEM. May sleep. */
export function* alloc_empty_file(k: FsKernel, flags: number): Task<File | number> {
  yield* might_sleep('alloc_empty_file');
  const { nr_files, free } = k.file_table;
  if ((yield* atomic_fetch_add(nr_files, 1)) >= k.limits.files) {
    yield* atomic_fetch_add(nr_files, -1);
    return -E.ENFILE;
  }
  yield* spin_lock(k.file_table.lock);
  let file: File | null = null;
  for (const candidate of (yield* READ_ONCE(free)) ?? []) {
    file = candidate;
    break;
  }
  if (file !== null) yield* list_del(free, file);
  yield* spin_unlock(k.file_table.lock);
  file ??= yield* kmem_cache_alloc(k.filp_cache);
  if (file === null) return -E.ENOMEM;
  yield* WRITE_ONCE(file.f_pos, 0);
  yield* WRITE_ONCE(file.f_flags, flags);
  return file;
}

/** Make a new file refer to what is open; takes over the references on the path. */
export function* do_dentry_open(
  _k: FsKernel,
  file: File,
  mount: Mount,
  dentry: Dentry,
  inode: Inode,
): Task<void> {
  yield* WRITE_ONCE(file.f_mnt, mount);
  yield* WRITE_ONCE(file.f_dentry, dentry);
  yield* WRITE_ONCE(file.f_inode, inode);
  yield* smp_store_release(file.f_count, 1);
}

/**
 * A file on a dentry, whose reference it takes over. May sleep.
 * @returns -ENFILE, -ENOMEM, with the reference given back. Source: fs/open.c
 */
export function* dentry_open(
  k: FsKernel,
  mount: Mount,
  dentry: Dentry,
  flags: number,
): Task<File | number> {
  const file = yield* k.alloc_empty_file(flags);
  if (typeof file === 'number') {
    yield* k.dput(dentry);
    return file;
  }
  yield* k.mntget(mount);
  yield* k.do_dentry_open(file, mount, dentry, (yield* READ_ONCE(dentry.d_inode)) as Inode);
  return file;
}

/** Drop a reference; the last one closes. May sleep. Source: fs/file_table.c. */
export function* fput(k: FsKernel, file: File): Task<void> {
  yield* might_sleep('fput');
  if ((yield* atomic_fetch_add(file.f_count, -1)) === 1) yield* k.__fput(file);
}

/** The end of an open file description. May sleep. Source: fs/file_table.c. */
export function* __fput(k: FsKernel, file: File): Task<void> {
  const mount = yield* READ_ONCE(file.f_mnt);
  const dentry = yield* READ_ONCE(file.f_dentry);
  const inode = yield* READ_ONCE(file.f_inode);
  if (inode !== null) {
    const { release } = k.ops_of(inode.i_sb);
    if (release !== undefined) yield* release(k as never, inode, file);
  }
  yield* WRITE_ONCE(file.f_mnt, null);
  yield* WRITE_ONCE(file.f_dentry, null);
  yield* WRITE_ONCE(file.f_inode, null);
  if (dentry !== null) yield* k.dput(dentry);
  if (mount !== null) yield* k.mntput(mount);
  yield* k.free_file(file);
}

/** Back to the slab, where the next open may find it, readers or not. */
export function* free_file(k: FsKernel, file: File): Task<void> {
  yield* spin_lock(k.file_table.lock);
  yield* list_add(k.file_table.free, file);
  yield* spin_unlock(k.file_table.lock);
  yield* atomic_fetch_add(k.file_table.nr_files, -1);
}

/** Empty the slot and free the descriptor. @returns what was there. Source: fs/file.c. */
export function* file_close_fd(k: FsKernel, files: FilesStruct, fd: number): Task<File | null> {
  yield* spin_lock(files.file_lock);
  const table = yield* READ_ONCE(files.fd);
  const file = xa_load(table, fd);
  if (file !== null) {
    yield* smp_store_release(files.fd, xa_store(k, table, fd, null));
    yield* __put_unused_fd(k, files, fd);
  }
  yield* spin_unlock(files.file_lock);
  return file;
}

/** Copy a table for a child: each file gets one more reference. Source: fs/file.c. */
export function* dup_fd(k: FsKernel, from: FilesStruct): Task<FilesStruct | null> {
  const files = yield* kmem_cache_alloc(k.files_cache);
  if (files === null) return null;
  yield* spin_lock(from.file_lock);
  let fd: Xa<File> | null = null;
  let used: Xa<number> | null = null;
  let cloexec: Xa<number> | null = null;
  const set = yield* READ_ONCE(from.close_on_exec);
  for (const [number, file] of xa_entries(yield* READ_ONCE(from.fd))) {
    yield* atomic_fetch_add(file.f_count, 1);
    fd = xa_store(k, fd, number, file);
    used = xa_store(k, used, number, 1);
    if (xa_load(set, number) !== null) cloexec = xa_store(k, cloexec, number, 1);
  }
  const next = yield* READ_ONCE(from.next_fd);
  yield* spin_unlock(from.file_lock);
  yield* WRITE_ONCE(files.fd, fd);
  yield* WRITE_ONCE(files.open_fds, used);
  yield* WRITE_ONCE(files.close_on_exec, cloexec);
  yield* WRITE_ONCE(files.next_fd, next);
  return files;
}

/** Drop a user of a table; the last one closes everything in it. May sleep. Source: fs/file.c. */
export function* put_files_struct(k: FsKernel, files: FilesStruct): Task<void> {
  if ((yield* atomic_fetch_add(files.count, -1)) !== 1) return;
  for (const [fd] of xa_entries(yield* READ_ONCE(files.fd))) {
    const file = yield* k.file_close_fd(files, fd);
    if (file !== null) yield* k.fput(file);
  }
}

/**
 * Put a file under a descriptor of its user's choice, in one step for whoever looks there: what was
 * open is closed afterwards. Takes over the reference. May sleep.
 * @returns the descriptor; -EBUSY while another thread is about to fill it. Source: fs/file.c.
 */
export function* do_dup2(
  k: FsKernel,
  files: FilesStruct,
  file: File,
  fd: number,
  cloexec: boolean,
): Task<number> {
  yield* spin_lock(files.file_lock);
  const table = yield* READ_ONCE(files.fd);
  const used = yield* READ_ONCE(files.open_fds);
  const before = xa_load(table, fd);
  if (before === null && xa_load(used, fd) !== null) {
    yield* spin_unlock(files.file_lock);
    yield* k.fput(file);
    return -E.EBUSY;
  }
  yield* smp_store_release(files.fd, xa_store(k, table, fd, file));
  yield* WRITE_ONCE(files.open_fds, xa_store(k, used, fd, 1));
  const set = yield* READ_ONCE(files.close_on_exec);
  yield* WRITE_ONCE(files.close_on_exec, xa_store(k, set, fd, cloexec ? 1 : null));
  yield* spin_unlock(files.file_lock);
  if (before !== null) yield* k.fput(before);
  return fd;
}

/** Mark a descriptor to be closed by execve, or not. @returns 0 or -EBADF. Source: fs/file.c. */
export function* set_close_on_exec(
  k: FsKernel,
  files: FilesStruct,
  fd: number,
  on: boolean,
): Task<number> {
  yield* spin_lock(files.file_lock);
  const is_open = xa_load(yield* READ_ONCE(files.fd), fd) !== null;
  if (is_open) {
    const set = yield* READ_ONCE(files.close_on_exec);
    yield* WRITE_ONCE(files.close_on_exec, xa_store(k, set, fd, on ? 1 : null));
  }
  yield* spin_unlock(files.file_lock);
  return is_open ? 0 : -E.EBADF;
}

/** What execve does to the table. May sleep. Source: fs/file.c. */
export function* do_close_on_exec(k: FsKernel, files: FilesStruct): Task<void> {
  for (const [fd] of xa_entries(yield* READ_ONCE(files.close_on_exec))) {
    const file = yield* k.file_close_fd(files, fd);
    if (file !== null) yield* k.fput(file);
  }
}
