/**
 * Installing before the seed mail: only into an empty stash, and -EAGAIN if it is not empty, so that
 * the caller comes again. Mirrors fs/nsfs.c before v6.9.
 */

import {
  branch,
  cmpxchg,
  cover,
  cpu_relax,
  E,
  ERR_PTR,
  IS_ERR,
  PTR_ERR,
  READ_ONCE,
  WRITE_ONCE,
  type Branch,
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

const COMES_AGAIN = branch('ns_get_path', 'comes again after -EAGAIN');
/** Who lost the race to install gives up. */
export const GIVES_UP = branch(
  'path_from_new_dentry',
  'fails since the stash is not empty any more',
);

export const INSTALL_ONCE_BRANCHES: readonly Branch[] = [COMES_AGAIN, GIVES_UP];

/** What becomes of a dentry that was, or was not, installed. */
interface Outcome {
  readonly installed?: () => Task<void>;
  readonly lost: (dentry: Dentry) => Task<void>;
}

/** Make a dentry and install it, or fail with -EAGAIN. May sleep. */
export function* install_once(
  k: VfsKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
  { installed, lost }: Outcome,
): Task<Dentry | ErrPtr> {
  const dentry = yield* k.prepare_anon_dentry(stashed, sb, data);
  if (IS_ERR(dentry)) return dentry;
  if ((yield* cmpxchg(stashed, null, dentry)) === null) {
    yield* cover(STASH.INSTALLED);
    if (installed !== undefined) yield* installed();
    return dentry;
  }
  yield* cover(GIVES_UP);
  yield* lost(dentry);
  return ERR_PTR(-E.EAGAIN);
}

/** Negative first: d_prune leaves the stash alone when it finds no inode. */
export function* delete_and_put(k: VfsKernel, dentry: Dentry): Task<void> {
  yield* k.d_delete(dentry);
  yield* k.dput(dentry);
}

/** {@link install_once} in nsfs. May sleep. Source: fs/nsfs.c, v6.8. */
export function* path_from_new_dentry(
  k: VfsKernel,
  stashed: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  return yield* install_once(k, stashed, sb, data, {
    lost: (dentry) => delete_and_put(k, dentry),
  });
}

/** The caller's loop: a reference for every try. May sleep. Source: fs/nsfs.c, v6.8. */
export function* get_stashed_path(
  k: VfsKernel,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  return yield* come_again(k, sb, data, true);
}

/** Look until the answer is not -EAGAIN, with or without a reference on the object for each try. */
export function* come_again(
  k: VfsKernel,
  sb: SuperBlock,
  data: StashedObject,
  counted: boolean,
): Task<Dentry | ErrPtr> {
  for (;;) {
    if (counted) yield* k.get_data(data);
    const dentry = yield* k.path_from_stashed(data.stashed, sb, data);
    if (!IS_ERR(dentry) || PTR_ERR(dentry) !== -E.EAGAIN) return dentry;
    yield* cover(COMES_AGAIN);
    yield* cpu_relax();
  }
}

/** d_prune that empties the stash whatever it holds. Source: fs/nsfs.c, v6.8. */
export function* blind_prune(_k: VfsKernel, dentry: Dentry): Task<void> {
  if ((yield* READ_ONCE(dentry.d_inode)) === null) {
    yield* cover(STASH.NEGATIVE);
    return;
  }
  const stashed = (yield* READ_ONCE(dentry.d_fsdata)) as Stash;
  yield* WRITE_ONCE(stashed, null);
}
