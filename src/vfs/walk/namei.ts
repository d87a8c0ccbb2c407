/**
 * Path walk: from a name to a place, first without locks and references, then with them.
 *
 * What does not fit in rcu-walk gives -ECHILD, and the whole walk is done again with references.
 * Mirrors fs/namei.c.
 */

import { branch, cover, E, READ_ONCE, type Branch, type Task } from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import { S_ISDIR } from '../tmpfs/inode.js';
import { MAY_EXEC } from './permission.js';
import type { Mount } from './mount.js';
import {
  give_up,
  LOOKUP,
  set_root,
  try_to_unlazy,
  UNLAZY_BRANCHES,
  type Nameidata,
  type Path,
} from './nameidata.js';
import { ASKED, is_too_long, NAME_MAX } from './lookup.js';
import { follow_dotdot, step } from './step.js';

const AGAIN = branch('filename_lookup', 'walks again with references');
/** Branches of path walk whose coverage is reported. */
export const NAMEI_BRANCHES: readonly Branch[] = [...UNLAZY_BRANCHES, ASKED, AGAIN];

const PATH_MAX = 4096;
const MAXSYMLINKS = 40;

const SLASH = 47;

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
    if (is_last && (flags & LOOKUP.PARENT) !== 0) {
      nd.last = { name, type, slash };
      return 0;
    }
    let result: number | string = 0;
    if (type === 'dotdot') {
      result = yield* follow_dotdot(k, nd);
    } else if (type === 'norm') {
      if (is_too_long(k, name, NAME_MAX)) return yield* give_up(k, nd, -E.ENAMETOOLONG);
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
  return is_too_long(k, path, PATH_MAX - 1) ? -E.ENAMETOOLONG : 0;
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
