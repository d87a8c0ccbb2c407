/** Dropping the last reference: between the count's zero and the lock somebody may want it again. */

import { count_of, lockref_word, type Lockref } from '../../../lockref/index.js';
import {
  branch,
  cover,
  kmem_cache_alloc,
  kmem_cache_free,
  READ_ONCE,
  Slab,
  spin_lock,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Cell,
  type Task,
} from '../../../machine/index.js';
import { lesson, type LessonKernel } from './lesson.js';

const KILLED = branch('put', 'kills the entry');
const REVIVED = branch('put', 'finds the entry in use again');
const FOUND = branch('find', 'takes a reference');
const GONE = branch('find', 'comes too late');

class Entry extends Struct {
  readonly d_lockref: Lockref = this.lockCell('d_lockref', 'd_lock', lockref_word(1));
  readonly data = this.cell('data', 42);

  constructor() {
    super('entry');
  }
}

/** Where others find the entry. */
class Cache extends Struct {
  readonly entry: Cell<Entry | null>;

  constructor(entry: Entry) {
    super('cache');
    this.entry = this.cell<Entry | null>('entry', entry);
  }
}

function* free_entry(_k: never, entry: Entry): Task<void> {
  yield* kmem_cache_free(entry);
}

/** Drop a reference; the last one removes and frees. Inside RCU, so the memory stays meanwhile. */
function* put(k: LessonKernel, cache: Cache, entry: Entry): Task<void> {
  yield* k.rcu_read_lock();
  if ((yield* k.lockref_put_return(entry.d_lockref)) === 0) {
    yield* spin_lock(entry.d_lockref);
    if (count_of(yield* READ_ONCE(entry.d_lockref)) !== 0) {
      yield* cover(REVIVED);
      yield* spin_unlock(entry.d_lockref);
    } else {
      yield* kill(k, cache, entry);
    }
  }
  yield* k.rcu_read_unlock();
}

const no_look = function* put(k: LessonKernel, cache: Cache, entry: Entry): Task<void> {
  yield* k.rcu_read_lock();
  if ((yield* k.lockref_put_return(entry.d_lockref)) === 0) {
    yield* spin_lock(entry.d_lockref);
    yield* kill(k, cache, entry);
  }
  yield* k.rcu_read_unlock();
};

function* kill(k: LessonKernel, cache: Cache, entry: Entry): Task<void> {
  yield* cover(KILLED);
  yield* k.lockref_mark_dead(entry.d_lockref);
  yield* WRITE_ONCE(cache.entry, null);
  yield* spin_unlock(entry.d_lockref);
  yield* k.call_rcu(entry, free_entry);
}

/** Take a reference on what is in the cache. */
function* find(k: LessonKernel, cache: Cache): Task<Entry | null> {
  yield* k.rcu_read_lock();
  const entry = yield* k.rcu_dereference(cache.entry);
  const got = entry !== null && (yield* k.lockref_get_not_dead(entry.d_lockref));
  yield* k.rcu_read_unlock();
  yield* cover(got ? FOUND : GONE);
  return got ? entry : null;
}

export const lastPut = lesson({
  name: 'last-put',
  title: 'one task drops the last reference while another looks the entry up',
  own: { put, find },
  variants: [
    ['no-look', 'kills without a second look at the count', { put: no_look }],
    ['look', 'looks at the count again under the lock', {}],
  ],
  branches: [KILLED, REVIVED, FOUND, GONE],
  objects: (machine) => {
    const slab = machine.global(new Slab('entry', () => new Entry()));
    const entry = machine.boot(function* () {
      return (yield* kmem_cache_alloc(slab))!;
    });
    return machine.global(new Cache(entry), 'cache');
  },
  tasks: {
    *dropper(k, cache) {
      yield* k.put(cache, (yield* READ_ONCE(cache.entry))!);
    },
    *finder(k, cache) {
      const entry = yield* k.find(cache);
      if (entry !== null) yield* READ_ONCE(entry.data);
    },
  },
  checks: 'what is referenced is not freed',
});
