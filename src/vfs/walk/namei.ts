/**
 * Path walk: from a name to a place, first without locks and references, then with them.
 *
 * In rcu-walk nothing is held but RCU; each dentry is believed only together with the d_seq that it
 * was found under, and a parent is checked again after its child was found, so the samples overlap.
 * Leaving rcu-walk takes the references first and looks at the counters afterwards. Whatever does
 * not fit gives -ECHILD, and the whole walk is done again with references. Mirrors fs/namei.c.
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
import { DCACHE, found_dentry, found_seq, type Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import { S_ISDIR, S_ISLNK } from '../tmpfs/inode.js';
import { down_read, up_read, type FsInode } from '../tmpfs/structs.js';
import { __lookup_mnt, legitimize_mnt, type Mount } from './mount.js';
import { MAY_EXEC } from './permission.js';

const LEGITIMIZED = branch('try_to_unlazy', 'leaves rcu-walk with its references');
const STALE = branch('try_to_unlazy', 'finds that the tree has changed');
const ASKED = branch('lookup_slow', 'asks the filesystem for the name');
const AGAIN = branch('filename_lookup', 'walks again with references');

/** Branches of path walk whose coverage is reported. */
export const NAMEI_BRANCHES: readonly Branch[] = [LEGITIMIZED, STALE, ASKED, AGAIN];

/** Flags of a walk. */
export const LOOKUP = { FOLLOW: 1, DIRECTORY: 2, RCU: 4, PARENT: 8 } as const;

const PATH_MAX = 4096;
const NAME_MAX = 255;
const MAXSYMLINKS = 40;

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
function* terminate_walk(k: FsKernel, nd: Nameidata): Task<void> {
  if (nd.rcu) {
    nd.rcu = false;
    yield* k.rcu_read_unlock();
    return;
  }
  yield* k.dput(nd.dentry);
  yield* k.mntput(nd.mnt);
}

/**
 * Leave rcu-walk where the walk stands. Source: fs/namei.c.
 * @returns false, with nothing held, if the tree has changed
 */
