/**
 * A mount put once too often.
 *
 * A walk in RCU mode has no references. When it must stop being lockless in the middle it takes
 * references on all that it has in hand. It may be about to follow a symlink, and the symlink may be
 * the root of what is mounted there: then the link's mount is not the mount that the walk is in, and it
 * has to be counted as well. It was not, and at the end it was put all the same. It takes one path and
 * no second task; each such walk takes one reference from whoever has the filesystem mounted, until it
 * is freed under them.
 */

import { branch, cover, READ_ONCE, type Bound, type Task } from '../../../machine/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { mnt_get_count, mntget, mntput, mounts, type Mounts } from './mount-count.js';
import { smallRace } from './small-race.js';

const UNLAZY = branch('pick_link', 'takes references on all that it has');

/** Leave RCU mode with the link's mount in hand. @returns whether it counts. Source: fs/namei.c. */
function* legitimize_link(k: Kernel, link: Mounts): Task<void> {
  yield* cover(UNLAZY);
  yield* k.mntget(link.mount);
}

const without_the_mount = function* legitimize_link(_k: Kernel, link: Mounts): Task<void> {
  yield* cover(UNLAZY);
  yield* READ_ONCE(link.mount.mnt_flags);
};

/** Follow a symlink that is mounted there. May sleep. Source: fs/namei.c. */
function* pick_link(k: Kernel, link: Mounts): Task<void> {
  yield* k.rcu_read_lock();
  yield* READ_ONCE(link.mount.mnt_flags);
  yield* k.legitimize_link(link);
  yield* k.rcu_read_unlock();
  yield* k.mntput(link, 0);
}

/** Whoever has it mounted looks at it. */
function* statfs(k: Kernel, { mount }: Mounts): Task<number> {
  yield* k.rcu_read_lock();
  const count = yield* mnt_get_count(mount);
  yield* k.rcu_read_unlock();
  return count;
}

const own = { mntget, mntput, legitimize_link, pick_link, statfs };
type Kernel = VfsKernel &
  Bound<Pick<typeof own, 'mntget' | 'mntput'>> & {
    readonly legitimize_link: (link: Mounts) => Task<void>;
  };

export const b44d = smallRace({
  name: 'b44d-excess-put',
  title: 'a walk puts the mount of a symlink that it never took a reference on',
  history: {
    id: 'B44d',
    year: 2020,
    identifiers: ['3cab989afd8d'],
    expect: 'KASAN: slab-use-after-free Read in mnt_get_count',
    witness: { steps: 9, switches: 1 },
    about: [UNLAZY],
  },
  own,
  buggy: { legitimize_link: without_the_mount },
  objects: (machine) => mounts(machine, 1),
  tasks: {
    *walker(k, link) {
      yield* k.pick_link(link);
    },
    *user(k, link) {
      yield* k.statfs(link);
    },
  },
});
