/**
 * The stash: one dentry per object, found again without a lock, never waited for.
 *
 * The cell is a weak pointer. A reader may use what it finds only inside RCU and only if it gets a
 * reference; a dead dentry may be replaced by a live one at any time; a dying dentry takes only
 * itself out. Invariant: a live dentry in the cell is never replaced. Mirrors fs/libfs.c.
 */

import {
  branch,
  cmpxchg,
  cover,
  ERR_PTR,
  E,
  IS_ERR,
  READ_ONCE,
  try_cmpxchg,
  WARN,
  write,
  type Branch,
  type Cell,
  type ErrPtr,
  type Task,
} from '../machine/index.js';
import type { Dentry } from '../dcache/index.js';
import type { VfsKernel } from './kernel.js';
import type { StashedObject } from './stashed.js';
import type { SuperBlock } from './super.js';

/** The cell of a stash. */
export type Stash = Cell<Dentry | null>;

const REUSED = branch('path_from_stashed', 'finds a live dentry at the first look');
const LOST = branch('path_from_stashed', 'drops its own dentry for the one it lost to');
const INSTALLED = branch('stash_dentry', 'installs into an empty stash');
const FOUND_LIVE = branch('stash_dentry', 'finds a live dentry in the stash');
/** The branch of the mail: a dead dentry in the stash is replaced. */
export const TAKES_OVER = branch('stash_dentry', 'takes over a dead dentry');
const TRIES_AGAIN = branch('stash_dentry', 'loses the take-over and tries again');
const NOT_MINE = branch('stashed_dentry_prune', 'finds that the stash is not its own any more');
const NEGATIVE = branch(
  'stashed_dentry_prune',
  'sees a negative dentry and leaves the stash alone',
);

const CLEARS = branch('stashed_dentry_prune', 'takes its dentry out of the stash');

/** Branches of the stash, for coverage reports. */
export const LIBFS_BRANCHES: readonly Branch[] = [
  REUSED,
  LOST,
  INSTALLED,
  FOUND_LIVE,
  TAKES_OVER,
  TRIES_AGAIN,
  CLEARS,
  NOT_MINE,
  NEGATIVE,
];

/** The branches for variants that write their own stash_dentry. */
export const STASH = {
  INSTALLED,
  FOUND_LIVE,
  TAKES_OVER,
  TRIES_AGAIN,
  CLEARS,
  NOT_MINE,
  NEGATIVE,
  REUSED,
  LOST,
};

/**
 * The dentry in the stash, with a reference, if there is one and it is alive.
 * Enters RCU; never sleeps. Source: fs/libfs.c, v7.3.
 */
export function* stashed_dentry_get(k: VfsKernel, stashed: Stash): Task<Dentry | null> {
  yield* k.rcu_read_lock();
  const dentry = yield* k.rcu_dereference(stashed);
  const got = dentry !== null && (yield* k.lockref_get_not_dead(dentry.d_lockref));
  yield* k.rcu_read_unlock();
  return got ? dentry : null;
}

/**
 * The dentry of an object: the stashed one, or a new one that is stashed now.
 *
 * Uses up one reference on `data` in every outcome. May sleep, so no lock and no reader around it.
 * @returns the dentry with a reference for the caller, or an error pointer
 * Source: fs/libfs.c, v7.3.
 */
export function* path_from_stashed(
  k: VfsKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  const found = yield* k.stashed_dentry_get(stashed);
  if (found !== null) {
    yield* cover(REUSED);
    yield* sb.s_fs_info.put_data(k as never, data);
    return yield* k.check_stashed(found, stashed, data);
  }
  return yield* k.path_from_new_dentry(stashed, sb, data);
}

/** The second half of {@link path_from_stashed}: make a dentry and try to stash it. */
export function* path_from_new_dentry(
  k: VfsKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  const dentry = yield* k.prepare_anon_dentry(stashed, sb, data);
  if (IS_ERR(dentry)) return dentry;
  const { stash_dentry: own } = sb.s_fs_info;
  const winner =
    own === undefined
      ? yield* k.stash_dentry(stashed, dentry)
      : yield* own(k as never, stashed, dentry);
  if (winner !== dentry) {
    // dput may sleep, so the loser goes here, after stash_dentry has left RCU.
    yield* cover(LOST);
    yield* k.dput(dentry);
  }
  if (IS_ERR(winner)) return winner;
  return yield* k.check_stashed(winner, stashed, data);
}

