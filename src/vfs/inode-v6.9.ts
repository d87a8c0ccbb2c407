/**
 * What v6.9 did differently with inodes: searching only under inode_hash_lock, and evict_inodes
 * that does not look at the count again.
 *
 * Invariant: the hash does not change while anybody searches it. Mirrors fs/inode.c of v6.9.
 */

import {
  branch,
  cover,
  E,
  ERR_PTR,
  might_sleep,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  type Branch,
  type ErrPtr,
  type Task,
} from '../machine/index.js';
import type { InodeTest } from './icache.js';
import { I_CREATING, I_FREEING, I_NEW, I_WILL_FREE, type Inode } from './inode.js';
import type { VfsKernel } from './kernel.js';
import type { SuperBlock } from './super.js';

const PASSES_BY = branch('insert_inode_locked', 'passes by an inode that is being freed');

/** Branches of this file, for coverage reports. */
export const INODE_V6_9_BRANCHES: readonly Branch[] = [PASSES_BY];

/** Entry: i_lock and inode_hash_lock held; exit: inode_hash_lock held. Sleeps without. */
export function* __wait_on_freeing_inode(k: VfsKernel, inode: Inode): Task<void> {
  const { inode_hash_lock } = k.inode_hashtable;
  const sleeper = yield* k.prepare_to_wait_bit(inode);
  yield* spin_unlock(inode.i_lock);
  yield* spin_unlock(inode_hash_lock);
  yield* k.schedule_and_finish_wait(inode, sleeper);
  yield* spin_lock(inode_hash_lock);
}

/** As in v7.3, but the lock is taken here if the caller does not hold it. */
export function* find_inode(
  k: VfsKernel,
  sb: SuperBlock,
  hashval: number,
  test: InodeTest,
  data: unknown,
  locked: boolean,
): Task<Inode | ErrPtr | null> {
  const { inode_hash_lock } = k.inode_hashtable;
  if (!locked) yield* spin_lock(inode_hash_lock);
  const found = yield* find_locked(k, sb, hashval, test, data);
  if (!locked) yield* spin_unlock(inode_hash_lock);
  return found;
}

function* find_locked(
  k: VfsKernel,
  sb: SuperBlock,
  hashval: number,
  test: InodeTest,
  data: unknown,
): Task<Inode | ErrPtr | null> {
  const bucket = k.inode_hashtable.bucket(hashval);
  search: for (;;) {
    for (const inode of (yield* READ_ONCE(bucket)) ?? []) {
      if (inode.i_sb !== sb || !(yield* test(k as never, inode, data))) continue;
      yield* spin_lock(inode.i_lock);
      const state = yield* READ_ONCE(inode.i_state);
      if ((state & (I_FREEING | I_WILL_FREE)) !== 0) {
        yield* k.__wait_on_freeing_inode(inode, true);
        continue search;
      }
      const creating = (state & I_CREATING) !== 0;
      if (!creating) yield* k.__iget(inode);
      yield* spin_unlock(inode.i_lock);
      return creating ? ERR_PTR(-E.ESTALE) : inode;
    }
    return null;
  }
}

/** As in v7.3, but an inode that is being freed does not count as a user of the number. */
export function* insert_inode_locked(k: VfsKernel, inode: Inode): Task<number> {
  const { inode_hash_lock } = k.inode_hashtable;
  const ino = yield* READ_ONCE(inode.i_ino);
  for (;;) {
    yield* spin_lock(inode_hash_lock);
    let old: Inode | null = null;
    let state = 0;
    for (const other of (yield* READ_ONCE(k.inode_hashtable.bucket(ino))) ?? []) {
      if (other.i_sb !== inode.i_sb || (yield* READ_ONCE(other.i_ino)) !== ino) continue;
      yield* spin_lock(other.i_lock);
      state = yield* READ_ONCE(other.i_state);
      if ((state & (I_FREEING | I_WILL_FREE)) !== 0) {
        yield* cover(PASSES_BY);
        yield* spin_unlock(other.i_lock);
        continue;
      }
      old = other;
      break;
    }
    if (old === null) {
      yield* k.hash_inode(inode, ino, I_NEW | I_CREATING);
      yield* spin_unlock(inode_hash_lock);
      return 0;
    }
    const creating = (state & I_CREATING) !== 0;
    if (!creating) yield* k.__iget(old);
    yield* spin_unlock(old.i_lock);
    yield* spin_unlock(inode_hash_lock);
    if (creating) return -E.EBUSY;
    yield* k.wait_on_new_inode(old);
    const gone = yield* k.inode_unhashed(old);
    yield* k.iput(old);
    if (!gone) return -E.EBUSY;
  }
}

/** The count is looked at before i_lock is taken, and not again: CVE-2024-47679. */
export function* evict_inodes(k: VfsKernel, sb: SuperBlock): Task<void> {
  yield* might_sleep('evict_inodes');
  const dispose: Inode[] = [];
  yield* spin_lock(sb.s_inode_list_lock);
  for (const inode of (yield* READ_ONCE(sb.s_inodes)) ?? []) {
    if ((yield* READ_ONCE(inode.i_count)) !== 0) continue;
    yield* spin_lock(inode.i_lock);
    if (yield* k.take_unused_inode(inode)) dispose.push(inode);
  }
  yield* spin_unlock(sb.s_inode_list_lock);
  for (const inode of dispose) yield* k.dispose_inode(inode);
}
