/**
 * System calls about the process itself. Mirrors fs/open.c, fs/d_path.c, kernel/sys.c, kernel/fork.c
 * and fs/namespace.c.
 */

import {
  E,
  IS_ERR,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type Task,
} from '../../machine/index.js';
import { DCACHE, name_of, type Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import { __lookup_mnt, type Mount } from '../walk/mount.js';
import { filename_lookup } from '../walk/namei.js';
import { LOOKUP } from '../walk/nameidata.js';
import { MAY_EXEC } from '../walk/permission.js';

/** chdir(2). @returns 0 or -errno. May sleep. */
export function* sys_chdir(k: FsKernel, task: TaskStruct, path: string): Task<number> {
  return yield* change_place(k, task, path, false);
}

/** chroot(2): only for the superuser. */
export function* sys_chroot(k: FsKernel, task: TaskStruct, path: string): Task<number> {
  if ((yield* READ_ONCE(task.uid)) !== 0) return -E.EPERM;
  return yield* change_place(k, task, path, true);
}

function* change_place(k: FsKernel, task: TaskStruct, path: string, root: boolean): Task<number> {
  const nd = yield* filename_lookup(k, task, path, LOOKUP.FOLLOW | LOOKUP.DIRECTORY);
  if (typeof nd === 'number') return nd;
  const denied = yield* k.inode_permission(task, nd.inode, MAY_EXEC);
  if (denied < 0) {
    yield* k.dput(nd.dentry);
    yield* k.mntput(nd.mnt);
    return denied;
  }
  const fs = (yield* READ_ONCE(task.fs))!;
  const dentry = root ? fs.root : fs.pwd;
  const mnt = root ? fs.root_mnt : fs.pwd_mnt;
  yield* spin_lock(fs.lock);
  const old = yield* READ_ONCE(dentry);
  const old_mnt = (yield* READ_ONCE(mnt))!;
  yield* WRITE_ONCE(dentry, nd.dentry);
  yield* WRITE_ONCE(mnt, nd.mnt);
  yield* spin_unlock(fs.lock);
  yield* k.dput(old);
  yield* k.mntput(old_mnt);
  return 0;
}

/** getcwd(2). @returns the path, or -ENOENT if the directory was removed */
export function* sys_getcwd(k: FsKernel, task: TaskStruct): Task<string | number> {
  const fs = (yield* READ_ONCE(task.fs))!;
  const root = yield* READ_ONCE(fs.root);
  let dentry = (yield* READ_ONCE(fs.pwd))!;
  let mnt = (yield* READ_ONCE(fs.pwd_mnt))!;
  let path = '';
  for (;;) {
    if (dentry === root) return path === '' ? '/' : path;
    if (dentry === (yield* READ_ONCE(mnt.mnt_root))) {
      const place = yield* READ_ONCE(mnt.mnt_mountpoint);
      const parent = yield* READ_ONCE(mnt.mnt_parent);
      if (place === null || parent === null) return path === '' ? '/' : path;
      dentry = place;
      mnt = parent;
      continue;
    }
    if (yield* k.d_unhashed(dentry)) return -E.ENOENT;
    path = `/${name_of(yield* READ_ONCE(dentry.d_name))}${path}`;
    dentry = (yield* READ_ONCE(dentry.d_parent))!;
  }
}

/** umask(2). @returns the old mask */
export function* sys_umask(_k: FsKernel, task: TaskStruct, mask: number): Task<number> {
  const fs = (yield* READ_ONCE(task.fs))!;
  const old = yield* READ_ONCE(fs.umask);
  yield* WRITE_ONCE(fs.umask, mask & 0o777);
  return old;
}

/** setresuid(2) and setresgid(2) at once: only the superuser may become another. -1 keeps. */
export function* sys_setuid(
  _k: FsKernel,
  task: TaskStruct,
  uid: number,
  gid: number,
): Task<number> {
  const own = yield* READ_ONCE(task.uid);
  if (own !== 0) {
    if (uid >= 0 && uid !== own) return -E.EPERM;
    if (gid >= 0 && gid !== (yield* READ_ONCE(task.gid))) return -E.EPERM;
  }
  if (gid >= 0) yield* WRITE_ONCE(task.gid, gid);
  // Who is the superuser no more has nothing left of its powers.
  if (uid > 0) yield* WRITE_ONCE(task.caps, false);
  if (uid >= 0) yield* WRITE_ONCE(task.uid, uid);
  return 0;
}

/** setrlimit(2) for RLIMIT_NOFILE. */
export function* sys_setrlimit_nofile(_k: FsKernel, task: TaskStruct, limit: number): Task<number> {
  if (limit < 0) return -E.EINVAL;
  yield* WRITE_ONCE(task.rlimit_nofile, limit);
  return 0;
}

/** What execve(2) does to the process: other threads end, and what is close-on-exec is closed. */
export function* sys_execve(k: FsKernel, task: TaskStruct): Task<number> {
  yield* k.de_thread(task);
  yield* k.do_close_on_exec((yield* READ_ONCE(task.files))!);
  return 0;
}

/** getpid(2). */
export function* sys_getpid(k: FsKernel, task: TaskStruct): Task<number> {
  return yield* k.task_nr((yield* READ_ONCE(task.group_leader))!, task);
}

/** getppid(2). */
export function* sys_getppid(k: FsKernel, task: TaskStruct): Task<number> {
  const parent = yield* READ_ONCE(task.real_parent);
  return parent === null ? 0 : yield* k.task_nr(parent, task);
}

/** What is mounted on a place, with a reference, or null. */
export function* lookup_mounted(k: FsKernel, mnt: Mount, dentry: Dentry): Task<Mount | null> {
  let found: Mount | null = null;
  let at = dentry;
  let on = mnt;
  while (((yield* READ_ONCE(at.d_flags)) & DCACHE.MOUNTED) !== 0) {
    const next = yield* __lookup_mnt(k, on, at);
    if (next === null) break;
    found = next;
    on = next;
    at = (yield* READ_ONCE(next.mnt_root))!;
  }
  if (found !== null) {
    yield* k.mntget(found);
    yield* k.dget(at);
  }
  return found;
}

/**
 * mount(2), of a new tmpfs on a directory. Only for the superuser. May sleep.
 * @returns 0 or -errno
 */
export function* sys_mount_tmpfs(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  blocks: number,
  inodes: number,
): Task<number> {
  if ((yield* READ_ONCE(task.uid)) !== 0) return -E.EPERM;
  const nd = yield* filename_lookup(k, task, path, LOOKUP.FOLLOW | LOOKUP.DIRECTORY);
  if (typeof nd === 'number') return nd;
  const root = yield* k.shmem_fill_super(task, blocks, inodes);
  let error = IS_ERR(root) ? root.errno : 0;
  if (!IS_ERR(root)) {
    const mount = yield* k.do_mount(root.d_sb as never, root, nd.mnt, nd.dentry);
    if (typeof mount === 'number') error = mount;
  }
  yield* k.dput(nd.dentry);
  yield* k.mntput(nd.mnt);
  return error;
}

/** umount2(2). @param detach MNT_DETACH: even if it is in use. @returns 0, -EINVAL, -EBUSY */
export function* sys_umount(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  detach: boolean,
): Task<number> {
  if ((yield* READ_ONCE(task.uid)) !== 0) return -E.EPERM;
  const nd = yield* filename_lookup(k, task, path, LOOKUP.FOLLOW);
  if (typeof nd === 'number') return nd;
  const is_root = nd.dentry === (yield* READ_ONCE(nd.mnt.mnt_root));
  yield* k.dput(nd.dentry);
  const error = is_root ? yield* k.do_umount(nd.mnt, detach) : -E.EINVAL;
  yield* k.mntput(nd.mnt);
  return error;
}
