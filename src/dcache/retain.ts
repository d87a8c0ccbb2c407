/**
 * Whether a dentry whose count reached zero stays cached.
 *
 * Invariant: an unhashed dentry is never retained, so a stashed one always goes at zero. The answer
 * without d_lock may only say yes where the answer under d_lock would change nothing.
 * Mirrors fs/dcache.c.
 */

import {
  branch,
  cover,
  READ_ONCE,
  smp_rmb,
  WRITE_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import { operations_of, type DcacheKernel, type Dentry } from './dentry.js';
import { DCACHE } from './flags.js';

const RETAINED_LOCKLESS = branch('retain_dentry', 'keeps the dentry without taking d_lock');
const RETAINED_LOCKED = branch('retain_dentry', 'keeps the dentry under d_lock');

export const RETAIN_BRANCHES: readonly Branch[] = [RETAINED_LOCKLESS, RETAINED_LOCKED];

/**
 * Should a dentry with count 0 stay?
 * @param locked is d_lock held? Without it the function changes nothing and says no when in doubt
 */
export function* retain_dentry(k: DcacheKernel, dentry: Dentry, locked: boolean): Task<boolean> {
  // Pairs with the store of d_flags by whoever changed the dentry before dropping its reference.
  yield* smp_rmb();
  const flags = yield* READ_ONCE(dentry.d_flags);
  if (yield* k.d_unhashed(dentry)) return false;
  if ((flags & DCACHE.DISCONNECTED) !== 0) return false;
  const { d_delete } = yield* operations_of(dentry);
  if (d_delete !== undefined) {
    if (!locked) return false;
    if (yield* d_delete(k as never, dentry)) return false;
  }
  if ((flags & DCACHE.DONTCACHE) !== 0) return false;
  if ((flags & DCACHE.LRU_LIST) === 0) {
    if (!locked) return false;
    yield* k.d_lru_add(dentry);
  } else if ((flags & DCACHE.REFERENCED) === 0) {
    if (!locked) return false;
    yield* WRITE_ONCE(dentry.d_flags, flags | DCACHE.REFERENCED);
  }
  yield* cover(locked ? RETAINED_LOCKED : RETAINED_LOCKLESS);
  return true;
}
