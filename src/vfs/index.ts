/** Inodes, the stash and the filesystems on it. */
export * from './file.js';
export * from './ino.js';
export * from './inode.js';
export * from './kernel.js';
export * from './libfs.js';
export * from './stashed.js';
export * from './super.js';
export { vfs_functions } from './functions.js';
export { stashed_dentry_operations } from './pidfs.js';