/** What path_from_stashed promises about its result, as the kernel's own warnings check it. */
export function* check_stashed(
  _k: VfsKernel,
  dentry: Dentry,
  stashed: Stash,
  data: StashedObject,
): Task<Dentry> {
  if ((yield* READ_ONCE(dentry.d_fsdata)) !== stashed)
    yield* WARN('WARNING: dentry of another stash');
  const inode = yield* READ_ONCE(dentry.d_inode);
  const owner = yield* READ_ONCE((inode as { i_private: Cell<unknown> } | null)!.i_private);
  if (owner !== data) yield* WARN('WARNING: inode of another object');
  return dentry;
}

/**
 * A private dentry with its inode, which owns the reference on `data` from now on.
 * @returns an error pointer with the reference given back. May sleep. Source: fs/libfs.c.
 */
export function* prepare_anon_dentry(
  k: VfsKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  const inode = yield* k.new_inode_pseudo(sb);
  if (inode === null) {
    yield* sb.s_fs_info.put_data(k as never, data);
    return ERR_PTR(-E.ENOMEM);
  }
  const error = yield* sb.s_fs_info.init_inode(k as never, inode, data);
  if (error < 0) {
    yield* k.iput(inode);
    return ERR_PTR(error);
  }
  const dentry = yield* k.d_alloc_anon(sb);
  if (dentry === null) {
    yield* k.iput(inode);
    return ERR_PTR(-E.ENOMEM);
  }
  // Before the inode: d_prune must find its stash whenever it finds an inode.
  yield* write<unknown>(dentry.d_fsdata, stashed);
  yield* k.d_instantiate(dentry, inode);
  return dentry;
}

/**
 * Put a private dentry into the stash unless a live one is there.
 * Enters RCU; never sleeps.
 * @returns the dentry that is in the stash, with a reference for the caller
 * Source: fs/libfs.c, v6.9 to v7.3.
 */
export function* stash_dentry(k: VfsKernel, stashed: Stash, dentry: Dentry): Task<Dentry> {
  yield* k.rcu_read_lock();
  for (;;) {
    // Whatever was there was usually cleared by its own d_prune.
    const old = yield* cmpxchg(stashed, null, dentry);
    if (old === null) {
      yield* cover(INSTALLED);
      break;
    }
    // RCU keeps `old` in memory, so this is safe even if its last reference goes right now.
    if (yield* k.lockref_get_not_dead(old.d_lockref)) {
      yield* cover(FOUND_LIVE);
      yield* k.rcu_read_unlock();
      return old;
    }
    // Dead, so nobody will want it back; its d_prune will see that it is gone.
    if (yield* try_cmpxchg(stashed, old, dentry)) {
      yield* cover(TAKES_OVER);
      break;
    }
    yield* cover(TRIES_AGAIN);
  }
  yield* k.rcu_read_unlock();
  return dentry;
}

/**
 * d_prune of stashed dentries: take oneself, and nobody else, out of the stash.
 * Called with d_lock and i_lock held, the dentry dead. Source: fs/libfs.c.
 */
export function* stashed_dentry_prune(_k: VfsKernel, dentry: Dentry): Task<void> {
  const stashed = (yield* READ_ONCE(dentry.d_fsdata)) as Stash | null;
  if (stashed === null) {
    yield* WARN('WARNING: stashed dentry without a stash');
    return;
  }
  // Without an inode there is no reference on the object that the stash lives in.
  if ((yield* READ_ONCE(dentry.d_inode)) === null) {
    yield* cover(NEGATIVE);
    return;
  }
  const mine = yield* try_cmpxchg(stashed, dentry, null);
  yield* cover(mine ? CLEARS : NOT_MINE);
}
