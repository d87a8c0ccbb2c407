/**
 * The directory that a call changes: walked to, locked, and the name looked up in it.
 *
 * Invariant: between lock_parent and unlock_parent nobody else makes, removes or moves a name there.
 * Mirrors fs/namei.c.
 */

import { E, READ_ONCE, type Task } from '../../machine/index.js';
import { DCACHE, type Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { TaskStruct } from '../process/structs.js';
import { down_write, up_write } from '../tmpfs/structs.js';
import { LOOKUP, put_nd, type Nameidata } from '../walk/nameidata.js';
import { filename_lookup } from '../walk/namei.js';

/** The parent of a path's last component, locked, and what is there; or -errno. */
export function* lock_parent(
  k: FsKernel,
  task: TaskStruct,
  path: string,
): Task<{ nd: Nameidata; dentry: Dentry } | number> {
  const nd = yield* filename_lookup(k, task, path, LOOKUP.PARENT);
  if (typeof nd === 'number') return nd;
  if (nd.last.type !== 'norm') {
    yield* put_nd(k, nd);
    return -E.EEXIST;
  }
  yield* down_write(nd.inode.i_rwsem);
  const dentry = yield* k.lookup_one(nd.dentry, nd.last.name);
  if (typeof dentry !== 'number') return { nd, dentry };
  yield* up_write(nd.inode.i_rwsem);
  yield* put_nd(k, nd);
  return dentry;
}

export function* unlock_parent(k: FsKernel, nd: Nameidata, dentry: Dentry): Task<void> {
  yield* up_write(nd.inode.i_rwsem);
  yield* k.dput(dentry);
  yield* put_nd(k, nd);
}

export function* is_mountpoint(dentry: Dentry): Task<boolean> {
  return ((yield* READ_ONCE(dentry.d_flags)) & DCACHE.MOUNTED) !== 0;
}
