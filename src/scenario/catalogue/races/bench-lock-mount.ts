/**
 * Where to mount, looked up before the lock and not after.
 *
 * To put a mount under another one, the kernel finds the topmost mount on a place, without a lock, and
 * from it the mount below and the directory. Then it takes the lock that keeps mounts where they are,
 * which sleeps. By then the topmost mount may have been unmounted and freed, and with it the answer is
 * stale: the parent that it names is read from freed memory. The repair asks the same question again
 * under the lock, and begins anew if the answer is another one.
 */

import {
  branch,
  cover,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Cell,
  type Task,
} from '../../../machine/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { allocate } from './allocate.js';
import { smallRace } from './small-race.js';

const MOUNTS = branch('do_lock_mount', 'has the mount below, under the lock');
const MOVED = branch('do_lock_mount', 'finds another mount on top under the lock');
const NOTHING = branch('do_lock_mount', 'finds nothing mounted there any more');

class Mount extends Struct {
  readonly mnt_parent = this.cell('mnt_parent', 'root');

  constructor() {
    super('mount');
  }
}

class Namespace extends Struct {
  readonly namespace_sem = this.lockCell('namespace_sem', 'namespace_sem');
  /** The topmost mount on the one place that there is. */
  readonly top: Cell<Mount | null> = this.cell<Mount | null>('top', null);

  constructor() {
    super('mnt_namespace');
  }
}

/** The topmost mount on the place. Source: fs/namespace.c. */
function* where_to_mount(k: VfsKernel, ns: Namespace): Task<Mount | null> {
  yield* k.rcu_read_lock();
  const top = yield* k.rcu_dereference(ns.top);
  yield* k.rcu_read_unlock();
  return top;
}

/** Find the mount below the topmost one, and keep it in place. May sleep. Source: fs/namespace.c. */
function* do_lock_mount(k: VfsKernel & Own, ns: Namespace): Task<string | null> {
  for (;;) {
    const top = yield* k.where_to_mount(ns);
    if (top === null) {
      yield* cover(NOTHING);
      return null;
    }
    yield* spin_lock(ns.namespace_sem);
    if ((yield* k.where_to_mount(ns)) === top) {
      yield* cover(MOUNTS);
      const parent = yield* READ_ONCE(top.mnt_parent);
      yield* spin_unlock(ns.namespace_sem);
      return parent;
    }
    yield* cover(MOVED);
    yield* spin_unlock(ns.namespace_sem);
  }
}

const asks_once = function* do_lock_mount(k: VfsKernel & Own, ns: Namespace): Task<string | null> {
  const top = yield* k.where_to_mount(ns);
  if (top === null) return null;
  yield* spin_lock(ns.namespace_sem);
  yield* cover(MOUNTS);
  const parent = yield* READ_ONCE(top.mnt_parent);
  yield* spin_unlock(ns.namespace_sem);
  return parent;
};

interface Own {
  where_to_mount(ns: Namespace): Task<Mount | null>;
}

/** Take the topmost mount away. May sleep. Source: fs/namespace.c. */
function* umount_tree(k: VfsKernel, ns: Namespace): Task<void> {
  yield* spin_lock(ns.namespace_sem);
  const top = yield* READ_ONCE(ns.top);
  yield* WRITE_ONCE(ns.top, null);
  yield* spin_unlock(ns.namespace_sem);
  if (top !== null) yield* k.kfree_rcu(top);
}

export const lock_mount = smallRace({
  name: 'bench-lock-mount',
  title: 'the topmost mount is freed between finding it and locking',
  history: {
    id: 'LOCKMNT',
    year: 2025,
    identifiers: ['90006f21b78a'],
    expect: 'KASAN: slab-use-after-free Read in do_lock_mount',
    witness: { steps: 9, switches: 2 },
    about: [MOUNTS, MOVED, NOTHING],
    wrong: [MOUNTS],
  },
  own: { where_to_mount, do_lock_mount, umount_tree },
  buggy: { do_lock_mount: asks_once },
  objects: (machine) => {
    const ns = machine.global(new Namespace(), 'ns');
    allocate(machine, () => new Mount(), ns.top);
    return ns;
  },
  tasks: {
    *mount(k, ns) {
      yield* k.do_lock_mount(ns);
    },
    *umount(k, ns) {
      yield* k.umount_tree(ns);
    },
  },
});
