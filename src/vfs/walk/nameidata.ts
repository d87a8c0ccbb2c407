/**
 * A walk on its way: where it stands, and what it holds.
 *
 * In rcu-walk that is RCU alone, and a place is believed only together with the d_seq that it was
 * found under; leaving rcu-walk takes the references first and looks at the counters afterwards.
 * Mirrors fs/namei.c.
 */

import {
  branch,
  cover,
  E,
  READ_ONCE,
  read_seqcount_retry,
  type Branch,
  type List,
  type Task,
} from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import type { FsInode } from '../tmpfs/structs.js';
import { legitimize_mnt, type Mount } from './mount.js';

const LEGITIMIZED = branch('try_to_unlazy', 'leaves rcu-walk with its references');
const STALE = branch('try_to_unlazy', 'finds that the tree has changed');

/** Branches of leaving rcu-walk. */
export const UNLAZY_BRANCHES: readonly Branch[] = [LEGITIMIZED, STALE];

/** Flags of a walk. */
export const LOOKUP = { FOLLOW: 1, DIRECTORY: 2, RCU: 4, PARENT: 8 } as const;

/** A place: the mount and the dentry, with a reference on each. */
export type Path = List<Mount | Dentry>;

/** The mount of a place. */
export function mnt_of(path: Path): Mount {
  return path.items[0] as Mount;
}

/** The dentry of a place. */
export function dentry_of(path: Path): Dentry {
  return path.items[1] as Dentry;
}

/** The last component of a path whose parent was walked to. */
export interface Last {
  readonly name: string;
  readonly type: 'norm' | 'dot' | 'dotdot' | 'root';
  /** A slash follows: it must be, or become, a directory. */
  readonly slash: boolean;
}

/** A walk on its way. Private to the task. Mirrors struct nameidata. */
export interface Nameidata {
  readonly task: TaskStruct;
  rcu: boolean;
  mnt: Mount;
  dentry: Dentry;
  inode: FsInode;
  /** d_seq of `dentry` while in rcu-walk; of mount_lock at the start. */
  seq: number;
  m_seq: number;
  links: number;
  last: Last;
}

/** Let go of what the walk holds. Source: fs/namei.c. */
export function* terminate_walk(k: FsKernel, nd: Nameidata): Task<void> {
  if (nd.rcu) {
    nd.rcu = false;
    yield* k.rcu_read_unlock();
    return;
  }
  yield* k.dput(nd.dentry);
  yield* k.mntput(nd.mnt);
}

export function* give_up(k: FsKernel, nd: Nameidata, error: number = -E.ECHILD): Task<number> {
  yield* terminate_walk(k, nd);
  return error;
}

/**
 * Leave rcu-walk where the walk stands. Source: fs/namei.c.
 * @returns false, with nothing held, if the tree has changed
 */
export function* try_to_unlazy(k: FsKernel, nd: Nameidata): Task<boolean> {
  nd.rcu = false;
  if (!(yield* legitimize_mnt(k, nd.mnt, nd.m_seq))) {
    yield* k.rcu_read_unlock();
    yield* cover(STALE);
    return false;
  }
  const got = yield* k.lockref_get_not_dead(nd.dentry.d_lockref);
  // Only now: a counter that still stands says that the reference is on what was looked up.
  const stale = yield* read_seqcount_retry(nd.dentry.d_seq, nd.seq);
  yield* k.rcu_read_unlock();
  if (got && !stale) {
    yield* cover(LEGITIMIZED);
    return true;
  }
  yield* cover(STALE);
  if (got) yield* k.dput(nd.dentry);
  yield* k.mntput(nd.mnt);
  return false;
}

export function* set_root(k: FsKernel, nd: Nameidata, start: 'root' | 'pwd'): Task<void> {
  const fs = (yield* READ_ONCE(nd.task.fs))!;
  nd.mnt = (yield* READ_ONCE(start === 'root' ? fs.root_mnt : fs.pwd_mnt))!;
  nd.dentry = (yield* READ_ONCE(start === 'root' ? fs.root : fs.pwd))!;
  if (nd.rcu) {
    nd.seq = (yield* READ_ONCE(nd.dentry.d_seq)) & ~1;
  } else {
    yield* k.mntget(nd.mnt);
    yield* k.dget(nd.dentry);
  }
  nd.inode = (yield* READ_ONCE(nd.dentry.d_inode)) as FsInode;
}

/** Stand on another place: takes over the references, gives the old ones back. */
export function* move_to(k: FsKernel, nd: Nameidata, mnt: Mount, dentry: Dentry): Task<void> {
  if (!nd.rcu) {
    yield* k.dput(nd.dentry);
    yield* k.mntput(nd.mnt);
  }
  nd.mnt = mnt;
  nd.dentry = dentry;
}

/** Give the end of a walk back. May sleep. */
export function* put_nd(k: FsKernel, nd: Pick<Nameidata, 'dentry' | 'mnt'>): Task<void> {
  yield* k.dput(nd.dentry);
  yield* k.mntput(nd.mnt);
}

/** Give a place back. May sleep. */
export function* path_put(k: FsKernel, path: Path): Task<void> {
  yield* k.dput(dentry_of(path));
  yield* k.mntput(mnt_of(path));
}
