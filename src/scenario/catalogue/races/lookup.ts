/** What a task does that looks a name up which no file has: the callers of the parallel lookup. */

import type { Task } from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';

/** Look a name up in a directory, find nothing, and forget it. May sleep. Source: fs/namei.c. */
export function* lookup(k: VfsKernel, dir: Dentry, name: string): Task<void> {
  const dentry = (yield* k.d_alloc_parallel(dir, name, yield* k.lookup_wait_queue()))!;
  if (yield* k.d_in_lookup(dentry)) {
    yield* k.d_add(dentry, null);
    yield* k.d_lookup_done(dentry);
  }
  yield* k.dput(dentry);
}
