/**
 * Inodes of pseudo filesystems: allocated, referenced, evicted, freed after a grace period.
 *
 * Life of i_state: 0 -> I_FREEING -> I_FREEING|I_CLEAR. Invariant: I_FREEING is set once, under
 * i_lock with i_count 0, and nobody takes a reference afterwards. Mirrors fs/inode.c.
 */

import {
  atomic_fetch_add,
  cmpxchg,
  kmem_cache_alloc,
  kmem_cache_free,
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
import type { StashedObject } from './stashed.js';
import type { SuperBlock } from './super.js';

/** Bits of i_state. */
export const I_FREEING = 1 << 8;
export const I_CLEAR = 1 << 9;

/** File type and permission bits of i_mode. */
export const S_IFREG = 0o100000;

export class Inode extends Struct implements AliasedInode {
  readonly i_sb: SuperBlock;

  // No lock: changed with atomic operations, and to zero only under i_lock.
  readonly i_count = this.cell('i_count', 1);

  readonly i_lock: Spinlock = this.lockCell('i_lock', 'i_lock');
  // i_lock protects these:
  readonly i_state = this.cell('i_state', 0);
  readonly i_dentry: Cell<List<Dentry> | null> = this.cell<List<Dentry> | null>('i_dentry', null);

  // Set before the inode is published, constant until it is evicted.
  readonly i_ino = this.cell('i_ino', 0);
  readonly i_mode = this.cell('i_mode', 0);
  readonly i_private = this.cell<StashedObject | null>('i_private', null);

  constructor(sb: SuperBlock) {
    super('inode');
    this.i_sb = sb;
  }
}

/** An inode with count 1 that is on no list. @returns null without memory. May sleep. */
export function* new_inode_pseudo(k: VfsKernel, sb: SuperBlock): Task<Inode | null> {
  yield* might_sleep('new_inode_pseudo');
  return yield* kmem_cache_alloc(k.inode_cache, sb);
}

/** Add a reference to an inode that one already holds. Source: fs/inode.c. */
export function* ihold(_k: VfsKernel, inode: Inode): Task<void> {
  if ((yield* atomic_fetch_add(inode.i_count, 1)) < 1)
    yield* WARN('WARNING: ihold of a dead inode');
}

/** Drop a reference; the last one evicts. May sleep. Source: fs/inode.c. */
export function* iput(k: VfsKernel, inode: AliasedInode | null): Task<void> {
  yield* might_sleep('iput');
  if (inode === null) return;
  const held = inode as Inode;
  let count = yield* READ_ONCE(held.i_count);
  while (count > 1) {
    const found = yield* cmpxchg(held.i_count, count, count - 1);
    if (found === count) return;
    count = found;
  }
  yield* spin_lock(held.i_lock);
  if ((yield* atomic_fetch_add(held.i_count, -1)) === 1) {
    yield* k.iput_final(held);
  } else {
    yield* spin_unlock(held.i_lock);
  }
}

/** The last reference is gone. Entry: i_lock held; exit: not held. Source: fs/inode.c. */
export function* iput_final(k: VfsKernel, inode: Inode): Task<void> {
  // These inodes are never hashed, so there is nobody to keep them cached for.
  yield* WRITE_ONCE(inode.i_state, (yield* READ_ONCE(inode.i_state)) | I_FREEING);
  yield* spin_unlock(inode.i_lock);
  yield* k.evict(inode);
}

/** Tear an inode down. May sleep. Source: fs/inode.c. */
export function* evict(k: VfsKernel, inode: Inode): Task<void> {
  yield* inode.i_sb.s_op.evict_inode(k as never, inode);
  if ((yield* READ_ONCE(inode.i_state)) !== (I_FREEING | I_CLEAR)) {
    yield* WARN('kernel BUG: inode evicted without clear_inode');
  }
  yield* k.destroy_inode(inode);
}

/** What every evict_inode does first. Source: fs/inode.c. */
export function* clear_inode(_k: VfsKernel, inode: Inode): Task<void> {
  if ((yield* READ_ONCE(inode.i_state)) !== I_FREEING) {
    yield* WARN('kernel BUG: clear_inode of an inode that is not being freed');
  }
  yield* WRITE_ONCE(inode.i_state, I_FREEING | I_CLEAR);
}

/** Free the memory after a grace period: lockless walkers may still look. Source: fs/inode.c. */
export function* destroy_inode(k: VfsKernel, inode: Inode): Task<void> {
  yield* k.call_rcu(inode, i_callback);
}

function* i_callback(_k: VfsKernel, inode: Inode): Task<void> {
  yield* kmem_cache_free(inode);
}

/** Fill a private inode in, before anybody can see it. */
export function* fill_inode(_k: VfsKernel, inode: Inode, ino: number, mode: number): Task<void> {
  yield* write(inode.i_ino, ino);
  yield* write(inode.i_mode, mode);
}
