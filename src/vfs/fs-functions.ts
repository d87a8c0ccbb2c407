/** Every function of processes, path walk, tmpfs and system calls by name. */

import * as fdtable from './process/fdtable.js';
import * as process from './process/process.js';
import * as inode from './tmpfs/inode.js';
import * as data from './tmpfs/data.js';
import * as dir from './tmpfs/dir.js';
import * as sup from './tmpfs/super.js';
import * as mount from './walk/mount.js';
import * as lookup from './walk/lookup.js';
import * as namei from './walk/namei.js';
import * as nameidata from './walk/nameidata.js';
import * as permission from './walk/permission.js';
import * as open from './syscall/open.js';
import * as io from './syscall/io.js';
import * as attr from './syscall/attr.js';
import * as create from './syscall/create.js';
import * as readdir from './syscall/readdir.js';
import * as remove from './syscall/remove.js';
import * as rename from './syscall/rename.js';
import * as stat from './syscall/stat.js';
import * as proc from './syscall/process.js';

/** Every function of files, path walk, tmpfs and system calls, by name. */
export const fs_functions = {
  alloc_fd: fdtable.alloc_fd,
  put_unused_fd: fdtable.put_unused_fd,
  fd_install: fdtable.fd_install,
  fget: fdtable.fget,
  fget_raw: fdtable.fget_raw,
  do_dup2: fdtable.do_dup2,
  set_close_on_exec: fdtable.set_close_on_exec,
  file_ref_get: fdtable.file_ref_get,
  alloc_empty_file: fdtable.alloc_empty_file,
  do_dentry_open: fdtable.do_dentry_open,
  fput: fdtable.fput,
  __fput: fdtable.__fput,
  free_file: fdtable.free_file,
  file_close_fd: fdtable.file_close_fd,
  dup_fd: fdtable.dup_fd,
  put_files_struct: fdtable.put_files_struct,
  do_close_on_exec: fdtable.do_close_on_exec,
  alloc_pid_number: process.alloc_pid_number,
  find_task_by_pid: process.find_task_by_pid,
  copy_process: process.copy_process,
  put_fs_struct: process.put_fs_struct,
  do_exit: process.do_exit,
  free_pid_number: process.free_pid_number,
  sys_wait4: process.sys_wait4,
  shmem_get_inode: inode.shmem_get_inode,
  shmem_get_ino: inode.shmem_get_ino,
  shmem_evict_inode: inode.shmem_evict_inode,
  shmem_setsize: inode.shmem_setsize,
  shmem_file_read: data.shmem_file_read,
  shmem_file_write: data.shmem_file_write,
  shmem_recalc_inode: data.shmem_recalc_inode,
  shmem_mknod: dir.shmem_mknod,
  shmem_symlink: dir.shmem_symlink,
  shmem_link: dir.shmem_link,
  shmem_unlink: dir.shmem_unlink,
  shmem_rmdir: dir.shmem_rmdir,
  shmem_rename: dir.shmem_rename,
  shmem_exchange: dir.shmem_exchange,
  shmem_fill_super: sup.shmem_fill_super,
  mntget: mount.mntget,
  mntput: mount.mntput,
  do_mount: mount.do_mount,
  do_umount: mount.do_umount,
  lookup_slow: lookup.lookup_slow,
  lookup_locked: lookup.lookup_locked,
  simple_lookup: lookup.simple_lookup,
  lookup_one: lookup.lookup_one,
  kern_path: namei.kern_path,
  path_put: nameidata.path_put,
  inode_permission: permission.inode_permission,
  sys_open: open.sys_open,
  sys_close: open.sys_close,
  sys_dup: open.sys_dup,
  sys_dup3: open.sys_dup3,
  set_file_flags: open.set_file_flags,
  sys_read: io.sys_read,
  sys_write: io.sys_write,
  sys_lseek: io.sys_lseek,
  vfs_getattr: io.vfs_getattr,
  sys_fstat: io.sys_fstat,
  sys_ftruncate: io.sys_ftruncate,
  sys_fsync: io.sys_fsync,
  sys_fcntl: io.sys_fcntl,
  sys_mkdir: create.sys_mkdir,
  sys_symlink: create.sys_symlink,
  sys_link: create.sys_link,
  sys_unlink: remove.sys_unlink,
  sys_rmdir: remove.sys_rmdir,
  sys_rename: rename.sys_rename,
  sys_readlink: stat.sys_readlink,
  sys_stat: stat.sys_stat,
  sys_access: stat.sys_access,
  notify_change: attr.notify_change,
  sys_setattr: attr.sys_setattr,
  sys_fsetattr: attr.sys_fsetattr,
  sys_getdents: readdir.sys_getdents,
  sys_statfs: stat.sys_statfs,
  sys_touch: attr.sys_touch,
  sys_chdir: proc.sys_chdir,
  sys_chroot: proc.sys_chroot,
  sys_getcwd: proc.sys_getcwd,
  sys_umask: proc.sys_umask,
  sys_setuid: proc.sys_setuid,
  sys_setrlimit_nofile: proc.sys_setrlimit_nofile,
  sys_execve: proc.sys_execve,
  sys_getpid: proc.sys_getpid,
  sys_getppid: proc.sys_getppid,
  lookup_mounted: proc.lookup_mounted,
  sys_mount_tmpfs: proc.sys_mount_tmpfs,
  sys_umount: proc.sys_umount,
} as const;
