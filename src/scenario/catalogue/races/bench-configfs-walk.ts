/**
 * A list walked without its lock.
 *
 * configfs keeps the entries of a directory on a list of its own. A lookup walked that list without
 * the lock that protects it: an entry that is removed meanwhile is freed under the walker. The repair
 * takes the lock for the walk.
 */

import {
  branch,
  cover,
  kmem_cache_free,
  list_add,
  list_del,
  read,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  type Cell,
  type List,
  type Machine,
  type Spinlock,
  type Task,
} from '../../../machine/index.js';
import { allocate } from './allocate.js';
import { smallRace } from './small-race.js';

const LOOKS = branch('configfs_lookup', 'looks at an entry');

class Dirent extends Struct {
  readonly s_type = this.cell('s_type', 1);

  constructor() {
    super('configfs_dirent');
  }
}

class ConfigDir extends Struct {
  readonly configfs_dirent_lock: Spinlock = this.lockCell('lock', 'configfs_dirent_lock');
  readonly s_children: Cell<List<Dirent> | null> = this.cell<List<Dirent> | null>('children', null);

  constructor() {
    super('configfs_dir');
  }
}

function* look(dir: ConfigDir): Task<void> {
  for (const sd of (yield* READ_ONCE(dir.s_children)) ?? []) {
    yield* READ_ONCE(sd.s_type);
    yield* cover(LOOKS);
  }
}

/** Look through the entries of a directory. Source: fs/configfs/dir.c. */
function* configfs_lookup(_k: unknown, dir: ConfigDir): Task<void> {
  yield* spin_lock(dir.configfs_dirent_lock);
  yield* look(dir);
  yield* spin_unlock(dir.configfs_dirent_lock);
}

const unlocked = function* configfs_lookup(_k: unknown, dir: ConfigDir): Task<void> {
  yield* look(dir);
};

/** An entry goes. Source: fs/configfs/dir.c. */
function* configfs_remove_dirent(_k: unknown, dir: ConfigDir): Task<void> {
  yield* spin_lock(dir.configfs_dirent_lock);
  const [sd] = (yield* read(dir.s_children)) ?? [];
  if (sd !== undefined) yield* list_del(dir.s_children, sd);
  yield* spin_unlock(dir.configfs_dirent_lock);
  if (sd !== undefined) yield* kmem_cache_free(sd);
}

function makeDir(machine: Machine): ConfigDir {
  const dir = machine.global(new ConfigDir(), 'configfs_dir');
  const sd = allocate(machine, () => new Dirent());
  machine.boot(function* () {
    yield* list_add(dir.s_children, sd);
  });
  return dir;
}

export const configfs_walk = smallRace({
  name: 'bench-configfs-walk',
  title: 'a lookup walks the entries of a directory without their lock',
  history: {
    id: 'configfs',
    year: 2021,
    identifiers: ['c42dd069be8d'],
    expect: 'KASAN: slab-use-after-free Read in look',
    witness: { steps: 7, switches: 2 },
    about: [LOOKS],
  },
  own: { configfs_lookup, configfs_remove_dirent },
  buggy: { configfs_lookup: unlocked },
  objects: makeDir,
  tasks: {
    *finder(k, dir) {
      yield* k.configfs_lookup(dir);
    },
    *remover(k, dir) {
      yield* k.configfs_remove_dirent(dir);
    },
  },
});
