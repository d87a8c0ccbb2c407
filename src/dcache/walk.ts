/**
 * d_walk: visit a tree, depth first, under d_lock of each dentry.
 *
 * Invariant: the d_lock of the directory whose children are visited is held; going down takes the
 * child's before it drops the parent's, going up drops the child's first, so a reader must keep the
 * memory, and rename_lock tells whether the parent is still the parent. Mirrors fs/dcache.c.
 */

import {
  branch,
  cover,
  done_seqretry,
  need_seqretry,
  read,
  READ_ONCE,
  read_seqbegin_or_lock,
  spin_lock,
  spin_lock_nested,
  spin_unlock,
  type Branch,
  type List,
  type Task,
} from '../machine/index.js';
import type { DcacheKernel, Dentry } from './dentry.js';
import { DCACHE } from './flags.js';

/** What a visitor says. Source: fs/dcache.c. */
export type WalkRet = 'D_WALK_CONTINUE' | 'D_WALK_QUIT' | 'D_WALK_NORETRY' | 'D_WALK_SKIP';

/** What the walk has gathered so far: a value, handed from visit to visit. */
export type WalkData = List<unknown>;

/**
 * Visits a dentry, whose d_lock is held; may not sleep.
 * @returns `k.list([what to do, the new data])`
 */
export type Visitor = (k: never, dentry: Dentry, data: WalkData) => Task<List<unknown>>;

const QUITS = branch('d_walk', 'stops where the visitor says so');
const SKIPS = branch('d_walk', 'does not go down where the visitor says so');
const CURSOR = branch('d_walk', 'passes a cursor');
const DOWN = branch('d_walk', 'goes down');
const SIBLING_KILLED = branch('d_walk', 'passes siblings that were killed');
const LOCKED = branch('d_walk', 'starts again with rename_lock held');
const NO_RETRY = branch('d_walk', 'ends early after a rename');

export const WALK_BRANCHES: readonly Branch[] = [
  QUITS,
  SKIPS,
  CURSOR,
  DOWN,
  SIBLING_KILLED,
  LOCKED,
  NO_RETRY,
];

/**
 * Visit `root` and everything below. Never sleeps; takes d_locks, so none may be held.
 * @param data what the first visit is given, of which a walk that starts again starts again too
 * @returns the data of the last visit. Source: fs/dcache.c.
 */
export function* d_walk(
  k: DcacheKernel,
  root: Dentry,
  data: WalkData,
  enter: Visitor,
): Task<WalkData> {
  let seq = 0;
  for (;;) {
    seq = yield* read_seqbegin_or_lock(k.rename_lock, seq);
    const done = yield* k.d_walk_once(root, data, enter, seq);
    if (done.items[0] !== 'rename_retry') {
      yield* done_seqretry(k.rename_lock, seq);
      return done.items[1] as WalkData;
    }
    // What has been put on shrink lists so far is not lost: the data goes on.
    data = done.items[1] as WalkData;
    if (done.items[2] === true) {
      yield* cover(NO_RETRY);
      return data;
    }
    yield* cover(LOCKED);
    seq = 1;
  }
}

/** One walk. @returns `[how it ended, data, whether a visitor wants no retry]` */
export function* d_walk_once(
  k: DcacheKernel,
  root: Dentry,
  from: WalkData,
  enter: Visitor,
  seq: number,
): Task<List<unknown>> {
  let data = from;
  let no_retry = false;
  yield* spin_lock(root.d_lockref);
  const first = (yield* enter(k as never, root, data)).items;
  data = first[1] as WalkData;
  if (first[0] === 'D_WALK_QUIT' || first[0] === 'D_WALK_SKIP') {
    yield* spin_unlock(root.d_lockref);
    return k.list(['done', data]);
  }
  if (first[0] === 'D_WALK_NORETRY') no_retry = true;

  let at = root;
  let next = yield* k.d_first_child(at);
  for (;;) {
    let down = false;
    while (next !== null) {
      const dentry: Dentry = next;
      if (((yield* READ_ONCE(dentry.d_flags)) & DCACHE.DENTRY_CURSOR) !== 0) {
        yield* cover(CURSOR);
        next = yield* k.d_next_sibling(at, dentry);
        continue;
      }
      yield* spin_lock_nested(dentry.d_lockref, 1);
      const [ret, gathered] = (yield* enter(k as never, dentry, data)).items;
      data = gathered as WalkData;
      if (ret === 'D_WALK_QUIT') {
        yield* cover(QUITS);
        yield* spin_unlock(dentry.d_lockref);
        yield* spin_unlock(at.d_lockref);
        return k.list(['done', data]);
      }
      if (ret === 'D_WALK_NORETRY') no_retry = true;
      if (ret === 'D_WALK_SKIP') yield* cover(SKIPS);
      else {
        const child = yield* k.d_first_child(dentry);
        if (child !== null) {
          yield* cover(DOWN);
          yield* spin_unlock(at.d_lockref);
          at = dentry;
          next = child;
          down = true;
          break;
        }
      }
      next = yield* k.d_next_sibling(at, dentry);
      yield* spin_unlock(dentry.d_lockref);
    }
    if (down) continue;
    // This level is done: go up. Only the reader keeps the dentry that is left.
    yield* k.rcu_read_lock();
    while (next === null && at !== root) {
      const left: Dentry = at;
      at = (yield* READ_ONCE(left.d_parent))!;
      yield* spin_unlock(left.d_lockref);
      yield* spin_lock(at.d_lockref);
      if (yield* need_seqretry(k.rename_lock, seq)) {
        yield* spin_unlock(at.d_lockref);
        yield* k.rcu_read_unlock();
        return k.list(['rename_retry', data, no_retry]);
      }
      next = yield* k.d_next_alive(at, left);
    }
    const stale = next === null && (yield* need_seqretry(k.rename_lock, seq));
    yield* k.rcu_read_unlock();
    if (next !== null) continue;
    yield* spin_unlock(at.d_lockref);
    return k.list(stale ? ['rename_retry', data, no_retry] : ['done', data]);
  }
}

/** The first child; the parent's d_lock must be held. */
export function* d_first_child(_k: DcacheKernel, parent: Dentry): Task<Dentry | null> {
  return (yield* read(parent.d_children))?.items[0] ?? null;
}

/** The child after this one, which is on the list; the parent's d_lock must be held. */
export function* d_next_sibling(
  _k: DcacheKernel,
  parent: Dentry,
  child: Dentry,
): Task<Dentry | null> {
  const { items } = (yield* read(parent.d_children))!;
  return items[items.indexOf(child) + 1] ?? null;
}

/** The first sibling after `child` that is not killed; `child` itself may be. Part of d_walk. */
export function* d_next_alive(k: DcacheKernel, parent: Dentry, child: Dentry): Task<Dentry | null> {
  let at: Dentry | null = child;
  while (at !== null) {
    if (((yield* READ_ONCE(at.d_flags)) & DCACHE.DENTRY_KILLED) === 0) {
      return at === child ? yield* k.d_next_sibling(parent, at) : at;
    }
    yield* cover(SIBLING_KILLED);
    at = yield* READ_ONCE(at.d_sib_next);
  }
  return null;
}
