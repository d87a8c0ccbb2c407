/**
 * An inode evicted inside the walk that has condemned what it needs.
 *
 * The shrinker walks the unused inodes and puts those that can go on a list of its own, to evict them
 * after the walk. An inode that still has pages was pinned by a reference while these were dropped. If
 * its last user went meanwhile, the shrinker's own reference was the last, and the inode was evicted
 * right there, inside the walk. Some filesystems look another inode up when one is evicted, as for its
 * extended attributes; that one may be on the shrinker's list, and a look-up waits until it is gone.
 * The shrinker waits for itself. The repair pins with a flag, which whoever evicts waits for.
 */

import {
  await_until,
  branch,
  cover,
  READ_ONCE,
  spin_lock,
  spin_trylock,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Task,
} from '../../../machine/index.js';
import { SuperBlock, vfs_functions, type Inode, type VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { FILE } from './plain-fs.js';
import { smallRace } from './small-race.js';

const PINS = branch('inode_lru_isolate', 'pins an inode while its pages are dropped');
const LOOKS_UP = branch('ext4_evict_inode', 'looks the inode of the attributes up');
const CONDEMNED = kernelBranch('inode_lru_isolate', 'takes an unused inode to free it');

const FILE_INO = 7;
const ATTRIBUTES_INO = 8;

/** What of the pages, and of who drops them, matters here. */
class Pages extends Struct {
  readonly nrpages = this.cell('nrpages', 1);
  /** I_LRU_ISOLATING: the shrinker is at the file. */
  readonly isolating = this.cell('isolating', false);

  constructor() {
    super('address_space');
  }
}

class Ext4Super extends SuperBlock {
  readonly pages: Pages;

  constructor(pages: Pages) {
    const evict_inode = ext4_evict_inode;
    super('ext4', { evict_inode }, {}, 0, null as never);
    this.pages = pages;
  }
}

/** The attributes' inode is needed for the end of the file's. May sleep. Source: fs/ext4/inode.c. */
function* ext4_evict_inode(k: VfsKernel, inode: Inode): Task<void> {
  const { pages } = inode.i_sb as Ext4Super;
  if ((yield* READ_ONCE(inode.i_ino)) === FILE_INO) {
    yield* await_until(pages.isolating, (isolating) => !isolating);
    yield* cover(LOOKS_UP);
    yield* k.iput(yield* k.ilookup(inode.i_sb, ATTRIBUTES_INO));
  }
  yield* k.clear_inode(inode);
}

/** An inode with pages cannot be freed yet: drop them. The list's lock is held, and dropped. */
function isolate(pin: typeof with_flag) {
  return function* inode_lru_isolate(k: VfsKernel, inode: Inode): Task<boolean> {
    const { pages, s_inode_lru_lock } = inode.i_sb as Ext4Super;
    const has_pages =
      (yield* READ_ONCE(inode.i_ino)) === FILE_INO && (yield* READ_ONCE(pages.nrpages)) > 0;
    if (!has_pages) return yield* vfs_functions.inode_lru_isolate(k, inode);
    if (!(yield* spin_trylock(inode.i_lock))) return false;
    if ((yield* READ_ONCE(inode.i_count)) > 0 || (yield* READ_ONCE(inode.i_state)) !== 0) {
      yield* spin_unlock(inode.i_lock);
      return false;
    }
    yield* cover(PINS);
    yield* pin(k, inode, pages);
    yield* spin_lock(s_inode_lru_lock);
    return false;
  };
}

function* with_flag(_k: VfsKernel, inode: Inode, pages: Pages): Task<void> {
  yield* WRITE_ONCE(pages.isolating, true);
  yield* spin_unlock(inode.i_lock);
  yield* spin_unlock(inode.i_sb.s_inode_lru_lock);
  yield* WRITE_ONCE(pages.nrpages, 0);
  yield* WRITE_ONCE(pages.isolating, false);
}

const with_reference: typeof with_flag = function* (k, inode, pages) {
  const { s_inode_lru_lock } = inode.i_sb;
  yield* k.__iget(inode);
  yield* spin_unlock(inode.i_lock);
  yield* spin_unlock(s_inode_lru_lock);
  yield* WRITE_ONCE(pages.nrpages, 0);
  yield* k.iput(inode);
};

export const evict_in_lru = smallRace({
  name: 'bench-evict-in-lru',
  title: 'a shrinker evicts an inode that needs one which is on its own list',
  history: {
    id: 'LRUEVICT',
    year: 2024,
    identifiers: ['CVE-2024-45003', '2a0629834cd8'],
    expect: 'INFO: task hung in schedule_and_finish_wait',
    witness: { steps: 61, switches: 2 },
    about: [PINS, LOOKS_UP, CONDEMNED],
    wrong: [PINS, LOOKS_UP, CONDEMNED],
  },
  version: 'v7.3',
  fixed: { inode_lru_isolate: isolate(with_flag) },
  buggy: { inode_lru_isolate: isolate(with_reference) },
  objects: (machine, k) => {
    const pages = machine.global(new Pages(), 'pages');
    const sb = machine.global(new Ext4Super(pages));
    // The attributes come last, so they are the first on the list.
    for (const ino of [FILE_INO, ATTRIBUTES_INO]) {
      machine.boot(function* () {
        const inode = (yield* k.new_inode(sb))!;
        yield* k.set_nlink(inode, 1);
        yield* k.fill_inode(inode, ino, FILE);
        yield* k.insert_inode_hash(inode);
        yield* k.iput(inode);
      });
    }
    return sb;
  },
  tasks: {
    *shrinker(k, sb) {
      yield* k.prune_icache_sb(sb);
    },
    *unlink(k, sb) {
      const inode = yield* k.ilookup(sb, FILE_INO);
      if (inode === null) return;
      yield* k.clear_nlink(inode);
      yield* k.iput(inode);
    },
  },
});
