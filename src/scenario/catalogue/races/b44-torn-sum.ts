/**
 * A reference count summed while it moves.
 *
 * A mount counts its references per CPU: taking one on one CPU and dropping it on another leaves
 * both counts odd, and only their sum right. Whoever drops a reference sums up, to see whether it was
 * the last. If the sum is not protected, somebody may take a reference on a CPU that was counted
 * already and drop it on one that is not counted yet: the sum is one short, and the mount is freed
 * under its user. The repair sums, and drops, under mount_lock.
 */

import {
  atomic_fetch_add,
  branch,
  cover,
  kmem_cache_alloc,
  kmem_cache_free,
  READ_ONCE,
  Slab,
  spin_lock,
  spin_unlock,
  Struct,
  type Spinlock,
  type Task,
} from '../../../machine/index.js';
import { smallRace } from './small-race.js';

const LAST = branch('mntput', 'drops the last reference');
const NOT_LAST = branch('mntput', 'drops a reference that is not the last');

class Mount extends Struct {
  /** The references that were taken, less those that were dropped, on each CPU. */
  readonly mnt_pcp = [this.cell('mnt_count[0]', 2), this.cell('mnt_count[1]', 0)] as const;

  constructor() {
    super('mount');
  }
}

class MountLock extends Struct {
  readonly lock: Spinlock = this.lockCell('lock', 'mount_lock');

  constructor() {
    super('mount_lock');
  }
}

interface Shared {
  readonly mount: Mount;
  readonly mount_lock: MountLock;
}

/** Add a reference to a mount that one already holds; on CPU 0. Source: fs/namespace.c. */
function* mntget(_k: unknown, mount: Mount): Task<void> {
  yield* atomic_fetch_add(mount.mnt_pcp[0], 1, 'relaxed');
}

/** Drop a reference on CPU `cpu`; the last one frees. Source: fs/namespace.c. */
function* mntput(_k: unknown, mount: Mount, mount_lock: MountLock, cpu: 0 | 1): Task<void> {
  yield* spin_lock(mount_lock.lock);
  yield* atomic_fetch_add(mount.mnt_pcp[cpu], -1, 'relaxed');
  const last = (yield* mnt_get_count(mount)) === 0;
  yield* spin_unlock(mount_lock.lock);
  yield* cover(last ? LAST : NOT_LAST);
  if (last) yield* kmem_cache_free(mount);
}

const unlocked = function* mntput(
  _k: unknown,
  mount: Mount,
  _mount_lock: MountLock,
  cpu: 0 | 1,
): Task<void> {
  yield* atomic_fetch_add(mount.mnt_pcp[cpu], -1, 'relaxed');
  if ((yield* mnt_get_count(mount)) === 0) yield* kmem_cache_free(mount);
};

function* mnt_get_count(mount: Mount): Task<number> {
  const first = yield* READ_ONCE(mount.mnt_pcp[0]);
  return first + (yield* READ_ONCE(mount.mnt_pcp[1]));
}

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
  objects: (machine): Shared => {
    const slab = machine.global(new Slab('mount', () => new Mount()));
    const mount = machine.boot(function* () {
      return (yield* kmem_cache_alloc(slab))!;
    });
    return { mount, mount_lock: machine.global(new MountLock(), 'mount_lock') };
  },
  tasks: {
    *walker(k, { mount, mount_lock }) {
      yield* k.mntget(mount);
      yield* k.mntput(mount, mount_lock, 1);
      yield* k.mntput(mount, mount_lock, 1);
    },
    *umount(k, { mount, mount_lock }) {
      yield* k.mntput(mount, mount_lock, 0);
    },
  },
});
