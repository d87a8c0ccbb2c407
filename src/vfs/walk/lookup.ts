/**
 * Names that the cache does not have.
 *
 * Invariant: of many who look one name up at once, one asks the filesystem. Mirrors fs/namei.c.
 */

import { branch, cover, E, READ_ONCE, type Task } from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import { ProcSuper } from '../proc/structs.js';
import { down_read, super_of, up_read, type FsInode } from '../tmpfs/structs.js';

export const ASKED = branch('lookup_slow', 'asks the filesystem for the name');

/** Longest name, in bytes. */
export const NAME_MAX = 255;

/** The length that counts is in bytes; only a long name needs a second look. */
export function is_too_long(k: FsKernel, name: string, max: number): boolean {
  return name.length * 3 > max && k.byte_length(name) > max;
}

/**
 * Look a name up that the cache does not have: with the directory locked, shared, so that many do at
 * once and one of them asks the filesystem. May sleep. Source: fs/namei.c.
 * @returns a dentry with a reference, negative if there is no such name; -ENOENT, -ENOMEM
 */
export function* lookup_slow(k: FsKernel, parent: Dentry, name: string): Task<Dentry | number> {
  if (super_of(parent) instanceof ProcSuper) return yield* k.proc_lookup(parent, name);
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
  if (super_of(parent) instanceof ProcSuper) return yield* k.proc_lookup(parent, name);
  const found = yield* k.d_lookup(parent, name);
  if (found !== null) return found;
  const dir = (yield* READ_ONCE(parent.d_inode)) as FsInode | null;
  if (dir === null || (yield* READ_ONCE(dir.i_dead))) return -E.ENOENT;
  if (is_too_long(k, name, NAME_MAX)) return -E.ENAMETOOLONG;
  const dentry = yield* k.d_alloc(parent, name);
  if (dentry === null) return -E.ENOMEM;
  yield* k.simple_lookup(dentry);
  return dentry;
}
