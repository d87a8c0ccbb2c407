/**
 * A barrier that does not cover what kfree_rcu frees.
 *
 * A module frees objects of its own cache with kfree_rcu, and waits with rcu_barrier before it
 * destroys the cache when it goes. That barrier waits for callbacks that are queued; objects given to
 * kfree_rcu wait in batches of their own and are none. So the cache went while objects still had to go
 * back to it, and modules had to use callbacks that did nothing but free. Since 2024 there is a barrier
 * for those too, and destroying a cache waits for it.
 */

import {
  branch,
  cover,
  kmem_cache_free,
  READ_ONCE,
  section_await,
  section_snapshot,
  spawn,
  Struct,
  WRITE_ONCE,
  type Cell,
  type SectionToken,
  type Task,
} from '../../../machine/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { allocate } from './allocate.js';
import { smallRace } from './small-race.js';

const FREES = branch('kfree_rcu_work', 'gives the object back to its cache');

class Cache extends Struct {
  readonly object_size = this.cell('object_size', 64);

  constructor() {
    super('kmem_cache');
  }
}

class Entry extends Struct {
  readonly key = this.cell('key', 1);

  constructor() {
    super('entry');
  }
}

class Module extends Struct {
  readonly cache: Cell<Cache | null> = this.cell<Cache | null>('cache', null);
  readonly entry: Cell<Entry | null> = this.cell<Entry | null>('entry', null);

  constructor() {
    super('module');
  }
}

function* kfree_rcu_work(
  k: VfsKernel,
  token: SectionToken,
  entry: Entry,
  cache: Cache,
): Task<void> {
  yield* section_await(k.rcu, token);
  yield* cover(FREES);
  yield* READ_ONCE(cache.object_size);
  yield* kmem_cache_free(entry);
}

/** kfree_rcu of an object of this cache: freeing it looks the cache up. Source: mm/slab_common.c. */
function* kfree_rcu_entry(k: VfsKernel, module: Module): Task<void> {
  const entry = (yield* READ_ONCE(module.entry))!;
  yield* WRITE_ONCE(module.entry, null);
  const cache = (yield* READ_ONCE(module.cache))!;
  const token = yield* section_snapshot(k.rcu);
  yield* spawn(
    { name: 'kfree_rcu', actor: true, head: entry },
    kfree_rcu_work,
    k,
    token,
    entry,
    cache,
  );
}

/** The cache goes. May sleep. Source: mm/slab_common.c. */
function* kmem_cache_destroy(k: VfsKernel, module: Module): Task<void> {
  yield* k.kvfree_rcu_barrier();
  yield* kmem_cache_free((yield* READ_ONCE(module.cache))!);
}

const rcu_barrier_only = function* kmem_cache_destroy(k: VfsKernel, module: Module): Task<void> {
  yield* k.rcu_barrier();
  yield* kmem_cache_free((yield* READ_ONCE(module.cache))!);
};

export const kfree_barrier = smallRace({
  name: 'bench-kfree-barrier',
  title: 'rcu_barrier returns while objects given to kfree_rcu have yet to be freed',
  history: {
    id: 'KVFREE',
    year: 2024,
    identifiers: ['6c6c47b063b5'],
    expect: 'KASAN: slab-use-after-free Read in kfree_rcu_work',
    witness: { steps: 8, switches: 0 },
    about: [FREES],
  },
  own: { kfree_rcu_entry, kmem_cache_destroy },
  buggy: { kmem_cache_destroy: rcu_barrier_only },
  objects: (machine) => {
    const module = machine.global(new Module(), 'module');
    allocate(machine, () => new Cache(), module.cache);
    allocate(machine, () => new Entry(), module.entry);
    return module;
  },
  tasks: {
    *lookup(k, module) {
      yield* k.rcu_read_lock();
      const entry = yield* k.rcu_dereference(module.entry);
      if (entry !== null) yield* READ_ONCE(entry.key);
      yield* k.rcu_read_unlock();
    },
    *unload(k, module) {
      yield* k.kfree_rcu_entry(module);
      yield* k.kmem_cache_destroy(module);
    },
  },
});
