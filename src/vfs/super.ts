/**
 * Super blocks: one mounted filesystem, with the tables of what it does.
 *
 * Nothing here ever changes after the mount, so reading it is not a memory access; the lists that
 * do change are cells. Mirrors include/linux/fs.h.
 */

import type { Cell, List, Spinlock, Task } from '../machine/index.js';
import { DentrySuperCells, type DentryOperations, type DentrySuper } from '../dcache/index.js';
import type { Inode } from './inode.js';
import type { StashedObject, StashedOperations } from './stashed.js';

/** What a filesystem hooks into an inode's life. */
export interface SuperOperations {
  /** The inode is I_FREEING and unreachable; must call clear_inode. May sleep. */
  readonly evict_inode?: (k: never, inode: Inode) => Task<void>;
  /** i_lock is held, the count is zero: must the inode go at once? May not sleep. */
  readonly drop_inode?: (k: never, inode: Inode) => Task<boolean>;
}

/** Bit of s_flags: mounted, so that unused inodes are worth keeping. */
export const SB_ACTIVE = 1 << 30;

export class SuperBlock extends DentrySuperCells implements DentrySuper {
  readonly s_type: string;
  readonly s_op: SuperOperations;
  readonly s_d_op: DentryOperations;
  readonly s_d_flags: number;
  readonly s_fs_info: StashedOperations<StashedObject>;

  readonly s_flags = this.cell('s_flags', SB_ACTIVE);
  /** Every inode but those of new_inode_pseudo; the lock nests outside i_lock. */
  readonly s_inode_list_lock: Spinlock = this.lockCell('s_inode_list_lock', 's_inode_list_lock');
  readonly s_inodes: Cell<List<Inode> | null> = this.cell<List<Inode> | null>('s_inodes', null);
  /** The list's own lock, which nests inside i_lock. */
  readonly s_inode_lru_lock: Spinlock = this.lockCell('s_inode_lru_lock', 's_inode_lru_lock');
  /** Unused inodes, oldest last. */
  readonly s_inode_lru: Cell<List<Inode> | null> = this.cell<List<Inode> | null>(
    's_inode_lru',
    null,
  );

  constructor(
    type: string,
    s_op: SuperOperations,
    s_d_op: DentryOperations,
    s_d_flags: number,
    s_fs_info: StashedOperations<StashedObject>,
  ) {
    super('super_block');
    this.label = type;
    this.s_type = type;
    this.s_op = s_op;
    this.s_d_op = s_d_op;
    this.s_d_flags = s_d_flags;
    this.s_fs_info = s_fs_info;
  }
}
