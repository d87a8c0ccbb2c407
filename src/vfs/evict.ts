/**
 * From the last reference to freed memory, and what umount does to unused inodes.
 *
 * Invariant: whoever sets I_FREEING, under i_lock with count 0, alone goes on to evict; who looks
 * for the inode in the meantime waits until it has left the hash. Mirrors fs/inode.c of v7.3.
 */

import {
  atomic_fetch_add,
  branch,
  cmpxchg_loop,
  cover,
  kmem_cache_free,
  list_add,
  list_del,
  might_sleep,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WARN,
  WRITE_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import type { AliasedInode } from '../dcache/index.js';
import {
  I_CLEAR,
  I_DONTCACHE,
  I_FREEING,
  I_NEW,
  I_WILL_FREE,
  inode_state_set,
  LRU,
  type Inode,
} from './inode.js';
import type { VfsKernel } from './kernel.js';
import { SB_ACTIVE, type SuperBlock } from './super.js';

const KEPT = branch('iput_final', 'keeps an unused inode');
const WRITTEN = branch('iput_final', 'writes a linked inode back before it is freed');
const REUSED = branch('evict_inodes', 'leaves an inode that is used again under i_lock');
const GOING = branch('evict_inodes', 'leaves an inode that another is freeing');

export const EVICT_BRANCHES: readonly Branch[] = [KEPT, WRITTEN, REUSED, GOING];

/** Drop a reference; the last one keeps the inode unused, or evicts it. May sleep. */
export function* iput(k: VfsKernel, inode: AliasedInode | null): Task<void> {
  yield* might_sleep('iput');
  if (inode === null) return;
  const held = inode as Inode;
  const count = yield* cmpxchg_loop(held.i_count, (old) => (old > 1 ? old - 1 : undefined));
  if (count > 1) return;
  yield* spin_lock(held.i_lock);
  if ((yield* atomic_fetch_add(held.i_count, -1)) === 1) {
    yield* k.iput_final(held);
  } else {
    yield* spin_unlock(held.i_lock);
  }
}

/** drop_inode of filesystems that keep no unused inodes. Source: fs/inode.c. */
export function* inode_just_drop(_k: VfsKernel, _inode: Inode): Task<boolean> {
  return true;
}

/** drop_inode unless a filesystem has its own: nobody can find the inode any more. */
export function* inode_generic_drop(k: VfsKernel, inode: Inode): Task<boolean> {
  if (yield* k.inode_unhashed(inode)) return true;
  return (yield* READ_ONCE(inode.i_nlink)) === 0;
}

/** The last reference is gone. Entry: i_lock held; exit: not held. May sleep. */
export function* iput_final(k: VfsKernel, inode: Inode): Task<void> {
  const { s_op, s_flags } = inode.i_sb;
  const drop_inode = s_op.drop_inode;
  const drop = yield* drop_inode === undefined
    ? k.inode_generic_drop(inode)
    : drop_inode(k as never, inode);
  let state = yield* READ_ONCE(inode.i_state);
  if ((state & I_NEW) !== 0) yield* WARN('WARNING: last reference of a new inode dropped');
  if (!drop) {
    if ((state & I_DONTCACHE) === 0 && ((yield* READ_ONCE(s_flags)) & SB_ACTIVE) !== 0) {
      yield* cover(KEPT);
      yield* k.__inode_add_lru(inode);
      yield* spin_unlock(inode.i_lock);
      return;
    }
    yield* cover(WRITTEN);
    yield* WRITE_ONCE(inode.i_state, state | I_WILL_FREE);
    yield* spin_unlock(inode.i_lock);
    yield* might_sleep('write_inode_now');
    yield* spin_lock(inode.i_lock);
    state = (yield* READ_ONCE(inode.i_state)) & ~I_WILL_FREE;
  }
  yield* WRITE_ONCE(inode.i_state, state | I_FREEING);
  yield* k.inode_lru_list_del(inode);
  yield* spin_unlock(inode.i_lock);
  yield* k.evict(inode);
}

/** Put an inode on its super block's list. Never sleeps. Source: fs/inode.c. */
export function* inode_sb_list_add(_k: VfsKernel, inode: Inode): Task<void> {
  const { s_inodes, s_inode_list_lock } = inode.i_sb;
  yield* spin_lock(s_inode_list_lock);
  yield* list_add(s_inodes, inode);
  yield* WRITE_ONCE(inode.i_sb_list, true);
  yield* spin_unlock(s_inode_list_lock);
}

/** Take an inode off its super block's list if it is on it. Source: fs/inode.c. */
export function* inode_sb_list_del(_k: VfsKernel, inode: Inode): Task<void> {
  if (inode.i_pseudo || !(yield* READ_ONCE(inode.i_sb_list))) return;
  const { s_inodes, s_inode_list_lock } = inode.i_sb;
  yield* spin_lock(s_inode_list_lock);
  yield* list_del(s_inodes, inode);
  yield* WRITE_ONCE(inode.i_sb_list, false);
  yield* spin_unlock(s_inode_list_lock);
}

/**
 * Tear an inode down; the caller has set I_FREEING. May sleep. Source: fs/inode.c.
 *
 * Leaving the hash comes before the wake-up, and takes i_lock: who found the inode and sleeps is
 * on the list of sleepers by then, and who comes later sees under i_lock that it has left.
 */
export function* evict(k: VfsKernel, inode: Inode): Task<void> {
  if (!inode.i_pseudo) {
    if (((yield* READ_ONCE(inode.i_state)) & I_FREEING) === 0)
      yield* WARN('kernel BUG: evict of an inode that is not being freed');
    if ((yield* READ_ONCE(inode.i_lru)) !== LRU.none)
      yield* WARN('kernel BUG: evict of an inode on a list');
    yield* k.inode_sb_list_del(inode);
  }
  const { evict_inode } = inode.i_sb.s_op;
  yield* evict_inode === undefined ? k.clear_inode(inode) : evict_inode(k as never, inode);
  if (!inode.i_pseudo) {
    yield* k.remove_inode_hash(inode);
    yield* k.wake_up_bit(inode);
  }
  if ((yield* READ_ONCE(inode.i_state)) !== (I_FREEING | I_CLEAR)) {
    yield* WARN('kernel BUG: inode evicted without clear_inode');
  }
  yield* k.destroy_inode(inode);
}

/** What every evict_inode does first. Source: fs/inode.c. */
export function* clear_inode(_k: VfsKernel, inode: Inode): Task<void> {
  if (((yield* READ_ONCE(inode.i_state)) & (I_FREEING | I_CLEAR)) !== I_FREEING) {
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

/**
 * Evict every unused inode of a super block that is being unmounted. May sleep. Source: fs/inode.c.
 *
 * The count is looked at again under i_lock: a look-up may have taken a reference in between
 * (CVE-2024-47679).
 */
export function* evict_inodes(k: VfsKernel, sb: SuperBlock): Task<void> {
  yield* might_sleep('evict_inodes');
  const dispose: Inode[] = [];
  yield* spin_lock(sb.s_inode_list_lock);
  for (const inode of (yield* READ_ONCE(sb.s_inodes)) ?? []) {
    if ((yield* READ_ONCE(inode.i_count)) !== 0) continue;
    yield* spin_lock(inode.i_lock);
    if ((yield* READ_ONCE(inode.i_count)) !== 0) {
      yield* cover(REUSED);
      yield* spin_unlock(inode.i_lock);
    } else if (yield* k.take_unused_inode(inode)) {
      dispose.push(inode);
    }
  }
  yield* spin_unlock(sb.s_inode_list_lock);
  for (const inode of dispose) yield* k.dispose_inode(inode);
}

/** Condemn an unused inode unless another has. Entry: i_lock held; exit: not held. */
export function* take_unused_inode(k: VfsKernel, inode: Inode): Task<boolean> {
  if (((yield* READ_ONCE(inode.i_state)) & (I_NEW | I_FREEING | I_WILL_FREE)) !== 0) {
    yield* cover(GOING);
    yield* spin_unlock(inode.i_lock);
    return false;
  }
  yield* inode_state_set(inode, I_FREEING);
  yield* k.inode_lru_list_del(inode);
  yield* WRITE_ONCE(inode.i_lru, LRU.dispose);
  yield* spin_unlock(inode.i_lock);
  return true;
}

/**
 * The filesystem goes away: keep no unused inodes any more, and evict those there are. The dentries
 * are gone already. May sleep. Source: fs/super.c.
 */
export function* generic_shutdown_super(k: VfsKernel, sb: SuperBlock): Task<void> {
  yield* WRITE_ONCE(sb.s_flags, (yield* READ_ONCE(sb.s_flags)) & ~SB_ACTIVE);
  yield* k.evict_inodes(sb);
  yield* spin_lock(sb.s_inode_list_lock);
  const left = [...((yield* READ_ONCE(sb.s_inodes)) ?? [])].length;
  yield* spin_unlock(sb.s_inode_list_lock);
  if (left > 0) yield* WARN('VFS: Busy inodes after unmount');
}

/** Umount of a filesystem without a disk. May sleep. Source: fs/super.c. */
export function* kill_anon_super(k: VfsKernel, sb: SuperBlock): Task<void> {
  yield* k.shrink_dcache_for_umount(sb);
  yield* k.generic_shutdown_super(sb);
}

/** Umount of a tmpfs: the walk takes the pins of its names away. May sleep. Source: mm/shmem.c. */
export function* shmem_kill_sb(k: VfsKernel, sb: SuperBlock): Task<void> {
  yield* k.kill_anon_super(sb);
}

/** The same with the pins taken away before, since nothing marks them. Source: fs/super.c, v6.9. */
export function* kill_litter_super(k: VfsKernel, sb: SuperBlock): Task<void> {
  const root = yield* READ_ONCE(sb.s_root);
  if (root !== null) yield* k.d_genocide(root);
  yield* k.kill_anon_super(sb);
}
