/** Inodes, the stash and the filesystems on it. */
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
export { vfs_functions } from './functions.js';
export { stashed_dentry_operations } from './pidfs.js';
