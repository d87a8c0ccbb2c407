/**
 * An inode marked invalid when it is freed, and not when that is decided.
 *
 * The inode cache of xfs is searched under RCU, and an inode that is on its way out is told by its
 * number, which is set to zero. That was the last thing done before the memory was handed to RCU. In
 * between, after reclaim had decided and had given the inode's lock back, parts of the inode were torn
 * down already; who found it then, and got its lock, saw a valid number and went on to use them. The
 * repair marks the inode at the decision, under its lock, and looks at the number under that lock.
 */

import {
  branch,
  cover,
  kmem_cache_free,
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

const USES = branch('xfs_iflush_cluster', 'uses an inode that is valid');
const SKIPS = branch('xfs_iflush_cluster', 'skips an inode that is marked invalid');

class LogItem extends Struct {
  readonly li_lsn = this.cell('li_lsn', 1);

  constructor() {
    super('xfs_inode_log_item');
  }
}

class XfsInode extends Struct {
  readonly i_lock = this.lockCell('i_lock', 'xfs_ilock');
  /** Zero: not to be used. */
  readonly i_ino = this.cell('i_ino', 7);
  readonly i_itemp: Cell<LogItem | null> = this.cell<LogItem | null>('i_itemp', null);

  constructor() {
    super('xfs_inode');
  }
}

class InodeTree extends Struct {
  readonly slot: Cell<XfsInode | null> = this.cell<XfsInode | null>('slot', null);

  constructor() {
    super('pag_ici_root');
  }
}

/** Write a neighbour back too, found without a reference. Source: fs/xfs/xfs_inode.c. */
function* xfs_iflush_cluster(k: VfsKernel, tree: InodeTree): Task<void> {
  yield* k.rcu_read_lock();
  const ip = yield* k.rcu_dereference(tree.slot);
  if (ip !== null) {
    yield* spin_lock(ip.i_lock);
    if ((yield* READ_ONCE(ip.i_ino)) === 0) yield* cover(SKIPS);
    else {
      yield* cover(USES);
      const item = (yield* READ_ONCE(ip.i_itemp))!;
      yield* READ_ONCE(item.li_lsn);
    }
    yield* spin_unlock(ip.i_lock);
  }
  yield* k.rcu_read_unlock();
}

/** Take an inode out of the cache. May sleep. Source: fs/xfs/xfs_icache.c. */
function* xfs_reclaim_inode(k: VfsKernel, tree: InodeTree): Task<void> {
  const ip = (yield* READ_ONCE(tree.slot))!;
  yield* spin_lock(ip.i_lock);
  yield* WRITE_ONCE(ip.i_ino, 0);
  yield* spin_unlock(ip.i_lock);
  yield* WRITE_ONCE(tree.slot, null);
  yield* kmem_cache_free((yield* READ_ONCE(ip.i_itemp))!);
  yield* k.kfree_rcu(ip);
}

const marked_late = function* xfs_reclaim_inode(k: VfsKernel, tree: InodeTree): Task<void> {
  const ip = (yield* READ_ONCE(tree.slot))!;
  yield* spin_lock(ip.i_lock);
  yield* spin_unlock(ip.i_lock);
  yield* WRITE_ONCE(tree.slot, null);
  yield* kmem_cache_free((yield* READ_ONCE(ip.i_itemp))!);
  yield* WRITE_ONCE(ip.i_ino, 0);
  yield* k.kfree_rcu(ip);
};

export const xfs_reclaimed = smallRace({
  name: 'bench-xfs-reclaimed',
  title: 'an inode that is being reclaimed is found valid, and its parts are gone',
  history: {
    id: 'XFSRECL',
    year: 2017,
    identifiers: ['8a17d7ddedb4'],
    expect: 'KASAN: slab-use-after-free Read in xfs_iflush_cluster',
    witness: { steps: 11, switches: 2 },
    about: [USES, SKIPS],
    wrong: [USES],
  },
  own: { xfs_iflush_cluster, xfs_reclaim_inode },
  buggy: { xfs_reclaim_inode: marked_late },
  objects: (machine) => {
    const tree = machine.global(new InodeTree(), 'tree');
    const inode = allocate(machine, () => new XfsInode(), tree.slot);
    allocate(machine, () => new LogItem(), inode.i_itemp);
    return tree;
  },
  tasks: {
    *flush(k, tree) {
      yield* k.xfs_iflush_cluster(tree);
    },
    *reclaim(k, tree) {
      yield* k.xfs_reclaim_inode(tree);
    },
  },
});