function* try_to_unlazy(k: FsKernel, nd: Nameidata): Task<boolean> {
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

function* set_root(k: FsKernel, nd: Nameidata, start: 'root' | 'pwd'): Task<void> {
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
function* move_to(k: FsKernel, nd: Nameidata, mnt: Mount, dentry: Dentry): Task<void> {
  if (!nd.rcu) {
    yield* k.dput(nd.dentry);
    yield* k.mntput(nd.mnt);
  }
  nd.mnt = mnt;
  nd.dentry = dentry;
}

/** `..`, not above the root of the process, across mounts. @returns 0 or -ECHILD, all let go */
function* follow_dotdot(k: FsKernel, nd: Nameidata): Task<number> {
  const fs = (yield* READ_ONCE(nd.task.fs))!;
  const root = yield* READ_ONCE(fs.root);
  const root_mnt = yield* READ_ONCE(fs.root_mnt);
  let { mnt, dentry } = nd;
  while (dentry === (yield* READ_ONCE(mnt.mnt_root))) {
    const parent = yield* READ_ONCE(mnt.mnt_parent);
    const mountpoint = yield* READ_ONCE(mnt.mnt_mountpoint);
    if ((dentry === root && mnt === root_mnt) || parent === null || mountpoint === null) return 0;
    mnt = parent;
    dentry = mountpoint;
  }
  if (dentry === root && mnt === root_mnt) return 0;
  const parent = (yield* READ_ONCE(dentry.d_parent))!;
  if (nd.rcu) {
    const seq = (yield* READ_ONCE(parent.d_seq)) & ~1;
    // The parent's sample first, then the child's check: it was the parent all along.
    if (mnt === nd.mnt && (yield* read_seqcount_retry(dentry.d_seq, nd.seq))) {
      yield* terminate_walk(k, nd);
      return -E.ECHILD;
    }
    nd.seq = seq;
  } else {
    yield* k.mntget(mnt);
    yield* k.dget(parent);
  }
  yield* move_to(k, nd, mnt, parent);
  nd.inode = (yield* READ_ONCE(parent.d_inode)) as FsInode;
  return 0;
}

/**
 * Look a name up that the cache does not have: with the directory locked, shared, so that many do at
 * once and one of them asks the filesystem. May sleep. Source: fs/namei.c.
 * @returns a dentry with a reference, negative if there is no such name; -ENOENT, -ENOMEM
 */
export function* lookup_slow(k: FsKernel, parent: Dentry, name: string): Task<Dentry | number> {
  const dir = (yield* READ_ONCE(parent.d_inode)) as FsInode;
  yield* down_read(dir.i_rwsem);
  const dentry = yield* k.lookup_locked(parent, name);
  yield* up_read(dir.i_rwsem);
  return dentry;
}

/** {@link lookup_slow} with the directory's i_rwsem held, shared at least. Source: fs/namei.c. */
export function* lookup_locked(k: FsKernel, parent: Dentry, name: string): Task<Dentry | number> {
  const dir = (yield* READ_ONCE(parent.d_inode)) as FsInode;
  if (yield* READ_ONCE(dir.i_dead)) return -E.ENOENT;
  const wq = yield* k.lookup_wait_queue();
  const dentry = yield* k.d_alloc_parallel(parent, name, wq);
  if (dentry === null) return -E.ENOMEM;
  if (yield* k.d_in_lookup(dentry)) {
    yield* cover(ASKED);
    yield* k.simple_lookup(dentry);
    yield* k.d_lookup_done(dentry);
  }
  return dentry;
}

/** A filesystem in memory has no names but those in the cache. Source: fs/libfs.c. */
export function* simple_lookup(k: FsKernel, dentry: Dentry): Task<void> {
  yield* k.d_add(dentry, null);
}

/**
 * Look a name up to make, remove or move it: with the directory's i_rwsem held for writing, so
 * nobody looks it up at the same time. Source: fs/namei.c, lookup_one_qstr_excl.
 */
export function* lookup_one(k: FsKernel, parent: Dentry, name: string): Task<Dentry | number> {
  const found = yield* k.d_lookup(parent, name);
  if (found !== null) return found;
  const dir = (yield* READ_ONCE(parent.d_inode)) as FsInode | null;
  if (dir === null || (yield* READ_ONCE(dir.i_dead))) return -E.ENOENT;
  const dentry = yield* k.d_alloc(parent, name);
  if (dentry === null) return -E.ENOMEM;
  yield* k.simple_lookup(dentry);
  return dentry;
}

/** Walk into one component. @returns 0, a link's target, or -errno with all let go */
function* step(k: FsKernel, nd: Nameidata, name: string, follow: boolean): Task<number | string> {
  let dentry: Dentry;
  let mnt = nd.mnt;
  let seq = 0;
  if (nd.rcu) {
    const found = yield* k.__d_lookup_rcu(nd.dentry, name);
    if (found === null) {
      if (!(yield* try_to_unlazy(k, nd))) return -E.ECHILD;
      return yield* step(k, nd, name, follow);
    }
    dentry = found_dentry(found);
    seq = found_seq(found);
    // The parent must have been that all the time, or its child is from another place.
    if (yield* read_seqcount_retry(nd.dentry.d_seq, nd.seq)) return yield* give_up(k, nd);
  } else {
    const found = (yield* k.d_lookup(nd.dentry, name)) ?? (yield* k.lookup_slow(nd.dentry, name));
    if (typeof found === 'number') return yield* give_up(k, nd, found);
    dentry = found;
    yield* k.mntget(mnt);
  }
  while (((yield* READ_ONCE(dentry.d_flags)) & DCACHE.MOUNTED) !== 0) {
    const mount = yield* __lookup_mnt(k, mnt, dentry);
    if (mount === null) break;
    const root = (yield* READ_ONCE(mount.mnt_root))!;
    if (nd.rcu) {
      if (yield* read_seqcount_retry(k.mount_table.seq, nd.m_seq)) return yield* give_up(k, nd);
      seq = (yield* READ_ONCE(root.d_seq)) & ~1;
    } else {
      yield* k.mntget(mount);
      yield* k.dget(root);
      yield* k.dput(dentry);
      yield* k.mntput(mnt);
    }
    mnt = mount;
    dentry = root;
  }
  const inode = (yield* READ_ONCE(dentry.d_inode)) as FsInode | null;
  if (nd.rcu && (yield* read_seqcount_retry(dentry.d_seq, seq))) return yield* give_up(k, nd);
  if (inode === null) {
    if (!nd.rcu) {
      yield* k.dput(dentry);
      yield* k.mntput(mnt);
    }
    return yield* give_up(k, nd, -E.ENOENT);
  }
  if (follow && S_ISLNK(yield* READ_ONCE(inode.i_mode))) {
    const target = yield* READ_ONCE(inode.i_link);
    if (!nd.rcu) {
      yield* k.dput(dentry);
      yield* k.mntput(mnt);
    } else if (yield* read_seqcount_retry(dentry.d_seq, seq)) return yield* give_up(k, nd);
    return target ?? '';
  }
  yield* move_to(k, nd, mnt, dentry);
  nd.seq = seq;
  nd.inode = inode;
  return 0;
}

function* give_up(k: FsKernel, nd: Nameidata, error: number = -E.ECHILD): Task<number> {
  yield* terminate_walk(k, nd);
  return error;
}

/** The length that counts is in bytes; only a long name needs a second look. */
function isTooLong(k: FsKernel, name: string, max: number): boolean {
  return name.length * 3 > max && k.byte_length(name) > max;
}

/**
 * Walk a path: all of it, or with LOOKUP.PARENT all but the last component, which is in `nd.last`.
 * @returns 0 with `nd` standing there, or -errno with everything let go
 */
export function* link_path_walk(
  k: FsKernel,
  nd: Nameidata,
  path: string,
  flags: number,
): Task<number> {
  let rest = path;
  for (;;) {
    if (rest.startsWith('/')) {
      if (rest !== path || nd.links > 0) yield* restart_at_root(k, nd);
    }
    let at = 0;
    while (rest.charCodeAt(at) === SLASH) at += 1;
    if (at === rest.length) {
      nd.last = { name: '', type: 'root', slash: true };
      return 0;
    }
    const mode = yield* READ_ONCE(nd.inode.i_mode);
    if (!S_ISDIR(mode)) return yield* give_up(k, nd, -E.ENOTDIR);
    const denied = yield* k.inode_permission(nd.task, nd.inode, MAY_EXEC);
    if (denied < 0) return yield* give_up(k, nd, denied);
    let end = rest.indexOf('/', at);
    if (end < 0) end = rest.length;
    const name = rest.slice(at, end);
    let next = end;
    while (rest.charCodeAt(next) === SLASH) next += 1;
    const is_last = next === rest.length;
    const slash = end < rest.length;
    const type = name === '.' ? 'dot' : name === '..' ? 'dotdot' : 'norm';
    if (isTooLong(k, name, NAME_MAX)) return yield* give_up(k, nd, -E.ENAMETOOLONG);
    if (is_last && (flags & LOOKUP.PARENT) !== 0) {
      nd.last = { name, type, slash };
      return 0;
    }
    let result: number | string = 0;
    if (type === 'dotdot') {
      result = yield* follow_dotdot(k, nd);
    } else if (type === 'norm') {
      const follow = !is_last || slash || (flags & LOOKUP.FOLLOW) !== 0;
      result = yield* step(k, nd, name, follow);
    }
    if (typeof result === 'string') {
      nd.links += 1;
      if (nd.links > MAXSYMLINKS) return yield* give_up(k, nd, -E.ELOOP);
      rest = result + rest.slice(end);
      continue;
    }
    if (result < 0) return result;
    if (is_last) {
      if (slash || (flags & LOOKUP.DIRECTORY) !== 0) {
        if (!S_ISDIR(yield* READ_ONCE(nd.inode.i_mode))) return yield* give_up(k, nd, -E.ENOTDIR);
      }
      return 0;
    }
    rest = rest.slice(next);
  }
}

const SLASH = 47;

function* restart_at_root(k: FsKernel, nd: Nameidata): Task<void> {
  if (!nd.rcu) {
    yield* k.dput(nd.dentry);
    yield* k.mntput(nd.mnt);
  }
  yield* set_root(k, nd, 'root');
}

/** What is wrong with a path as a text: -ENOENT for none, -ENAMETOOLONG; else 0. */
export function path_error(k: FsKernel, path: string): number {
  if (path === '') return -E.ENOENT;
  return isTooLong(k, path, PATH_MAX - 1) ? -E.ENAMETOOLONG : 0;
}

/** Begin a walk. Enters RCU if it is to be an rcu-walk. Source: fs/namei.c. */
export function* path_init(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  rcu: boolean,
): Task<Nameidata> {
  if (rcu) yield* k.rcu_read_lock();
  const nd = {
    task,
    rcu,
    seq: 0,
    m_seq: (yield* READ_ONCE(k.mount_table.seq)) & ~1,
    links: 0,
    last: { name: '', type: 'root', slash: false },
  } as unknown as Nameidata;
  yield* set_root(k, nd, path.startsWith('/') ? 'root' : 'pwd');
  return nd;
}

/** One attempt at a walk. @returns a place with references, or -errno */
function* path_walk(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  flags: number,
  rcu: boolean,
): Task<Nameidata | number> {
  const nd = yield* path_init(k, task, path, rcu);
  const error = yield* link_path_walk(k, nd, path, flags);
  if (error < 0) return error;
  if (nd.rcu && !(yield* try_to_unlazy(k, nd))) return -E.ECHILD;
  return nd;
}

/**
 * Walk a path, without references if that works out. May sleep.
 * @returns the end of the walk, a reference on mount and dentry each; or -errno. Source: fs/namei.c
 */
export function* filename_lookup(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  flags: number,
): Task<Nameidata | number> {
  const bad = path_error(k, path);
  if (bad < 0) return bad;
  const nd = yield* path_walk(k, task, path, flags, true);
  if (nd !== -E.ECHILD) return nd;
  yield* cover(AGAIN);
  return yield* path_walk(k, task, path, flags, false);
}

/** filename_lookup() as a kernel function: the answer is a path. */
export function* kern_path(
  k: FsKernel,
  task: TaskStruct,
  path: string,
  flags: number,
): Task<Path | number> {
  const nd = yield* filename_lookup(k, task, path, flags);
  return typeof nd === 'number' ? nd : k.list<Mount | Dentry>([nd.mnt, nd.dentry]);
}

/** Give a place back. May sleep. */
export function* path_put(k: FsKernel, path: Path): Task<void> {
  yield* k.dput(dentry_of(path));
  yield* k.mntput(mnt_of(path));
}
