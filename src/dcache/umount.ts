/**
 * The end of a super block's dentries, and what marks a dentry as a mountpoint.
 *
 * Invariant: at umount nobody but the filesystem has a reference; whoever has one all the same is
 * reported as still in use. Mirrors fs/dcache.c.
 */

import {
  branch,
  cover,
  E,
  lockdep_assert_held,
  MisuseError,
  READ_ONCE,
  read,
  spin_lock,
  spin_unlock,
  WARN,
  write_seqlock,
  write_sequnlock,
  WRITE_ONCE,
  type Branch,
  type List,
  type Task,
} from '../machine/index.js';
import { count_of, with_count } from '../lockref/index.js';
import type { DcacheKernel, Dentry, DentrySuper } from './dentry.js';
import { DCACHE } from './flags.js';
import { select_collect_umount } from './shrink-parent.js';
import type { WalkData } from './walk.js';

const BUSY = branch('umount_check', 'finds a dentry still in use');
const SECOND_ROOT = branch('shrink_dcache_for_umount', 'finds a disconnected tree');
const ANCESTOR_GONE = branch('d_set_mounted', 'finds an ancestor unhashed');
const MOUNTED_ALREADY = branch('d_set_mounted', 'finds something mounted there');
const UNPINS = branch('d_genocide', 'takes the pin of a dentry');

export const UMOUNT_BRANCHES: readonly Branch[] = [
  BUSY,
  SECOND_ROOT,
  ANCESTOR_GONE,
  MOUNTED_ALREADY,
  UNPINS,
];

/** One reference less, which is not the caller's own; d_lock must be held, the count may reach 0. */
export function* drop_pin(_k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const word = yield* READ_ONCE(dentry.d_lockref);
  yield* WRITE_ONCE(dentry.d_lockref, with_count(word, count_of(word) - 1));
}

/** Complain about a dentry that is left at umount. Source: fs/dcache.c. */
function* umount_check(k: DcacheKernel, dentry: Dentry, data: WalkData): Task<List<unknown>> {
  const go_on = k.list<unknown>(['D_WALK_CONTINUE', data]);
  // It has busy descendants; those are to blame.
  if (((yield* read(dentry.d_children))?.items.length ?? 0) > 0) return go_on;
  const root = data.items[0];
  if (dentry === root && count_of(yield* READ_ONCE(dentry.d_lockref)) === 1) return go_on;
  yield* cover(BUSY);
  yield* WARN('BUG: Dentry still in use at unmount');
  return go_on;
}

/** Shrink one tree, complain about what is left, and drop its root. Source: fs/dcache.c. */
export function* do_one_tree(k: DcacheKernel, root: Dentry): Task<void> {
  yield* k.shrink_dcache_tree(root, select_collect_umount);
  yield* k.d_walk(root, k.list<unknown>([root]), umount_check);
  yield* k.d_drop(root);
  yield* k.dput(root);
}

/** Destroy all dentries of a super block, whose s_umount is held. May sleep. Source: fs/dcache.c. */
export function* shrink_dcache_for_umount(k: DcacheKernel, sb: DentrySuper): Task<void> {
  const root = yield* READ_ONCE(sb.s_root);
  yield* WRITE_ONCE(sb.s_root, null);
  if (root !== null) yield* k.do_one_tree(root);
  for (;;) {
    const other = yield* k.first_secondary_root(sb);
    if (other === null) return;
    yield* cover(SECOND_ROOT);
    yield* k.do_one_tree(other);
  }
}

/** A root other than s_root, with a reference unless it is dying. Part of umount. */
export function* first_secondary_root(k: DcacheKernel, sb: DentrySuper): Task<Dentry | null> {
  yield* k.rcu_read_lock();
  yield* spin_lock(sb.s_roots_lock);
  const [first] = (yield* read(sb.s_roots)) ?? [];
  yield* spin_unlock(sb.s_roots_lock);
  const got = first !== undefined && (yield* k.lockref_get_not_dead(first.d_lockref));
  yield* k.rcu_read_unlock();
  return got ? first : null;
}

/** Take the pins of a whole tree away: of each hashed positive dentry once. Source: fs/dcache.c, v6.9. */
export function* d_genocide(k: DcacheKernel, parent: Dentry): Task<void> {
  yield* k.d_walk(parent, k.list<unknown>([parent]), d_genocide_kill);
}

function* d_genocide_kill(k: DcacheKernel, dentry: Dentry, data: WalkData): Task<List<unknown>> {
  if (dentry === data.items[0]) return k.list<unknown>(['D_WALK_CONTINUE', data]);
  const negative = (yield* READ_ONCE(dentry.d_inode)) === null;
  if (negative || (yield* k.d_unhashed(dentry))) return k.list<unknown>(['D_WALK_SKIP', data]);
  const flags = yield* READ_ONCE(dentry.d_flags);
  if ((flags & DCACHE.GENOCIDE) === 0) {
    yield* cover(UNPINS);
    yield* WRITE_ONCE(dentry.d_flags, flags | DCACHE.GENOCIDE);
    yield* k.drop_pin(dentry);
  }
  return k.list<unknown>(['D_WALK_CONTINUE', data]);
}

/** Not in this kernel. */

export function* d_genocide_is_gone(_k: DcacheKernel, _parent: Dentry): Task<void> {
  throw new MisuseError(
    "d_genocide is gone: use version 'v6.9', or d_make_persistent and shrink_dcache_for_umount",
  );
}

/**
 * Mark a dentry as a mountpoint. Never sleeps.
 * @returns 0; -ENOENT if it or an ancestor is unhashed or being removed; -EBUSY if it is one
 * already. Source: fs/dcache.c.
 */
export function* d_set_mounted(k: DcacheKernel, dentry: Dentry): Task<number> {
  yield* write_seqlock(k.rename_lock);
  const ret = yield* k.d_set_mounted_locked(dentry);
  yield* write_sequnlock(k.rename_lock);
  return ret;
}

/** {@link d_set_mounted} with rename_lock held. */
export function* d_set_mounted_locked(k: DcacheKernel, dentry: Dentry): Task<number> {
  let ancestor = (yield* READ_ONCE(dentry.d_parent))!;
  while (!(yield* k.IS_ROOT(ancestor))) {
    yield* spin_lock(ancestor.d_lockref);
    const unhashed = yield* k.d_unhashed(ancestor);
    yield* spin_unlock(ancestor.d_lockref);
    if (unhashed) {
      yield* cover(ANCESTOR_GONE);
      return -E.ENOENT;
    }
    ancestor = (yield* READ_ONCE(ancestor.d_parent))!;
  }
  let ret = -E.ENOENT;
  yield* spin_lock(dentry.d_lockref);
  const flags = yield* READ_ONCE(dentry.d_flags);
  const unlinked = (yield* k.d_unhashed(dentry)) && !(yield* k.IS_ROOT(dentry));
  if (!unlinked && (flags & DCACHE.CANT_MOUNT) === 0) {
    ret = (flags & DCACHE.MOUNTED) === 0 ? 0 : -E.EBUSY;
    if (ret === 0) yield* WRITE_ONCE(dentry.d_flags, flags | DCACHE.MOUNTED);
    else yield* cover(MOUNTED_ALREADY);
  }
  yield* spin_unlock(dentry.d_lockref);
  return ret;
}
