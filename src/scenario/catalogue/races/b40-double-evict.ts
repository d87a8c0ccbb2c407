/**
 * An inode evicted twice.
 *
 * Unmounting evicts all inodes without users. It looked at the count without i_lock, then took the
 * lock and looked only at the state flags. In between somebody may find the inode by its number, and
 * have a reference on it when it is marked as being freed; when that one lets go, the count is zero
 * and the inode is evicted again. The repair looks at the count once more under the lock.
 */

import {
  atomic_fetch_add,
  branch,
  cover,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Bound,
  type Spinlock,
  type Task,
} from '../../../machine/index.js';
import { smallRace } from './small-race.js';

const I_FREEING = 1 << 5;

const BUSY = branch('evict_inodes', 'finds under i_lock that the inode is used again');
const FREEING = branch('find_inode', 'finds the inode being freed');

class CachedInode extends Struct {
  readonly i_lock: Spinlock = this.lockCell('i_lock', 'i_lock');
  readonly i_count = this.cell('i_count', 0);
  readonly i_state = this.cell('i_state', 0);
  /** How often the filesystem was told to forget it. */
  readonly evicted = this.cell('evicted', 0);

  constructor() {
    super('inode');
    this.evicted.watched = true;
  }
}

/** Take a reference on the inode found by its number. Source: fs/inode.c. */
function* find_inode(_k: unknown, inode: CachedInode): Task<boolean> {
  yield* spin_lock(inode.i_lock);
  const alive = ((yield* READ_ONCE(inode.i_state)) & I_FREEING) === 0;
  if (alive) yield* atomic_fetch_add(inode.i_count, 1);
  else yield* cover(FREEING);
  yield* spin_unlock(inode.i_lock);
  return alive;
}

/** Drop a reference; the filesystem is going, so the last one evicts. Source: fs/inode.c. */
function* iput_inode(k: Kernel, inode: CachedInode): Task<void> {
  yield* spin_lock(inode.i_lock);
  const last = (yield* atomic_fetch_add(inode.i_count, -1)) === 1;
  if (last) yield* mark_freeing(inode);
  yield* spin_unlock(inode.i_lock);
  if (last) yield* k.evict_inode(inode);
}

function* mark_freeing(inode: CachedInode): Task<void> {
  yield* WRITE_ONCE(inode.i_state, (yield* READ_ONCE(inode.i_state)) | I_FREEING);
}

/** Evict an inode without users. Source: fs/inode.c. */
function* evict_inodes(k: Kernel, inode: CachedInode): Task<void> {
  if ((yield* READ_ONCE(inode.i_count)) > 0) return;
  yield* spin_lock(inode.i_lock);
  // Somebody may have found it since.
  const busy = (yield* READ_ONCE(inode.i_count)) > 0;
  if (busy) yield* cover(BUSY);
  const freeing = ((yield* READ_ONCE(inode.i_state)) & I_FREEING) !== 0;
  if (!busy && !freeing) yield* mark_freeing(inode);
  yield* spin_unlock(inode.i_lock);
  if (!busy && !freeing) yield* k.evict_inode(inode);
}

const flags_only = function* evict_inodes(k: Kernel, inode: CachedInode): Task<void> {
  if ((yield* READ_ONCE(inode.i_count)) > 0) return;
  yield* spin_lock(inode.i_lock);
  const freeing = ((yield* READ_ONCE(inode.i_state)) & I_FREEING) !== 0;
  if (!freeing) yield* mark_freeing(inode);
  yield* spin_unlock(inode.i_lock);
  if (!freeing) yield* k.evict_inode(inode);
};

function* evict_inode(_k: unknown, inode: CachedInode): Task<void> {
  yield* atomic_fetch_add(inode.evicted, 1);
}

const own = { find_inode, iput_inode, evict_inodes, evict_inode };
type Kernel = Bound<Pick<typeof own, 'evict_inode'>>;

const ONCE = 'an inode is evicted once';

export const b40 = smallRace({
  name: 'b40-double-evict',
  title: 'unmounting evicts an inode that was found again after it had looked',
  history: {
    id: 'B40',
    year: 2024,
    identifiers: ['CVE-2024-47679', '88b1afbf0f6b'],
    expect: 'invariant: an inode is evicted once',
    witness: { steps: 17, switches: 3 },
    about: [BUSY, FREEING],
  },
  own,
  buggy: { evict_inodes: flags_only },
  objects: (machine) => machine.global(new CachedInode(), 'inode'),
  tasks: {
    *user(k, inode) {
      if (yield* k.find_inode(inode)) yield* k.iput_inode(inode);
    },
    *umount(k, inode) {
      yield* k.evict_inodes(inode);
    },
  },
  invariants: (inode) => [
    {
      name: ONCE,
      check: () => (inode.evicted.value <= 1 ? null : `evicted ${inode.evicted.value} times`),
    },
  ],
  checks: [ONCE],
});
