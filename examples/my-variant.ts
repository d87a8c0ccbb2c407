/**
 * my-variant: stash_dentry() as in Linux 6.9 and later, to be changed.
 *
 *   dlab patch my-variant.ts                                    what does it change?
 *   dlab patch my-variant.ts --watch                            again at every save
 *   dlab check stash/close-vs-open --with my-variant.ts         one scenario
 *
 * A function that is exported takes the place of the kernel's function of its name. Each access to
 * shared memory is a `yield*`; calls of other kernel functions go through k. What there is to
 * replace: dlab list functions. cover() tells which branches some interleaving takes; branches of
 * your own are made and exported so: export const MINE = branch('stash_dentry', 'does this').
 */

import {
  cmpxchg,
  cover,
  cpu_relax,
  STASH,
  try_cmpxchg,
  type Dentry,
  type Stash,
  type Task,
  type VfsKernel,
} from 'dentrylab';

/**
 * Put a new dentry into the stash, unless a live one is there.
 * @returns the one that is in the stash now, with a reference for the caller
 */
export function* stash_dentry(k: VfsKernel, stashed: Stash, dentry: Dentry): Task<Dentry> {
  yield* k.rcu_read_lock();
  for (;;) {
    const old = yield* cmpxchg(stashed, null, dentry);
    if (old === null) {
      yield* cover(STASH.INSTALLED);
      break;
    }
    if (yield* k.lockref_get_not_dead(old.d_lockref)) {
      yield* cover(STASH.FOUND_LIVE);
      yield* k.rcu_read_unlock();
      return old;
    }
    // It is dead, and RCU keeps its memory: whoever is first takes its place.
    if (yield* try_cmpxchg(stashed, old, dentry)) {
      yield* cover(STASH.TAKES_OVER);
      break;
    }
    yield* cover(STASH.TRIES_AGAIN);
    yield* cpu_relax();
  }
  yield* k.rcu_read_unlock();
  return dentry;
}
