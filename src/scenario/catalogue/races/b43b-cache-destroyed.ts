/**
 * A module's inode cache destroyed under callbacks that have yet to run.
 *
 * Inodes are freed by an RCU callback. Until 2012 each unmount waited for them with rcu_barrier(); it
 * was moved to where it is needed, into every filesystem's module exit, before the cache that the
 * inodes came from is destroyed. A filesystem that leaves it out unloads while callbacks of its own
 * are queued, which then work on a cache, and run code, that is gone. Waiting for a grace period does
 * not help: that says when callbacks may run, not that they have.
 */

import {
  branch,
  cover,
  kmem_cache_alloc,
  kmem_cache_free,
  READ_ONCE,
  Slab,
  Struct,
  WRITE_ONCE,
  type Cell,
  type Task,
} from '../../../machine/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { smallRace } from './small-race.js';

const FREES = branch('i_callback', 'gives the inode back to its cache');

class ModuleCache extends Struct {
  readonly object_size = this.cell('object_size', 64);

  constructor() {
    super('kmem_cache');
  }
}

class ModuleInode extends Struct {
  readonly i_ino = this.cell('i_ino', 1);
  readonly cache: ModuleCache;

  constructor(cache: ModuleCache) {
    super('inode');
    this.cache = cache;
  }
}

class ModuleRoot extends Struct {
  readonly inode: Cell<ModuleInode | null> = this.cell<ModuleInode | null>('inode', null);
  readonly cache: Cell<ModuleCache | null> = this.cell<ModuleCache | null>('cache', null);

  constructor() {
    super('module');
  }
}

/** Frees an inode after its grace period. Source: fs/inode.c. */
function* i_callback(_k: VfsKernel, inode: ModuleInode): Task<void> {
  yield* cover(FREES);
  yield* READ_ONCE(inode.cache.object_size);
  yield* kmem_cache_free(inode);
}

/** The last inode goes. Source: fs/super.c. */
function* kill_sb(k: VfsKernel, root: ModuleRoot): Task<void> {
  const inode = (yield* READ_ONCE(root.inode))!;
  yield* WRITE_ONCE(root.inode, null);
  yield* k.call_rcu(inode, i_callback);
}

/** The module goes. May sleep. Source: fs/ext4/super.c, as an example of many. */
function* destroy_inodecache(k: VfsKernel, root: ModuleRoot): Task<void> {
  yield* k.rcu_barrier();
  yield* kmem_cache_free((yield* READ_ONCE(root.cache))!);
}

/** Waits for readers, which is not enough. */
const hasty = function* destroy_inodecache(k: VfsKernel, root: ModuleRoot): Task<void> {
  yield* k.synchronize_rcu();
  yield* kmem_cache_free((yield* READ_ONCE(root.cache))!);
};

const own = { kill_sb, destroy_inodecache };

export const b43b = smallRace({
  name: 'b43b-cache-destroyed',
  title: "a module's inode cache is destroyed under callbacks that have yet to run",
  history: {
    id: 'B43b',
    year: 2012,
    identifiers: ['8c0a85377048'],
    expect: 'KASAN: slab-use-after-free Read in i_callback',
    witness: { steps: 7, switches: 0 },
    about: [FREES],
  },
  own,
  buggy: { destroy_inodecache: hasty },
  objects: (machine) => {
    const root = machine.global(new ModuleRoot(), 'module');
    const caches = machine.global(new Slab('kmem_cache', () => new ModuleCache()));
    const inodes = machine.global(
      new Slab('inode', (cache: ModuleCache) => new ModuleInode(cache)),
    );
    machine.boot(function* () {
      const cache = (yield* kmem_cache_alloc(caches))!;
      yield* WRITE_ONCE(root.cache, cache);
      yield* WRITE_ONCE(root.inode, yield* kmem_cache_alloc(inodes, cache));
    });
    return root;
  },
  tasks: {
    *walk(k, root) {
      yield* k.rcu_read_lock();
      const inode = yield* k.rcu_dereference(root.inode);
      if (inode !== null) yield* READ_ONCE(inode.i_ino);
      yield* k.rcu_read_unlock();
    },
    *unload(k, root) {
      yield* k.kill_sb(root);
      yield* k.destroy_inodecache(root);
    },
  },
});
