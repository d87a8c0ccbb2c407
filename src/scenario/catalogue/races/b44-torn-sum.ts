/**
 * A reference count summed while it moves.
 *
 * A mount counts its references per CPU: taking one on one CPU and dropping it on another leaves
 * both counts odd, and only their sum right. Whoever drops a reference sums up, to see whether it was
 * the last. If the sum is not protected, somebody may take a reference on a CPU that was counted
 * already and drop it on one that is not counted yet: the sum is one short, and the mount is freed
 * under its user. The repair sums, and drops, under mount_lock.
 */

import { cover, kmem_cache_free, type Task } from '../../../machine/index.js';
import {
  LAST,
  mnt_add_count,
  mnt_get_count,
  mntget,
  mntput,
  mounts,
  NOT_LAST,
  type Cpu,
  type Mounts,
} from './mount-count.js';
import { smallRace } from './small-race.js';

const unlocked = function* mntput(_k: unknown, { mount }: Mounts, cpu: Cpu): Task<boolean> {
  yield* mnt_add_count(mount, cpu, -1);
  const last = (yield* mnt_get_count(mount)) === 0;
  yield* cover(last ? LAST : NOT_LAST);
  if (last) yield* kmem_cache_free(mount);
  return last;
};

export const b44 = smallRace({
  name: 'b44-torn-sum',
  title: 'a count per CPU is summed up while a reference moves from one CPU to another',
  history: {
    id: 'B44a',
    year: 2018,
    identifiers: ['9ea0a46ca2c3'],
    expect: 'KASAN: slab-use-after-free Read in mnt_get_count',
    witness: { steps: 10, switches: 2 },
    about: [LAST, NOT_LAST],
  },
  own: { mntget, mntput },
  buggy: { mntput: unlocked },
  objects: (machine) => mounts(machine, 2),
  tasks: {
    *walker(k, all) {
      yield* k.mntget(all.mount);
      yield* k.mntput(all, 1);
      yield* k.mntput(all, 1);
    },
    *umount(k, all) {
      yield* k.mntput(all, 0);
    },
  },
});
