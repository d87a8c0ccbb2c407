/**
 * A flag that is tested before the lock is taken.
 *
 * A lockless walk adds a reference to a mount and then looks whether mount_lock has moved since it
 * began. If so the mount may be on its way out, and the walk must let go again. When a synchronous
 * umount is under way it must do that quietly, just taking its own count back, because umount wants to
 * drop the last reference itself and be done when it returns. That umount is under way is a flag, set
 * under mount_lock. Tested without the lock it may be clear just before it is set; then the walk drops
 * its reference the long way, as the last, and umount returns while the mount is still there.
 */

import {
  branch,
  cover,
  E,
  READ_ONCE,
  read_seqbegin,
  read_seqretry,
  spin_lock,
  spin_unlock,
  Struct,
  WARN,
  WRITE_ONCE,
  write_seqlock,
  write_sequnlock,
  type Bound,
  type Cell,
  type Task,
} from '../../../machine/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import {
  mnt_add_count,
  mnt_get_count,
  mntput,
  mounts,
  type Mount,
  type Mounts,
} from './mount-count.js';
import { smallRace } from './small-race.js';

const SYNC_UMOUNT = 1 << 1;

const QUIET = branch('__legitimize_mnt', 'takes its reference back under mount_lock');
const LONG = branch('__legitimize_mnt', 'lets the caller drop its reference');
const GOT = branch('__legitimize_mnt', 'has its reference');

/** Where a walk finds what is mounted; null once it is unmounted. */
class MountHash extends Struct {
  readonly mnt: Cell<Mount | null>;

  constructor(mount: Mount) {
    super('mount_hashtable');
    this.mnt = this.cell<Mount | null>('mnt', mount);
  }
}

interface Shared extends Mounts {
  readonly hash: MountHash;
}

/** @returns 0 with a reference; 1 without; -1 with one that the caller must drop */
function* __legitimize_mnt(_k: unknown, { mount, mount_lock }: Mounts, seq: number): Task<number> {
  yield* mnt_add_count(mount, 1, 1);
  if (!(yield* read_seqretry(mount_lock, seq))) {
    yield* cover(GOT);
    return 0;
  }
  yield* spin_lock(mount_lock.lock);
  const leaving = ((yield* READ_ONCE(mount.mnt_flags)) & SYNC_UMOUNT) !== 0;
  if (leaving) yield* mnt_add_count(mount, 1, -1);
  yield* spin_unlock(mount_lock.lock);
  yield* cover(leaving ? QUIET : LONG);
  return leaving ? 1 : -1;
}

const before_the_lock = function* __legitimize_mnt(
  _k: unknown,
  { mount, mount_lock }: Mounts,
  seq: number,
): Task<number> {
  yield* mnt_add_count(mount, 1, 1);
  if (!(yield* read_seqretry(mount_lock, seq))) {
    yield* cover(GOT);
    return 0;
  }
  const leaving = ((yield* READ_ONCE(mount.mnt_flags)) & SYNC_UMOUNT) !== 0;
  if (leaving) yield* mnt_add_count(mount, 1, -1);
  yield* cover(leaving ? QUIET : LONG);
  return leaving ? 1 : -1;
};

/** Take a reference on what is mounted, and drop it. Source: fs/namei.c. */
function* walk(k: Kernel, all: Shared): Task<void> {
  yield* k.rcu_read_lock();
  const seq = yield* read_seqbegin(all.mount_lock);
  const mount = yield* k.rcu_dereference(all.hash.mnt);
  const got = mount === null ? 1 : yield* k.__legitimize_mnt(all, seq);
  yield* k.rcu_read_unlock();
  if (got !== 1) yield* k.mntput(all, 1);
}

/** Unmount, unless it is busy, and return when the mount is gone. Sleeps. Source: fs/namespace.c. */
function* do_umount(k: Kernel, all: Shared): Task<number> {
  yield* write_seqlock(all.mount_lock);
  const busy = (yield* mnt_get_count(all.mount)) > 1;
  if (!busy) {
    const flags = yield* READ_ONCE(all.mount.mnt_flags);
    yield* WRITE_ONCE(all.mount.mnt_flags, flags | SYNC_UMOUNT);
    yield* WRITE_ONCE(all.hash.mnt, null);
  }
  yield* write_sequnlock(all.mount_lock);
  if (busy) return -E.EBUSY;
  yield* k.synchronize_rcu_expedited();
  if (!(yield* k.mntput(all, 0))) {
    yield* WARN('WARNING: umount returns while the mount is in use');
  }
  return 0;
}

const own = { __legitimize_mnt, mntput, walk, do_umount };
type Kernel = VfsKernel & Bound<Pick<typeof own, '__legitimize_mnt' | 'mntput'>>;

export const b44c = smallRace({
  name: 'b44c-flag-before-lock',
  title: 'a walk looks whether umount is under way just before it is',
  history: {
    id: 'B44c',
    year: 2025,
    identifiers: ['CVE-2025-38058', '250cf3693060'],
    expect: 'WARNING: umount returns while the mount is in use in do_umount',
    witness: { steps: 24, switches: 3 },
    about: [QUIET, GOT],
    wrong: [LONG, GOT],
  },
  own,
  buggy: { __legitimize_mnt: before_the_lock },
  objects: (machine): Shared => {
    const all = mounts(machine, 1);
    return { ...all, hash: machine.global(new MountHash(all.mount), 'mount_hashtable') };
  },
  tasks: {
    *walker(k, all) {
      yield* k.walk(all);
    },
    *umount(k, all) {
      yield* k.do_umount(all);
    },
  },
});
