/**
 * Bits of d_flags, and the type of a dentry by its inode's mode.
 *
 * d_lock protects d_flags for writing; it is read without. LRU_LIST with SHRINK_LIST means "on a
 * private list", LRU_LIST alone "on the super block's"; SHRINK_LIST alone is illegal.
 * Mirrors include/linux/dcache.h; numbers as in v7.3.
 */

export const DCACHE = {
  DISCONNECTED: 1 << 5,
  REFERENCED: 1 << 6,
  DONTCACHE: 1 << 7,
  CANT_MOUNT: 1 << 8,
  /** v7.3: somebody sleeps until PAR_LOOKUP is gone. */
  LOOKUP_WAITERS: 1 << 9,
  /** v6.9: d_genocide took the pin of this dentry already. */
  GENOCIDE: 1 << 9,
  SHRINK_LIST: 1 << 10,
  DENTRY_KILLED: 1 << 14,
  MOUNTED: 1 << 15,
  LRU_LIST: 1 << 18,
  /** Type bits, zero for a negative dentry. */
  ENTRY_TYPE: 7 << 19,
  DIRECTORY_TYPE: 2 << 19,
  REGULAR_TYPE: 4 << 19,
  SPECIAL_TYPE: 5 << 19,
  SYMLINK_TYPE: 6 << 19,
  PAR_LOOKUP: 1 << 24,
  DENTRY_CURSOR: 1 << 25,
  NORCU: 1 << 26,
  /** v7.3: the filesystem holds a reference of its own. */
  PERSISTENT: 1 << 27,
  /** Only here: the root is on s_roots. The kernel looks at d_sib. */
  ROOTS_LIST: 1 << 28,
  /** Only here: d_name points to an external name. The kernel compares the pointer. */
  EXTERNAL_NAME: 1 << 29,
} as const;

/** I_DONTCACHE of i_state. Source: include/linux/fs.h. */
export const I_DONTCACHE = 1 << 16;

const S_IFMT = 0o170000;

/** The type bits for an inode of this mode. Source: fs/dcache.c. */
export function d_flags_for_mode(mode: number): number {
  switch (mode & S_IFMT) {
    case 0o040000:
      return DCACHE.DIRECTORY_TYPE;
    case 0o120000:
      return DCACHE.SYMLINK_TYPE;
    case 0o100000:
    case 0:
      return DCACHE.REGULAR_TYPE;
    default:
      return DCACHE.SPECIAL_TYPE;
  }
}

/** Is this the mode of a directory? */
export function is_directory_mode(mode: number): boolean {
  return (mode & S_IFMT) === 0o040000;
}
