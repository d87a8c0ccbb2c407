/** Inodes, the stash and the filesystems on it; processes, path walk, tmpfs and system calls. */
export { EVICT_BRANCHES } from './evict.js';
export * from './file.js';
export { ICACHE_BRANCHES, type InodeSet, type InodeTest } from './icache.js';
export * from './ino.js';
export * from './inode.js';
export { INODE_LRU_BRANCHES } from './inode-lru.js';
export { INODE_V6_9_BRANCHES } from './inode-v6.9.js';
export * from './kernel.js';
export * from './libfs.js';
export * from './numbers.js';
export * from './stashed.js';
export * from './super.js';
export { vfs_functions, vfs_functions_v6_9 } from './functions.js';
export { stashed_dentry_operations } from './pidfs.js';
export { fs_functions } from './fs-functions.js';
export { create_fs_kernel, type FsKernel, type FsOptions } from './fs-kernel.js';
export type { Bytes } from './platform/index.js';
export { TaskStruct } from './process/structs.js';
export { CLD, P, WCONTINUED, WEXITED, WNOHANG, WNOWAIT, WSTOPPED } from './process/wait.js';
export { SIG } from './process/signal.js';
export { CLONE, type Namespace } from './ns/structs.js';
export {
  FS_IOC_GETVERSION,
  LISTNS_CURRENT_USER,
  NS,
  PIDFD_GET,
  PIDFD_GET_INFO,
} from './nsfs/nsfd.js';
export { PIDFD, PIDFD_INFO, PIDFD_SIGNAL, POLL } from './pidfs/pidfd.js';
export { AT, FD_NSFS_ROOT, FD_PIDFS_ROOT, FILEID } from './syscall/handle.js';
export { OPEN_TREE } from './syscall/mount.js';
export { F, STAT_FIELDS } from './syscall/io.js';
export type { Attr } from './syscall/attr.js';
export { RENAME } from './syscall/rename.js';
export { O } from './syscall/flags.js';
export { exit_to_user_mode } from './fs-rules.js';
export {
  CLONE_PIDFD,
  CLONE_THREAD,
  type FileHandleAt,
  type PidfdInfo,
  type SigInfo,
} from './syscall/identity-table.js';
export { syscall_table, type FileStat } from './syscall/table.js';
export { NAMEI_BRANCHES } from './walk/namei.js';
