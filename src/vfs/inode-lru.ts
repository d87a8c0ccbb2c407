/**
 * Unused inodes: kept on a list per super block, given a second chance, and taken off under
 * pressure.
 *
 * Invariant: an inode is on the list only while its count is zero or about to be looked at again;
 * who takes one off to free it sets I_FREEING in the same hold of i_lock. The list's lock is taken
 * inside i_lock, so the shrinker, which has it first, may only try i_lock. Mirrors fs/inode.c.
 */

import {
  branch,
  cover,
  list_add,
  list_del,
  might_sleep,
  READ_ONCE,
  spin_lock,
  spin_trylock,
  spin_unlock,
  WARN,
  WRITE_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import {
  I_DONTCACHE,
  I_FREEING,
  I_NEW,
  I_REFERENCED,
  I_WILL_FREE,
  inode_state_clear,
  inode_state_set,
  LRU,
  type Inode,
} from './inode.js';
import type { VfsKernel } from './kernel.js';
import type { SuperBlock } from './super.js';

const BUSY = branch('inode_lru_isolate', 'skips an inode whose i_lock is taken');
const USED = branch('inode_lru_isolate', 'takes a used inode off the list');
const SECOND_CHANCE = branch('inode_lru_isolate', 'gives a second chance');
const ISOLATED = branch('inode_lru_isolate', 'takes an unused inode to free it');

/** Branches of this file, for coverage reports. */
export const INODE_LRU_BRANCHES: readonly Branch[] = [BUSY, USED, SECOND_CHANCE, ISOLATED];

/**
 * Put an inode with count 0 on the list of unused ones, or give it a second chance.
 * Entry: i_lock held. Source: fs/inode.c.
 */
export function* __inode_add_lru(_k: VfsKernel, inode: Inode): Task<void> {
  const state = yield* READ_ONCE(inode.i_state);
  if ((state & (I_FREEING | I_WILL_FREE | I_NEW | I_DONTCACHE)) !== 0) return;
  if ((yield* READ_ONCE(inode.i_count)) !== 0) return;
  if ((yield* READ_ONCE(inode.i_lru)) === LRU.none) {
    yield* spin_lock(inode.i_sb.s_inode_lru_lock);
    yield* list_add(inode.i_sb.s_inode_lru, inode);
    yield* WRITE_ONCE(inode.i_lru, LRU.unused);
    yield* spin_unlock(inode.i_sb.s_inode_lru_lock);
  } else {
    yield* inode_state_set(inode, I_REFERENCED);
  }
}

/** Take an inode off the list of unused ones if it is on it. Entry: i_lock held. */
export function* inode_lru_list_del(_k: VfsKernel, inode: Inode): Task<void> {
  if (inode.i_pseudo || (yield* READ_ONCE(inode.i_lru)) !== LRU.unused) return;
  const { s_inode_lru, s_inode_lru_lock } = inode.i_sb;
  yield* spin_lock(s_inode_lru_lock);
  // The shrinker may have been here first; it does not need i_lock to win only under its own lock.
  if ((yield* READ_ONCE(inode.i_lru)) === LRU.unused) {
    yield* list_del(s_inode_lru, inode);
    yield* WRITE_ONCE(inode.i_lru, LRU.none);
  }
  yield* spin_unlock(s_inode_lru_lock);
}

/**
 * What the shrinker does with one inode of the list. Entry and exit: the list's lock held.
 * @returns whether the inode is the caller's now, to be evicted. Source: fs/inode.c.
 */
export function* inode_lru_isolate(_k: VfsKernel, inode: Inode): Task<boolean> {
  // The order is i_lock first, so this may not wait.
  if (!(yield* spin_trylock(inode.i_lock))) {
    yield* cover(BUSY);
    return false;
  }
  const { s_inode_lru } = inode.i_sb;
  const state = yield* READ_ONCE(inode.i_state);
  if ((yield* READ_ONCE(inode.i_count)) > 0 || (state & ~I_REFERENCED) !== 0) {
    yield* cover(USED);
    yield* list_del(s_inode_lru, inode);
    yield* WRITE_ONCE(inode.i_lru, LRU.none);
    yield* spin_unlock(inode.i_lock);
    return false;
  }
  if ((state & I_REFERENCED) !== 0) {
    yield* cover(SECOND_CHANCE);
    yield* inode_state_clear(inode, I_REFERENCED);
    yield* spin_unlock(inode.i_lock);
    return false;
  }
  yield* cover(ISOLATED);
  yield* inode_state_set(inode, I_FREEING);
  yield* list_del(s_inode_lru, inode);
  yield* WRITE_ONCE(inode.i_lru, LRU.dispose);
  yield* spin_unlock(inode.i_lock);
  return true;
}

/** Evict the unused inodes of a super block, but for second chances. May sleep. */
export function* prune_icache_sb(k: VfsKernel, sb: SuperBlock): Task<number> {
  yield* might_sleep('prune_icache_sb');
  const freeable: Inode[] = [];
  yield* spin_lock(sb.s_inode_lru_lock);
  for (const inode of (yield* READ_ONCE(sb.s_inode_lru)) ?? []) {
    if (yield* k.inode_lru_isolate(inode)) freeable.push(inode);
  }
  yield* spin_unlock(sb.s_inode_lru_lock);
  for (const inode of freeable) yield* k.dispose_inode(inode);
  return freeable.length;
}

/** Evict one inode of a private list; the caller has set I_FREEING. May sleep. */
export function* dispose_inode(k: VfsKernel, inode: Inode): Task<void> {
  if ((yield* READ_ONCE(inode.i_lru)) !== LRU.dispose)
    yield* WARN('WARNING: disposed inode on no list');
  yield* WRITE_ONCE(inode.i_lru, LRU.none);
  yield* k.evict(inode);
}
