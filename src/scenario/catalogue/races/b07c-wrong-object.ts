/**
 * The file of a related namespace, made of the wrong one.
 *
 * An ioctl of nsfs opens the namespace that owns the one at hand. The draft of February 2024 handed
 * the stash of the relative to the helper, and the reference on the relative, but as the object the
 * namespace that was asked. The new inode belongs to that one: the descriptor shows the wrong
 * namespace, its end puts a reference that nobody took, and the relative's is never put. It takes one
 * call. No lock and no barrier is wrong; what catches it is the owner of each reference.
 */

import {
  branch,
  cover,
  IS_ERR,
  READ_ONCE,
  WARN,
  type ErrPtr,
  type Task,
} from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import { Handles, type Inode, type StashedObject, type VfsKernel } from '../../../vfs/index.js';
import { smallRace } from './small-race.js';

const OPENS = branch('open_related_ns', 'has a dentry for the related namespace');

/** A file of the namespace that owns `_ns`. May sleep. Source: fs/nsfs.c. */
function* open_related_ns(
  k: VfsKernel,
  _ns: StashedObject,
  relative: StashedObject,
): Task<Dentry | ErrPtr> {
  yield* k.get_data(relative);
  yield* cover(OPENS);
  return yield* k.path_from_stashed(relative.stashed, k.nsfs, relative);
}

const of_the_wrong_one = function* open_related_ns(
  k: VfsKernel,
  ns: StashedObject,
  relative: StashedObject,
): Task<Dentry | ErrPtr> {
  yield* k.get_data(relative);
  yield* cover(OPENS);
  return yield* k.path_from_stashed(relative.stashed, k.nsfs, ns);
};

const COUNT = 'references are balanced';

export const b07c = smallRace({
  name: 'b07c-wrong-object',
  title: 'an ioctl opens the namespace that it was asked, in the stash of its owner',
  history: {
    id: 'B07c',
    year: 2024,
    identifiers: ['20240218-neufahrzeuge-brauhaus-fb0eb6459771@brauner'],
    expect: 'WARNING: inode of another namespace in open_owner',
    witness: { steps: 9, switches: 0 },
    about: [OPENS],
  },
  own: { open_related_ns },
  buggy: { open_related_ns: of_the_wrong_one },
  objects: (machine, k) => {
    const handles = machine.global(new Handles(), 'handles');
    const make = (): StashedObject => machine.boot(() => k.alloc_ns(handles))!;
    return { ns: make(), owner: make() };
  },
  tasks: {
    *open_owner(k, { ns, owner }) {
      const dentry = yield* k.open_related_ns(ns, owner);
      if (IS_ERR(dentry)) return;
      const inode = (yield* READ_ONCE(dentry.d_inode)) as Inode;
      if ((yield* READ_ONCE(inode.i_private)) !== owner) {
        yield* WARN('WARNING: inode of another namespace');
      }
      yield* k.dput(dentry);
    },
  },
  atRest: ({ ns, owner }) =>
    [ns, owner]
      .filter(({ count }) => count.value !== 1)
      .map((each) => ({ name: COUNT, detail: `${each.toString()} has ${each.count.value}` })),
  checks: [COUNT],
});
