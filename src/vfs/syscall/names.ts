/**
 * System calls on names: directories, links, rename, and what is set by name.
 * Mirrors fs/namei.c, fs/open.c, fs/readdir.c, fs/attr.c and fs/statfs.c.
 */

import {
  E,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type List,
  type Task,
} from '../../machine/index.js';
import { DCACHE, name_of, type Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { xa_entries, xa_size } from '../platform/index.js';
import type { TaskStruct } from '../process/structs.js';
import { current_time, S_IFDIR, S_IFMT, S_ISDIR, S_ISLNK, touch_mtime } from '../tmpfs/inode.js';
import { down_write, super_of, up_write, type FsInode } from '../tmpfs/structs.js';
import { filename_lookup, LOOKUP, type Nameidata } from '../walk/namei.js';
import { may_create, may_delete, MAY_WRITE } from '../walk/permission.js';
import { current_umask } from './open.js';

const PERMISSIONS = 0o7777;
const S_ISGID = 0o2000;
const FOLLOW = 1;

function* put_nd(k: FsKernel, nd: Nameidata): Task<void> {
  yield* k.dput(nd.dentry);
  yield* k.mntput(nd.mnt);
}

/** The parent of a path's last component, locked, and what is there; or -errno. */
function* lock_parent(
  k: FsKernel,
  task: TaskStruct,
  path: string,
): Task<{ nd: Nameidata; dentry: Dentry } | number> {
  const nd = yield* filename_lookup(k, task, path, LOOKUP.PARENT);
  if (typeof nd === 'number') return nd;
  if (nd.last.type !== 'norm') {
    yield* put_nd(k, nd);
    return -E.EEXIST;
  }
  yield* down_write(nd.inode.i_rwsem);
  const dentry = yield* k.lookup_one(nd.dentry, nd.last.name);
  if (typeof dentry !== 'number') return { nd, dentry };
  yield* up_write(nd.inode.i_rwsem);
  yield* put_nd(k, nd);
  return dentry;
}

function* unlock_parent(k: FsKernel, nd: Nameidata, dentry: Dentry): Task<void> {
  yield* up_write(nd.inode.i_rwsem);
  yield* k.dput(dentry);
  yield* put_nd(k, nd);
}

/** Source: fs/namei.c, filename_create: is there room for a new name? */
function* check_create(
  k: FsKernel,
  task: TaskStruct,
  nd: Nameidata,
  dentry: Dentry,
  isdir: boolean,
): Task<number> {
  if ((yield* READ_ONCE(dentry.d_inode)) !== null) return -E.EEXIST;
  if (nd.last.slash && !isdir) return -E.ENOENT;
  return yield* may_create(k, task, nd.inode);
}

/** mkdir(2). @param mode before the umask. @returns 0 or -errno. May sleep. */
export function* sys_mkdir(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  mode: number,
): Task<number> {
  const at = yield* lock_parent(k, task, path);
  if (typeof at === 'number') return at;
  const { nd, dentry } = at;
  let error = yield* check_create(k, task, nd, dentry, true);
  if (error === 0) {
    const bits = (mode & 0o1777 & ~(yield* current_umask(task))) | S_IFDIR;
    error = yield* k.shmem_mknod(task, nd.inode, dentry, bits, null);
  }
  yield* unlock_parent(k, nd, dentry);
  return error;
}

/** symlink(2): `path` is made to say `target`. */
export function* sys_symlink(
  k: FsKernel,
  task: TaskStruct,
  target: string,
  path: string,
): Task<number> {
  if (target === '') return -E.ENOENT;
  if (k.byte_length(target) > 4095) return -E.ENAMETOOLONG;
  const at = yield* lock_parent(k, task, path);
  if (typeof at === 'number') return at;
  const { nd, dentry } = at;
  let error = yield* check_create(k, task, nd, dentry, false);
  if (error === 0) error = yield* k.shmem_symlink(task, nd.inode, dentry, target);
  yield* unlock_parent(k, nd, dentry);
  return error;
}

/** link(2): a second name; a symbolic link is not followed. */
export function* sys_link(k: FsKernel, task: TaskStruct, from: string, path: string): Task<number> {
  const old = yield* filename_lookup(k, task, from, 0);
  if (typeof old === 'number') return old;
  const at = yield* lock_parent(k, task, path);
  if (typeof at === 'number') {
    yield* put_nd(k, old);
    return at;
  }
  const { nd, dentry } = at;
  let error = yield* check_create(k, task, nd, dentry, false);
  if (error === 0 && old.inode.i_sb !== nd.inode.i_sb) error = -E.EXDEV;
  if (error === 0 && S_ISDIR(yield* READ_ONCE(old.inode.i_mode))) error = -E.EPERM;
  // A file without names is gone for everybody who comes by name.
  if (error === 0 && (yield* READ_ONCE(old.inode.i_nlink)) === 0) error = -E.ENOENT;
  if (error === 0) error = yield* k.shmem_link(old.inode, nd.inode, dentry);
  yield* unlock_parent(k, nd, dentry);
  yield* put_nd(k, old);
  return error;
}

function* is_mountpoint(dentry: Dentry): Task<boolean> {
  return ((yield* READ_ONCE(dentry.d_flags)) & DCACHE.MOUNTED) !== 0;
}

/** unlink(2). May sleep. */
export function* sys_unlink(k: FsKernel, task: TaskStruct, path: string): Task<number> {
  const at = yield* lock_parent(k, task, path);
  if (typeof at === 'number') return at === -E.EEXIST ? -E.EISDIR : at;
  const { nd, dentry } = at;
  const inode = (yield* READ_ONCE(dentry.d_inode)) as FsInode | null;
  let error = 0;
  if (nd.last.slash) {
    if (inode === null) error = -E.ENOENT;
    else error = S_ISDIR(yield* READ_ONCE(inode.i_mode)) ? -E.EISDIR : -E.ENOTDIR;
  } else {
    error = yield* may_delete(k, task, nd.inode, dentry, false);
  }
  if (error === 0) {
    yield* k.ihold(inode!);
    yield* k.shmem_unlink(nd.inode, dentry);
    yield* k.d_delete(dentry);
  }
  yield* unlock_parent(k, nd, dentry);
  // The last reference may end the file, and that may sleep: with nothing locked.
  if (error === 0) yield* k.iput(inode);
  return error;
}

/** rmdir(2). May sleep. */
export function* sys_rmdir(k: FsKernel, task: TaskStruct, path: string): Task<number> {
  const parent = yield* filename_lookup(k, task, path, LOOKUP.PARENT);
  if (typeof parent === 'number') return parent;
  const { type } = parent.last;
  yield* put_nd(k, parent);
  if (type === 'dot') return -E.EINVAL;
  if (type === 'dotdot') return -E.ENOTEMPTY;
  if (type === 'root') return -E.EBUSY;
  const at = yield* lock_parent(k, task, path);
  if (typeof at === 'number') return at;
  const { nd, dentry } = at;
  let error = yield* may_delete(k, task, nd.inode, dentry, true);
  if (error === 0) error = yield* remove_dir(k, nd.inode, dentry);
  yield* unlock_parent(k, nd, dentry);
  return error;
}

function* remove_dir(k: FsKernel, dir: FsInode, dentry: Dentry): Task<number> {
  if (yield* is_mountpoint(dentry)) return -E.EBUSY;
  const inode = (yield* READ_ONCE(dentry.d_inode)) as FsInode;
  yield* down_write(inode.i_rwsem);
  const empty = xa_size(yield* READ_ONCE(inode.i_names)) === 0;
  if (empty) {
    yield* k.shmem_rmdir(dir, dentry);
    yield* WRITE_ONCE(inode.i_dead, true);
  }
  yield* up_write(inode.i_rwsem);
  if (!empty) return -E.ENOTEMPTY;
  yield* k.d_delete(dentry);
  return 0;
}

/** Flags of renameat2(2). */
export const RENAME = { NOREPLACE: 1, EXCHANGE: 2 } as const;

/** renameat2(2). May sleep. */
export function* sys_rename(
  k: FsKernel,
  task: TaskStruct,
  from: string,
  to: string,
  flags: number,
): Task<number> {
  if ((flags & ~3) !== 0 || flags === 3) return -E.EINVAL;
  const a = yield* filename_lookup(k, task, from, LOOKUP.PARENT);
  if (typeof a === 'number') return a;
  const b = yield* filename_lookup(k, task, to, LOOKUP.PARENT);
  if (typeof b === 'number') {
    yield* put_nd(k, a);
    return b;
  }
  let error = 0;
  let doomed: FsInode | null = null;
  if (a.mnt !== b.mnt) error = -E.EXDEV;
  else if (a.last.type !== 'norm') error = -E.EBUSY;
  else if (b.last.type !== 'norm') error = (flags & RENAME.NOREPLACE) !== 0 ? -E.EEXIST : -E.EBUSY;
  else {
    yield* lock_rename(k, a, b);
    const old = yield* k.lookup_one(a.dentry, a.last.name);
    const target = typeof old === 'number' ? old : yield* k.lookup_one(b.dentry, b.last.name);
    if (typeof old === 'number') error = old;
    else if (typeof target === 'number') error = target;
    else {
      const over = (yield* READ_ONCE(target.d_inode)) as FsInode | null;
      if (over !== null) yield* k.ihold(over);
      doomed = over;
      error = yield* rename_locked(k, task, a, old, b, target, flags);
    }
    yield* unlock_rename(k, a.inode, b.inode);
    if (typeof old !== 'number') yield* k.dput(old);
    if (typeof target !== 'number') yield* k.dput(target);
  }
  yield* put_nd(k, a);
  yield* put_nd(k, b);
  if (doomed !== null) yield* k.iput(doomed);
  return error;
}

/**
 * Lock two directories, an ancestor first, as rmdir does, too. The rename mutex keeps the tree still
 * meanwhile, and other renames away. Source: fs/namei.c, lock_rename.
 */
function* lock_rename(k: FsKernel, a: Nameidata, b: Nameidata): Task<void> {
  if (a.inode === b.inode) {
    yield* down_write(a.inode.i_rwsem);
    return;
  }
  yield* down_write(k.rename_mutex.sem);
  const b_is_above = (yield* k.d_ancestor(b.dentry, a.dentry)) !== null;
  yield* down_write(b_is_above ? b.inode.i_rwsem : a.inode.i_rwsem);
  yield* down_write(b_is_above ? a.inode.i_rwsem : b.inode.i_rwsem);
}

function* unlock_rename(k: FsKernel, a: FsInode, b: FsInode): Task<void> {
  if (a !== b) yield* up_write(b.i_rwsem);
  yield* up_write(a.i_rwsem);
  if (a !== b) yield* up_write(k.rename_mutex.sem);
}

/** Checks in the kernel's order, then the move. Source: fs/namei.c, do_renameat2 and vfs_rename. */
function* rename_locked(
  k: FsKernel,
  task: TaskStruct,
  a: Nameidata,
  old: Dentry,
  b: Nameidata,
  target: Dentry,
  flags: number,
): Task<number> {
  const inode = (yield* READ_ONCE(old.d_inode)) as FsInode | null;
  const over = (yield* READ_ONCE(target.d_inode)) as FsInode | null;
  if (inode === null) return -E.ENOENT;
  const exchange = (flags & RENAME.EXCHANGE) !== 0;
  if ((flags & RENAME.NOREPLACE) !== 0 && over !== null) return -E.EEXIST;
  if (exchange && over === null) return -E.ENOENT;
  const is_dir = S_ISDIR(yield* READ_ONCE(inode.i_mode));
  const over_dir = over !== null && S_ISDIR(yield* READ_ONCE(over.i_mode));
  if (exchange && b.last.slash && !over_dir) return -E.ENOTDIR;
  if (!is_dir && (a.last.slash || (!exchange && b.last.slash))) return -E.ENOTDIR;
  // The source must not be above the target, nor the target above the source.
  if (yield* k.is_subdir(b.dentry, old)) return -E.EINVAL;
  if (yield* k.is_subdir(a.dentry, target)) return exchange ? -E.EINVAL : -E.ENOTEMPTY;
  if (inode === over) return 0;
  const denied = yield* may_delete(k, task, a.inode, old, is_dir);
  if (denied < 0) return denied;
  const refused =
    over === null
      ? yield* may_create(k, task, b.inode)
      : yield* may_delete(k, task, b.inode, target, exchange ? over_dir : is_dir);
  if (refused < 0) return refused;
  if (is_dir && a.inode !== b.inode) {
    const moved = yield* k.inode_permission(task, inode, MAY_WRITE);
    if (moved < 0) return moved;
  }
  if ((yield* is_mountpoint(old)) || (yield* is_mountpoint(target))) return -E.EBUSY;
  if (exchange) {
    yield* k.shmem_exchange(a.inode, old, b.inode, target);
  } else {
    if (over_dir) {
      // Who makes a name in it holds this lock, and looks whether it is dead.
      yield* down_write(over.i_rwsem);
      const empty = xa_size(yield* READ_ONCE(over.i_names)) === 0;
      if (empty) yield* WRITE_ONCE(over.i_dead, true);
      yield* up_write(over.i_rwsem);
      if (!empty) return -E.ENOTEMPTY;
    }
    yield* k.shmem_rename(a.inode, old, b.inode, target);
  }
  if (exchange) yield* k.d_exchange(old, target);
  else yield* k.d_move(old, target);
  return 0;
}

/** readlink(2). @returns the target, or -EINVAL for what is no link */
export function* sys_readlink(k: FsKernel, task: TaskStruct, path: string): Task<string | number> {
  const nd = yield* filename_lookup(k, task, path, 0);
  if (typeof nd === 'number') return nd;
  const target = S_ISLNK(yield* READ_ONCE(nd.inode.i_mode))
    ? yield* READ_ONCE(nd.inode.i_link)
    : null;
  yield* put_nd(k, nd);
  return target ?? -E.EINVAL;
}

/** stat(2) with `flags` 1, lstat(2) with 0. @returns the numbers of STAT_FIELDS, or -errno */
export function* sys_stat(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  flags: number,
): Task<List<number> | number> {
  const nd = yield* filename_lookup(k, task, path, flags & FOLLOW);
  if (typeof nd === 'number') return nd;
  const stat = yield* k.vfs_getattr(nd.inode);
  yield* put_nd(k, nd);
  return stat;
}

/** access(2). @param mask of 4 read, 2 write, 1 execute; 0 asks whether it is there */
export function* sys_access(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  mask: number,
): Task<number> {
  const nd = yield* filename_lookup(k, task, path, LOOKUP.FOLLOW);
  if (typeof nd === 'number') return nd;
  const error = yield* k.inode_permission(task, nd.inode, mask & 7);
  yield* put_nd(k, nd);
  return error;
}

/** What setattr changes; -1 leaves a value as it is. */
export type Attr = 'mode' | 'owner' | 'times' | 'size';

/**
 * Set one kind of attribute. `a` and `b` are mode, uid and gid, atime and mtime, or the size.
 * @returns 0, -EPERM, -EACCES, -EISDIR, -EINVAL. Source: fs/attr.c
 */
export function* notify_change(
  k: FsKernel,
  task: TaskStruct,
  inode: FsInode,
  what: Attr,
  a: number,
  b: number,
): Task<number> {
  const uid = yield* READ_ONCE(task.uid);
  const mode = yield* READ_ONCE(inode.i_mode);
  if (what === 'size') {
    if (a < 0) return -E.EINVAL;
    if (S_ISDIR(mode)) return -E.EISDIR;
    if ((mode & S_IFMT) !== 0o100000) return -E.EINVAL;
    const denied = yield* k.inode_permission(task, inode, MAY_WRITE);
    if (denied === 0) yield* k.shmem_setsize(inode, a);
    return denied;
  }
  if (uid !== 0 && (yield* READ_ONCE(inode.i_uid)) !== uid) return -E.EPERM;
  const gid = yield* READ_ONCE(task.gid);
  const group = yield* READ_ONCE(inode.i_gid);
  // An owner keeps the file, and may give it to a group of its own.
  if (what === 'owner' && uid !== 0) {
    if ((a >= 0 && a !== uid) || (b >= 0 && b !== gid && b !== group)) return -E.EPERM;
  }
  yield* spin_lock(inode.i_lock);
  if (what === 'mode') {
    const keeps = uid === 0 || gid === group ? PERMISSIONS : PERMISSIONS & ~S_ISGID;
    yield* WRITE_ONCE(inode.i_mode, (mode & S_IFMT) | (a & keeps));
  } else if (what === 'owner') {
    if (a >= 0) yield* WRITE_ONCE(inode.i_uid, a);
    if (b >= 0) yield* WRITE_ONCE(inode.i_gid, b);
    // Who gets a file given must not get its powers with it.
    if (!S_ISDIR(mode))
      yield* WRITE_ONCE(inode.i_mode, mode & ~((mode & 0o10) === 0 ? 0o4000 : 0o6000));
  } else {
    yield* WRITE_ONCE(inode.i_atime, a);
    yield* WRITE_ONCE(inode.i_mtime, b);
  }
  yield* WRITE_ONCE(inode.i_ctime, yield* current_time(k));
  yield* spin_unlock(inode.i_lock);
  return 0;
}

/** chmod(2), chown(2), utimensat(2), truncate(2): see {@link notify_change}. `flags` 1 follows. */
export function* sys_setattr(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  flags: number,
  what: Attr,
  a: number,
  b: number,
): Task<number> {
  const nd = yield* filename_lookup(k, task, path, flags & FOLLOW);
  if (typeof nd === 'number') return nd;
  const error = yield* k.notify_change(task, nd.inode, what, a, b);
  yield* put_nd(k, nd);
  return error;
}

/** fchmod(2), fchown(2), futimens(3). */
export function* sys_fsetattr(
  k: FsKernel,
  task: TaskStruct,
  fd: number,
  what: Attr,
  a: number,
  b: number,
): Task<number> {
  const file = yield* k.fget((yield* READ_ONCE(task.files))!, fd);
  if (file === null) return -E.EBADF;
  const error = yield* k.notify_change(
    task,
    (yield* READ_ONCE(file.f_inode)) as FsInode,
    what,
    a,
    b,
  );
  yield* k.fput(file);
  return error;
}

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

/** statfs(2). @returns block size, blocks, free blocks, inodes, free inodes, device; or -errno */
export function* sys_statfs(
  k: FsKernel,
  task: TaskStruct,
  path: string,
): Task<List<number> | number> {
  const nd = yield* filename_lookup(k, task, path, LOOKUP.FOLLOW);
  if (typeof nd === 'number') return nd;
  const sb = super_of(nd.dentry);
  const blocks = yield* READ_ONCE(sb.s_blocks_used);
  const inodes = yield* READ_ONCE(sb.s_inodes_used);
  yield* put_nd(k, nd);
  const { s_blocks_max, s_inodes_max, s_dev } = sb;
  return k.list<number>([
    4096,
    s_blocks_max,
    s_blocks_max - blocks,
    s_inodes_max,
    s_inodes_max - inodes,
    s_dev,
  ]);
}

/** Update the times of a file to now; needs write permission, not ownership. */
export function* sys_touch(k: FsKernel, task: TaskStruct, path: string): Task<number> {
  const nd = yield* filename_lookup(k, task, path, LOOKUP.FOLLOW);
  if (typeof nd === 'number') return nd;
  const error = yield* k.inode_permission(task, nd.inode, MAY_WRITE);
  if (error === 0) {
    yield* WRITE_ONCE(nd.inode.i_atime, yield* current_time(k));
    yield* touch_mtime(k, nd.inode);
  }
  yield* put_nd(k, nd);
  return error;
}
