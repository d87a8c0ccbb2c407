/**
 * struct dentry: a name in a directory, or, for pidfs and nsfs, the one handle of an object.
 *
 * Life: allocated (count 1, negative, private) -> instantiated -> published -> count 0 -> dead ->
 * pruned -> unhashed -> negative -> released -> unlisted -> freed after a grace period. Invariant:
 * dead is for ever, and whoever marks it dead holds d_lock and alone goes on to free it.
 * Mirrors include/linux/dcache.h.
 */

import {
  Struct,
  type Bound,
  type Cell,
  type List,
  type Section,
  type Slab,
  type Spinlock,
  type Task,
} from '../machine/index.js';
import { lockref_word, type Lockref, type LockrefOps } from '../lockref/index.js';
import type { RcuOps } from '../rcu/index.js';
import type { dcache_functions } from './functions.js';

/** Bits of d_flags; numbers as in v7.3. */
export const DCACHE = {
  DISCONNECTED: 1 << 5,
  REFERENCED: 1 << 6,
  DONTCACHE: 1 << 7,
  CANT_MOUNT: 1 << 8,
  SHRINK_LIST: 1 << 10,
  DENTRY_KILLED: 1 << 14,
  LRU_LIST: 1 << 18,
  /** Type bits, zero for a negative dentry. */
  ENTRY_TYPE: 7 << 19,
  DIRECTORY_TYPE: 2 << 19,
  REGULAR_TYPE: 4 << 19,
  NORCU: 1 << 26,
} as const;

/** What a filesystem hooks into a dentry's life. Each runs with the locks named. */
export interface DentryOperations {
  /** d_lock, and i_lock if positive, are held; the dentry is dead, positive, still hashed. */
  readonly d_prune?: (k: never, dentry: Dentry) => Task<void>;
  /** No lock is held; the inode is gone, the memory is not. */
  readonly d_release?: (k: never, dentry: Dentry) => Task<void>;
  /** No lock is held; must drop the inode reference. May sleep. */
  readonly d_iput?: (k: never, dentry: Dentry, inode: AliasedInode) => Task<void>;
  /** d_lock is held: should a dentry with count 0 go? */
  readonly d_delete?: (k: never, dentry: Dentry) => Task<boolean>;
}

/** The parts of an inode that the dcache works on. */
export interface AliasedInode extends Struct {
  readonly i_lock: Spinlock;
  /** i_lock protects it: the dentries of this inode. */
  readonly i_dentry: Cell<List<Dentry> | null>;
}

/** The parts of a super block that the dcache works on; none of them ever changes. */
export interface DentrySuper {
  readonly s_d_op: DentryOperations;
  readonly s_d_flags: number;
  /** The super block's LRU list of unused dentries. */
  readonly s_dentry_lru: Cell<List<Dentry> | null>;
}

export class Dentry extends Struct {
  readonly d_sb: DentrySuper;
  readonly d_name: string;

  /** d_lock and the reference count in one word; d_lock orders below i_lock. */
  readonly d_lockref: Lockref = this.lockCell('d_lockref', 'd_lock', lockref_word(1));

  // d_lock protects these for writing; they are read without it, hence marked accesses.
  readonly d_flags = this.cell('d_flags', 0);
  readonly d_seq = this.cell('d_seq', 0);
  readonly d_inode = this.cell<AliasedInode | null>('d_inode', null);
  readonly d_parent = this.cell<Dentry | null>('d_parent', null);
  /** Stands for d_hash.pprev: is the dentry in the hash table? */
  readonly d_hashed = this.cell('d_hashed', false);

  /** Set before the dentry is published, constant from then on. */
  readonly d_fsdata = this.cell<unknown>('d_fsdata', null);

  constructor(sb: DentrySuper, name: string) {
    super('dentry');
    this.d_sb = sb;
    this.d_name = name;
  }

  get d_op(): DentryOperations {
    return this.d_sb.s_d_op;
  }
}

/** What the dcache needs of the kernel it is part of, and what it adds to it. */
export type DcacheKernel = LockrefOps &
  RcuOps &
  Bound<typeof dcache_functions> & {
    readonly rcu: Section;
    readonly dentry_cache: Slab<Dentry, [DentrySuper, string]>;
    /** From the layer above: drop an inode reference. May sleep. */
    iput(inode: AliasedInode | null): Task<void>;
  };
