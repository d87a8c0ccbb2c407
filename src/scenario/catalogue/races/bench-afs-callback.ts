/**
 * Work queued on an object that has waited for its work already.
 *
 * When the server breaks a promise, afs looks whether the file is mapped anywhere and, if so, queues
 * work to have the mappings dropped. The last unmapping counts down to zero and then waits for work that
 * is queued, so that the inode may go. The count went down without the lock under which it was looked
 * at: the one saw a mapping, the other counted it out and found nothing queued to wait for, and then the
 * work was queued, for an inode that was freed meanwhile. The repair reaches zero under the lock only.
 */

import {
  atomic_fetch_add,
  await_until,
  branch,
  cover,
  kmem_cache_free,
  READ_ONCE,
  spawn,
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

const QUEUES = branch('__afs_break_callback', 'queues work for a file that is mapped');
const UNMAPPED = branch('__afs_break_callback', 'finds the file mapped nowhere');

class Vnode extends Struct {
  readonly cb_lock = this.lockCell('cb_lock', 'cb_lock');
  readonly cb_nr_mmap = this.cell('cb_nr_mmap', 1);

  constructor() {
    super('afs_vnode');
  }
}

class Volume extends Struct {
  readonly vnode: Cell<Vnode | null> = this.cell<Vnode | null>('vnode', null);
  /** Work that is queued or runs; the queue outlives what is queued. */
  readonly pending = this.cell('pending', false);

  constructor() {
    super('afs_volume');
  }
}

/** Drop the mappings. Source: fs/afs/file.c. */
function* cb_work(_k: VfsKernel, volume: Volume, vnode: Vnode): Task<void> {
  yield* READ_ONCE(vnode.cb_nr_mmap);
  yield* WRITE_ONCE(volume.pending, false);
}

/** The server has changed the file. Inside RCU. Source: fs/afs/callback.c. */
function* __afs_break_callback(k: VfsKernel, volume: Volume, vnode: Vnode): Task<void> {
  yield* spin_lock(vnode.cb_lock);
  if ((yield* READ_ONCE(vnode.cb_nr_mmap)) > 0) {
    yield* cover(QUEUES);
    yield* WRITE_ONCE(volume.pending, true);
    yield* spawn({ name: 'kworker' }, cb_work, k, volume, vnode);
  } else {
    yield* cover(UNMAPPED);
  }
  yield* spin_unlock(vnode.cb_lock);
}

/** A mapping less. May sleep. Source: fs/afs/file.c. */
function* afs_drop_open_mmap(_k: VfsKernel, volume: Volume, vnode: Vnode): Task<void> {
  // Zero is reached here only.
  yield* spin_lock(vnode.cb_lock);
  const last = (yield* atomic_fetch_add(vnode.cb_nr_mmap, -1)) === 1;
  yield* spin_unlock(vnode.cb_lock);
  if (last) yield* await_until(volume.pending, (pending) => !pending);
}

const without_lock = function* afs_drop_open_mmap(
  _k: VfsKernel,
  volume: Volume,
  vnode: Vnode,
): Task<void> {
  const last = (yield* atomic_fetch_add(vnode.cb_nr_mmap, -1)) === 1;
  if (last) yield* await_until(volume.pending, (pending) => !pending);
};

function* free_vnode(_k: never, vnode: Vnode): Task<void> {
  yield* kmem_cache_free(vnode);
}

export const afs_callback = smallRace({
  name: 'bench-afs-callback',
  title: 'work is queued on an inode that has waited for its work already',
  history: {
    id: 'AFSCB',
    year: 2024,
    identifiers: ['275655d3207b'],
    expect: 'KASAN: slab-use-after-free Read in cb_work',
    witness: { steps: 12, switches: 3 },
    about: [QUEUES, UNMAPPED],
    wrong: [QUEUES],
  },
  own: { __afs_break_callback, afs_drop_open_mmap },
  buggy: { afs_drop_open_mmap: without_lock },
  objects: (machine) => {
    const volume = machine.global(new Volume(), 'volume');
    allocate(machine, () => new Vnode(), volume.vnode);
    return volume;
  },
  tasks: {
    *server(k, volume) {
      yield* k.rcu_read_lock();
      const vnode = yield* k.rcu_dereference(volume.vnode);
      if (vnode !== null) yield* k.__afs_break_callback(volume, vnode);
      yield* k.rcu_read_unlock();
    },
    *munmap(k, volume) {
      const vnode = (yield* READ_ONCE(volume.vnode))!;
      yield* k.afs_drop_open_mmap(volume, vnode);
      yield* WRITE_ONCE(volume.vnode, null);
      yield* k.call_rcu(vnode, free_vnode);
    },
  },
});
