/**
 * A patch to try: why loop at all? The first look found the stash empty, so store and be done.
 *
 *   dlab patch examples/blind-stash.ts race/b08-dput-in-rcu
 *
 * Two tasks can both have found it empty.
 */

import { WRITE_ONCE, type Dentry, type Stash, type Task, type VfsKernel } from 'dentrylab';

export function* stash_dentry(_k: VfsKernel, stashed: Stash, dentry: Dentry): Task<Dentry> {
  yield* WRITE_ONCE(stashed, dentry);
  return dentry;
}
