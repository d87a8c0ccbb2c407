/**
 * struct dentry: a name in a directory, or, for pidfs and nsfs, the one handle of an object.
 *
 * Life: allocated (count 1, negative, private) -> instantiated -> published -> count 0 -> dead ->
 * pruned -> unhashed -> negative -> released -> unlisted -> freed after a grace period. Invariant:
 * dead is for ever, and whoever marks it dead holds d_lock and alone goes on to free it.
 * Mirrors include/linux/dcache.h.
 */

import {
  READ_ONCE,
  Struct,
  type Bound,
  type Cell,
  type Completion,
  type List,
  type Section,
  type Slab,
  type Spinlock,
  type Task,
  type WaitQueue,
} from '../machine/index.js';
import type { HashBucket, DcacheState } from './state.js';
import type { ExternalName } from './name.js';
import { lockref_word, type Lockref, type LockrefOps } from '../lockref/index.js';
import type { RcuOps } from '../rcu/index.js';
import type { dcache_functions } from './functions.js';

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
  /** Nothing is held, nobody else sees the dentry: 0 or a negative errno. May sleep. */
  readonly d_init?: (k: never, dentry: Dentry) => Task<number>;
  /** d_lock or RCU is held: is `found` another spelling of `wanted`? Default: equality. */
  readonly d_compare?: (k: never, dentry: Dentry, found: string, wanted: string) => Task<boolean>;
}

/** The parts of an inode that the dcache works on. */
export interface AliasedInode extends Struct {
  readonly i_count: Cell<number>;
  readonly i_lock: Spinlock;
  /** i_lock protects it: the dentries of this inode. */
  readonly i_dentry: Cell<List<Dentry> | null>;
  readonly i_state: Cell<number>;
  /** File type and permissions; constant once the inode is published. */
  readonly i_mode: Cell<number>;
  /** Of a directory: odd while an entry goes from in-lookup to hashed. */
  readonly i_dir_seq: Cell<number>;
  readonly i_sb: DentrySuper;
}

/** The parts of a super block that the dcache works on. */
export interface DentrySuper {
  readonly s_d_op: DentryOperations;
  readonly s_d_flags: number;
  /** Has a dentry operations of its own, by d_set_d_op? In v6.9 only. */
  readonly s_own_d_op?: boolean;
  /** Protects s_dentry_lru; inside d_lock. */
  readonly s_dentry_lru_lock: Spinlock;
  /** The LRU list of unused dentries, newest first. */
  readonly s_dentry_lru: Cell<List<Dentry> | null>;
  /** The root of the tree; null before the mount and after the umount. */
  readonly s_root: Cell<Dentry | null>;
  /** Protects s_roots; inside d_lock. */
  readonly s_roots_lock: Spinlock;
  /** Roots of trees that are not connected to s_root (yet). */
  readonly s_roots: Cell<List<Dentry> | null>;
  /** 1 while a rename between directories holds it. */
  readonly s_vfs_rename_mutex: Cell<number>;
}

/** A super block's cells that are the dcache's own. */
export abstract class DentrySuperCells extends Struct {
  readonly s_dentry_lru_lock: Spinlock = this.lockCell('s_dentry_lru_lock', 'lru_lock');
  readonly s_dentry_lru = this.cell<List<Dentry> | null>('s_dentry_lru', null);
  readonly s_root = this.cell<Dentry | null>('s_root', null);
  readonly s_roots_lock: Spinlock = this.lockCell('s_roots_lock', 's_roots_lock');
  readonly s_roots = this.cell<List<Dentry> | null>('s_roots', null);
  readonly s_vfs_rename_mutex = this.cell('s_vfs_rename_mutex', 0);
}

export class Dentry extends Struct {
  readonly d_sb: DentrySuper;

  /** d_lock and the reference count in one word; d_lock orders below i_lock. */
  readonly d_lockref: Lockref = this.lockCell('d_lockref', 'd_lock', lockref_word(1));

  // d_lock protects these for writing; they are read without it, hence marked accesses.
  readonly d_flags = this.cell('d_flags', 0);
  readonly d_seq = this.cell('d_seq', 0);
  readonly d_inode = this.cell<AliasedInode | null>('d_inode', null);
  readonly d_parent = this.cell<Dentry | null>('d_parent', null);
  // The hash bucket's lock protects these two. An unhashed dentry keeps its d_hash_next, for
  // lockless walkers that stand on it.
  readonly d_hash_next = this.cell<Dentry | null>('d_hash.next', null);
  /**
   * What points to this dentry: the one before it, or its bucket; null for an unhashed one. In v6.9
   * also that it is on the super block's list of roots.
   */
  readonly d_hash_pprev = this.cell<Dentry | HashBucket | 's_roots' | null>('d_hash.pprev', null);
  /** Hash of the name, to which the length belongs. */
  readonly d_hash_len = this.cell('d_name.hash_len', 0);
  /** The bytes themselves, up to 39 of them, or a pointer to an external name. */
  readonly d_name = this.cell<string | ExternalName>('d_name.name', '/');

  // The parent's d_lock protects these two.
  readonly d_children = this.cell<List<Dentry> | null>('d_children', null);
  /** Of a killed dentry: the sibling that a walker who stands here goes to. */
  readonly d_sib_next = this.cell<Dentry | null>('d_sib.next', null);

  /** v6.9, while in lookup: where others sleep until it is over. */
  readonly d_wait = this.cell<WaitQueue | null>('d_wait', null);
  /** v7.3, while dying: who sleeps until the dentry is off its parent's list. */
  readonly d_waiters = this.cell<List<Completion> | null>('waiters', null);

  /** Set before the dentry is published, constant from then on. */
  readonly d_fsdata = this.cell<unknown>('d_fsdata', null);

  /** Of a super block with `s_own_d_op`: set before the dentry is published, constant from then on. */
  readonly d_own_op: Cell<DentryOperations | null> | null;

  // Memory of rules: d_seq when the dentry left the hash outside a write section, until d_lock is
  // given back, else -1; and which hooks have run.
  readonly dropped_at = this.shadow('dropped_at', -1);
  readonly hooks_run = this.shadow('hooks_run', 0);

  readonly d_op: DentryOperations;

  /** @param d_op the super block's own by default */
  constructor(sb: DentrySuper, d_op: DentryOperations = sb.s_d_op) {
    super('dentry');
    this.d_sb = sb;
    this.d_op = d_op;
    this.d_own_op =
      sb.s_own_d_op === true ? this.cell<DentryOperations | null>('d_op', null) : null;
  }
}

/** The operations of a dentry: its super block's, unless d_set_d_op gave it its own. */
export function* operations_of(dentry: Dentry): Task<DentryOperations> {
  if (dentry.d_own_op === null) return dentry.d_op;
  return (yield* READ_ONCE(dentry.d_own_op)) ?? dentry.d_op;
}

/** What the dcache needs of the kernel it is part of, and what it adds to it. */
export type DcacheKernel = LockrefOps &
  RcuOps &
  DcacheState &
  Bound<typeof dcache_functions> & {
    readonly rcu: Section;
    readonly dentry_cache: Slab<Dentry, [DentrySuper]>;
    /** The machine's list with these items. */
    list<T>(items: readonly T[]): List<T>;
    /** From the layer above: drop an inode reference. May sleep. */
    iput(inode: AliasedInode | null): Task<void>;
  };
