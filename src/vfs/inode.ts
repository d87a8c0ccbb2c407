/**
 * struct inode: allocation, references, and the bits that say where in its life it is.
 *
 * Life of i_state: 0 or I_NEW -> live -> I_FREEING -> I_FREEING|I_CLEAR -> freed after a grace
 * period. Invariant: I_FREEING is set once, under i_lock with i_count 0, and nobody takes a
 * reference afterwards. Mirrors fs/inode.c and include/linux/fs.h.
 */

import {
  atomic_fetch_add,
  cmpxchg_loop,
  kmem_cache_alloc,
  lockdep_assert_held,
  might_sleep,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  WARN,
  WRITE_ONCE,
  write,
  type Cell,
  type List,
  type Spinlock,
  type Task,
} from '../machine/index.js';
import type { AliasedInode, Dentry } from '../dcache/index.js';
import type { VfsKernel } from './kernel.js';
import type { SuperBlock } from './super.js';

/** In the hash, but not filled in yet: look-ups wait. */
export const I_NEW = 1 << 0;
/** Final writeback, after which I_FREEING follows. */
export const I_WILL_FREE = 1 << 7;
/** The last reference is gone; nobody may take one any more. */
export const I_FREEING = 1 << 8;
/** clear_inode is done: only the memory is left. */
export const I_CLEAR = 1 << 9;
/** A second chance on the list of unused inodes. */
export const I_REFERENCED = 1 << 10;
/** In the hash by insert_inode_locked: look-ups fail with -ESTALE. */
export const I_CREATING = 1 << 15;
/** Not to be kept when the last reference goes. */
export const I_DONTCACHE = 1 << 16;

/** File type and permission bits of i_mode. */
export const S_IFREG = 0o100000;

/** What an inode's i_lru is linked on. */
export const LRU = { none: 0, unused: 1, dispose: 2 } as const;

export class Inode extends Struct implements AliasedInode {
  readonly i_sb: SuperBlock;
  /** Made by new_inode_pseudo: on no list and in no bucket, ever, so nobody has to look. */
  readonly i_pseudo: boolean;

  // No lock: changed with atomic operations, and to zero only under i_lock.
  readonly i_count = this.cell('i_count', 1);

  readonly i_lock: Spinlock = this.lockCell('i_lock', 'i_lock');
  // i_lock protects these:
  readonly i_state = this.cell('i_state', 0);
  readonly i_dentry: Cell<List<Dentry> | null> = this.cell<List<Dentry> | null>('i_dentry', null);
  /** Under i_lock too, once the inode is shared; one of {@link LRU}. */
  readonly i_lru = this.cell<number>('i_lru', LRU.none);

  /** inode_hash_lock and i_lock protect it: is the inode in its bucket? */
  readonly i_hashed = this.cell('i_hashed', false);
  /** s_inode_list_lock protects it: is the inode on s_inodes? */
  readonly i_sb_list = this.cell('i_sb_list', false);

  // The filesystem's own locking, as i_rwsem, protects it.
  readonly i_nlink = this.cell('i_nlink', 1);

  /** Of a directory: odd while an entry goes from in-lookup to hashed. */
  readonly i_dir_seq = this.cell('i_dir_seq', 0);

  // Set before the inode is published, constant until it is evicted.
  readonly i_ino = this.cell('i_ino', 0);
  readonly i_generation = this.cell('i_generation', 0);
  readonly i_mode = this.cell('i_mode', 0);
  readonly i_private = this.cell<unknown>('i_private', null);

  constructor(sb: SuperBlock, pseudo: boolean) {
    super('inode');
    this.i_sb = sb;
    this.i_pseudo = pseudo;
  }
}

/** An inode with count 1 that is on no list yet. @returns null without memory. May sleep. */
export function* alloc_inode(k: VfsKernel, sb: SuperBlock): Task<Inode | null> {
  yield* might_sleep('alloc_inode');
  return yield* kmem_cache_alloc(k.inode_cache, sb, false);
}

/** An inode that never will be on any list. @returns null without memory. May sleep. */
export function* new_inode_pseudo(k: VfsKernel, sb: SuperBlock): Task<Inode | null> {
  yield* might_sleep('new_inode_pseudo');
  return yield* kmem_cache_alloc(k.inode_cache, sb, true);
}

/** An inode that umount will find. @returns null without memory. May sleep. Source: fs/inode.c. */
export function* new_inode(k: VfsKernel, sb: SuperBlock): Task<Inode | null> {
  const inode = yield* k.alloc_inode(sb);
  if (inode !== null) yield* k.inode_sb_list_add(inode);
  return inode;
}

