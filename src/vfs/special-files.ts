/**
 * The super blocks of pidfs and nsfs in a kernel with processes, and what their files can do.
 * Mirrors fs/pidfs.c and fs/nsfs.c.
 */

import { E } from '../machine/index.js';
import type { DentryOperations } from '../dcache/index.js';
import type { FsKernel } from './fs-kernel.js';
import { nsfs_sops, nsfs_stashed_ops } from './nsfs.js';
import type { Namespace } from './ns/structs.js';
import { pidfs_sops, pidfs_stashed_ops } from './pidfs.js';
import { pidfs_attr_stashed_ops } from './pidfs/inode.js';
import type { File, TaskStruct } from './process/structs.js';
import { FsSuper, type FsOperations } from './tmpfs/structs.js';

const PIDFS_DEV = 1;
const NSFS_DEV = 2;

const pidfs_file_operations: FsOperations = {
  ioctl: (k: FsKernel, task: TaskStruct, file: File, command: number, arg: number) =>
    k.pidfd_ioctl(task, file, command, arg),
  poll: (k: FsKernel, file: File) => k.pidfd_poll(file),
  show_fdinfo: (k: FsKernel, viewer: Namespace, file: File) => k.pidfd_show_fdinfo(viewer, file),
  setattr: -E.EOPNOTSUPP,
  no_data: true,
};

const nsfs_file_operations: FsOperations = {
  ioctl: (k: FsKernel, task: TaskStruct, file: File, command: number, arg: number) =>
    k.ns_ioctl(task, file, command, arg),
  setattr: -E.EPERM,
  immutable: true,
  no_data: true,
};

function limits(dev: number): ConstructorParameters<typeof FsSuper>[2] {
  return { dev, blocks: 0, inodes: 0, reuseIno: false };
}

/** The super block of pidfs. @param old as in v6.9: no records, and stat tells a type */
export function pidfs_super(s_d_op: DentryOperations, s_d_flags: number, old: boolean): FsSuper {
  const s_fs_info = (old ? pidfs_stashed_ops : pidfs_attr_stashed_ops) as never;
  const base = { s_op: pidfs_sops, s_d_op, s_d_flags, s_fs_info };
  return new FsSuper('pidfs', base, limits(PIDFS_DEV), {
    ...pidfs_file_operations,
    typeless: !old,
  });
}

/** The super block of nsfs. */
export function nsfs_super(s_d_op: DentryOperations, s_d_flags: number): FsSuper {
  const base = { s_op: nsfs_sops, s_d_op, s_d_flags, s_fs_info: nsfs_stashed_ops as never };
  return new FsSuper('nsfs', base, limits(NSFS_DEV), nsfs_file_operations);
}
