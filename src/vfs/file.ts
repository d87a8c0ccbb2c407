/**
 * Holding a stashed dentry open, as a file descriptor does.
 *
 * Invariant: between open and close there is always a scheduling point, since a real process does
 * something with its descriptor. `hold` and `release` are bookkeeping for the invariants, one step
 * each, which look at all that the invariants look at.
 */

import {
  atomic_step,
  IS_ERR,
  READ_ONCE,
  type Cell,
  type ErrPtr,
  type Task,
} from '../machine/index.js';
import type { Dentry } from '../dcache/index.js';
import type { VfsKernel } from './kernel.js';
import type { StashedObject } from './stashed.js';
import type { SuperBlock } from './super.js';

/**
 * Open the file of an object. May sleep.
 * @returns the dentry, held open, or an error pointer
 */
export function* open_stashed(
  k: VfsKernel,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  const dentry = yield* k.get_stashed_path(sb, data);
  if (!IS_ERR(dentry)) yield* k.hold(data, dentry);
  return dentry;
}

/** What the filesystem's open does: a reference on the object, then its dentry. */
export function* get_stashed_path(
  k: VfsKernel,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  yield* k.get_data(data);
  return yield* k.path_from_stashed(data.stashed, sb, data);
}

/** Close what {@link open_stashed} returned. May sleep. */
export function* close_stashed(k: VfsKernel, data: StashedObject, dentry: Dentry): Task<void> {
  yield* k.release(data, dentry);
  yield* k.dput(dentry);
}

function watchedBy(data: StashedObject, dentry: Dentry): Cell[] {
  return [dentry.d_inode, data.stashed] as Cell[];
}

/** The descriptor is there. Two of these commute; one and a release do not. */
export function* hold(k: VfsKernel, data: StashedObject, dentry: Dentry): Task<void> {
  const { held, opened, closed } = data.handles;
  yield* atomic_step({
    label: 'hold',
    reads: [...watchedBy(data, dentry), closed as Cell],
    writes: [],
    bumps: [opened as Cell, held as Cell],
    run: (set) => set(held, k.bag([...data.handles.open, dentry])),
  });
}

/** The descriptor is gone; its reference on the dentry is not, yet. */
export function* release(k: VfsKernel, data: StashedObject, dentry: Dentry): Task<void> {
  const { held, opened, closed } = data.handles;
  yield* atomic_step({
    label: 'release',
    reads: [...watchedBy(data, dentry), opened as Cell],
    writes: [],
    bumps: [closed as Cell, held as Cell],
    run: (set) => {
      const open = [...data.handles.open];
      open.splice(open.indexOf(dentry), 1);
      set(held, k.bag(open));
    },
  });
}

/** An object's number. */
export function* ino_of(_k: VfsKernel, data: StashedObject): Task<number> {
  return yield* READ_ONCE(data.ino);
}