/** Fill a private inode in, before anybody can see it. */
export function* fill_inode(k: VfsKernel, inode: Inode, ino: number, mode: number): Task<void> {
  yield* write(inode.i_ino, k.i_ino_of(ino));
  yield* write(inode.i_mode, mode);
}

/** Set bits of i_state. Entry: i_lock held. Source: include/linux/fs.h. */
export function* inode_state_set(inode: Inode, bits: number): Task<void> {
  yield* lockdep_assert_held(inode.i_lock);
  yield* WRITE_ONCE(inode.i_state, (yield* READ_ONCE(inode.i_state)) | bits);
}

/** Clear bits of i_state. Entry: i_lock held. Source: include/linux/fs.h. */
export function* inode_state_clear(inode: Inode, bits: number): Task<void> {
  yield* lockdep_assert_held(inode.i_lock);
  yield* WRITE_ONCE(inode.i_state, (yield* READ_ONCE(inode.i_state)) & ~bits);
}

/** Is the inode in no bucket? What new_inode_pseudo made never is. Source: include/linux/fs.h. */
export function* inode_unhashed(_k: VfsKernel, inode: Inode): Task<boolean> {
  return inode.i_pseudo || !(yield* READ_ONCE(inode.i_hashed));
}

/** Add a reference to an inode that one already holds. Never sleeps. Source: fs/inode.c. */
export function* ihold(_k: VfsKernel, inode: Inode): Task<void> {
  if ((yield* atomic_fetch_add(inode.i_count, 1)) < 1)
    yield* WARN('WARNING: ihold of a dead inode');
}

/** Add a reference, also to an unused inode. Entry: i_lock held, not I_FREEING. */
export function* __iget(_k: VfsKernel, inode: Inode): Task<void> {
  yield* lockdep_assert_held(inode.i_lock);
  yield* atomic_fetch_add(inode.i_count, 1);
}

/** Add one unless the count is zero; fully ordered when it succeeds. */
function* atomic_inc_not_zero(count: Cell<number>): Task<boolean> {
  return (yield* cmpxchg_loop(count, (old) => (old > 0 ? old + 1 : undefined))) > 0;
}

/**
 * A reference without i_lock, on an inode found in the hash that somebody is using.
 * Entry: inside RCU or inode_hash_lock held. @returns whether it was got. Source: fs/inode.c, v7.3.
 */
export function* igrab_from_hash(_k: VfsKernel, inode: Inode): Task<boolean> {
  const state = yield* READ_ONCE(inode.i_state);
  if ((state & (I_NEW | I_CREATING | I_FREEING | I_WILL_FREE)) !== 0) return false;
  return yield* atomic_inc_not_zero(inode.i_count);
}

/**
 * A reference on an inode whose memory is known to be there, unless it is going away.
 * @returns the inode, or null. Never sleeps. Source: fs/inode.c.
 */
export function* igrab(k: VfsKernel, inode: Inode): Task<Inode | null> {
  yield* spin_lock(inode.i_lock);
  const freeing = ((yield* READ_ONCE(inode.i_state)) & (I_FREEING | I_WILL_FREE)) !== 0;
  if (!freeing) yield* k.__iget(inode);
  yield* spin_unlock(inode.i_lock);
  return freeing ? null : inode;
}

/** Set the number of links. Entry: the filesystem's own lock. Source: fs/inode.c. */
export function* set_nlink(_k: VfsKernel, inode: Inode, nlink: number): Task<void> {
  yield* WRITE_ONCE(inode.i_nlink, nlink);
}

/** One link more. Entry: the filesystem's own lock. Source: fs/inode.c. */
export function* inc_nlink(_k: VfsKernel, inode: Inode): Task<void> {
  yield* WRITE_ONCE(inode.i_nlink, (yield* READ_ONCE(inode.i_nlink)) + 1);
}

/** One link less. Entry: the filesystem's own lock. Source: fs/inode.c. */
export function* drop_nlink(_k: VfsKernel, inode: Inode): Task<void> {
  const nlink = yield* READ_ONCE(inode.i_nlink);
  if (nlink === 0) yield* WARN('WARNING: link count below zero');
  yield* WRITE_ONCE(inode.i_nlink, nlink - 1);
}

/** No link left. Entry: the filesystem's own lock. Source: fs/inode.c. */
export function* clear_nlink(_k: VfsKernel, inode: Inode): Task<void> {
  yield* WRITE_ONCE(inode.i_nlink, 0);
}
