/**
 * One component of a walk: into a name, across mounts, to what a link says, or up.
 *
 * Invariant: a parent's d_seq is checked again after its child was found, so the samples overlap.
 * Whatever does not fit gives -ECHILD with all let go. Mirrors fs/namei.c.
 */

import { E, READ_ONCE, read_seqcount_retry, type Task } from '../../machine/index.js';
import { DCACHE, found_dentry, found_seq, type Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { ProcInode } from '../proc/structs.js';
import { S_ISLNK } from '../tmpfs/inode.js';
import type { FsInode } from '../tmpfs/structs.js';
import { __lookup_mnt } from './mount.js';
import {
  dentry_of,
  give_up,
  mnt_of,
  move_to,
  terminate_walk,
  try_to_unlazy,
  type Nameidata,
  type Path,
} from './nameidata.js';

const MAXSYMLINKS = 40;

/** `..`, not above the root of the process, across mounts. @returns 0 or -ECHILD, all let go */
export function* follow_dotdot(k: FsKernel, nd: Nameidata): Task<number> {
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

/** Walk into one component. @returns 0, a link's target, or -errno with all let go */
export function* step(
  k: FsKernel,
  nd: Nameidata,
  name: string,
  follow: boolean,
): Task<number | string> {
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
    if (inode instanceof ProcInode) {
      const place = yield* k.proc_get_link(nd.task, inode);
      yield* k.dput(dentry);
      yield* k.mntput(mnt);
      return yield* jump(k, nd, place);
    }
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

/** Go where a link of procfs leads: to an object, whatever its name. Source: fs/namei.c. */
function* jump(k: FsKernel, nd: Nameidata, place: Path | string | number): Task<number | string> {
  if (typeof place === 'string') return place;
  if (typeof place === 'number') return yield* give_up(k, nd, place);
  nd.links += 1;
  if (nd.links > MAXSYMLINKS) {
    yield* k.path_put(place);
    return yield* give_up(k, nd, -E.ELOOP);
  }
  yield* move_to(k, nd, mnt_of(place), dentry_of(place));
  nd.inode = (yield* READ_ONCE(nd.dentry.d_inode)) as FsInode;
  return 0;
}
