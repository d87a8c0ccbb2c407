/**
 * Mistakes in the install loop that a careful person could make, each with the thought behind it.
 * They are there to be caught, or to show where a mistake is none.
 */

import {
  cmpxchg,
  cover,
  cpu_relax,
  IS_ERR,
  try_cmpxchg,
  WRITE_ONCE,
  write,
  type ErrPtr,
  type Task,
} from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import {
  STASH,
  type Stash,
  type StashedObject,
  type SuperBlock,
  type VfsKernel,
} from '../../vfs/index.js';
import type { Variant } from '../variant.js';

interface Loop {
  /** Where RCU is held: around the loop, around the reference only, or nowhere. */
  readonly guard: 'loop' | 'reference' | 'none';
  readonly alive: 'lockref_get_not_dead' | 'lockref_get_not_zero';
  readonly takeOver: 'old' | 'null' | 'store';
}

/** stash_dentry with one thing wrong. */
function loop({ guard, alive, takeOver }: Loop): Variant['functions'][string] {
  return function* stash_dentry(k: VfsKernel, stashed: Stash, dentry: Dentry): Task<Dentry> {
    if (guard === 'loop') yield* k.rcu_read_lock();
    let result = dentry;
    for (;;) {
      const old = yield* cmpxchg(stashed, null, dentry);
      if (old === null) break;
      if (guard === 'reference') yield* k.rcu_read_lock();
      const got = yield* k[alive](old.d_lockref);
      if (guard === 'reference') yield* k.rcu_read_unlock();
      if (got) {
        yield* cover(STASH.FOUND_LIVE);
        result = old;
        break;
      }
      if (takeOver === 'store') {
        yield* WRITE_ONCE(stashed, dentry);
        yield* cover(STASH.TAKES_OVER);
        break;
      }
      if (yield* try_cmpxchg(stashed, takeOver === 'old' ? old : null, dentry)) {
        if (takeOver === 'old') yield* cover(STASH.TAKES_OVER);
        break;
      }
      yield* cover(STASH.TRIES_AGAIN);
      yield* cpu_relax();
    }
    if (guard === 'loop') yield* k.rcu_read_unlock();
    return result;
  };
}

const RIGHT: Loop = { guard: 'loop', alive: 'lockref_get_not_dead', takeOver: 'old' };

/** Stash first, fill in later: the dentry is public before it has an inode. */
function* publish_early(
  k: VfsKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  const inode = (yield* k.new_inode_pseudo(sb))!;
  yield* sb.s_fs_info.init_inode(k as never, inode, data);
  const dentry = (yield* k.d_alloc_anon(sb))!;
  yield* write<unknown>(dentry.d_fsdata, stashed);
  const winner = yield* k.stash_dentry(stashed, dentry);
  yield* k.d_instantiate(dentry, inode);
  if (winner !== dentry) yield* k.dput(dentry);
  return yield* k.check_stashed(winner, stashed, data);
}

/** The loop of the mail with the loser disposed of after the guard. */
function* dispose_by_delete(
  k: VfsKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  const dentry = yield* k.prepare_anon_dentry(stashed, sb, data);
  if (IS_ERR(dentry)) return dentry;
  const winner = yield* k.stash_dentry(stashed, dentry);
  if (winner !== dentry) {
    yield* k.d_delete(dentry);
    yield* k.dput(dentry);
  }
  return yield* k.check_stashed(winner, stashed, data);
}

export const delete_loser = dispose_by_delete;

function mutation(name: string, summary: string, functions: Variant['functions']): Variant {
  return { name: `mutation/${name}`, summary, version: 'v6.9', functions };
}

export const LOOP_MUTATIONS: readonly Variant[] = [
  mutation('m1-no-guard', 'no RCU around the loop: the compare-exchange is atomic, is it not?', {
    stash_dentry: loop({ ...RIGHT, guard: 'none' }),
  }),
  mutation('m1-narrow-guard', 'RCU only around the reference: nothing else dereferences', {
    stash_dentry: loop({ ...RIGHT, guard: 'reference' }),
  }),
  mutation('m2-store', 'take over by a plain store: we know that it is dead', {
    stash_dentry: loop({ ...RIGHT, takeOver: 'store' }),
  }),
  mutation('m3-expect-null', 'take over with NULL expected, as copied from above', {
    stash_dentry: loop({ ...RIGHT, takeOver: 'null' }),
  }),
  mutation('m6-not-zero', 'get_not_zero instead of get_not_dead: zero means that nobody uses it', {
    stash_dentry: loop({ ...RIGHT, alive: 'lockref_get_not_zero' }),
  }),
  mutation('publish-early', 'stash the dentry before it has its inode', {
    path_from_new_dentry: publish_early,
  }),
];
