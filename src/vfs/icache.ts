/**
 * The inode cache: finding an inode by its number, or making the only one.
 *
 * Invariant: of the inodes in the hash at most one per super block and number is not being freed.
 * Who finds one that is being freed waits until it has left the hash, and searches again; who finds
 * a new one waits until it is filled in. Mirrors fs/inode.c of v7.3; icache-v6.9.ts has what was
 * different.
 */

import {
  branch,
  cover,
  E,
  ERR_PTR,
  IS_ERR,
  list_add_rcu,
  list_del_rcu,
  lockdep_assert_held,
  might_sleep,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  WARN,
  write,
  WRITE_ONCE,
  type Branch,
  type Cell,
  type ErrPtr,
  type List,
  type Spinlock,
  type Task,
} from '../machine/index.js';
import {
  I_CREATING,
  I_FREEING,
  I_NEW,
  I_WILL_FREE,
  inode_state_clear,
  inode_state_set,
  type Inode,
} from './inode.js';
import type { VfsKernel } from './kernel.js';
import type { SuperBlock } from './super.js';

/** Is this the inode looked for? Runs under the hash's lock or inside RCU; may not sleep. */
export type InodeTest = (k: never, inode: Inode, data: unknown) => Task<boolean>;
/** Make a private inode the one looked for. @returns 0 or -errno; may not sleep */
export type InodeSet = (k: never, inode: Inode, data: unknown) => Task<number>;

const BUCKETS = 4;

export class InodeHashTable extends Struct {
  /** Outside i_lock. */
  readonly inode_hash_lock: Spinlock = this.lockCell('inode_hash_lock', 'inode_hash_lock');
  readonly #buckets: Cell<List<Inode> | null>[] = [];

  constructor() {
    super('inode_hashtable');
    for (let i = 0; i < BUCKETS; i += 1) {
      this.#buckets.push(this.cell<List<Inode> | null>(`inode_hashtable[${i}]`, null));
    }
  }

  /** All buckets. */
  get buckets(): readonly Cell<List<Inode> | null>[] {
    return this.#buckets;
  }

  /** The bucket of a hash value; a filesystem's numbers are hash values too. */
  bucket(hashval: number): Cell<List<Inode> | null> {
    return this.#buckets[hashval % BUCKETS];
  }
}

const FOUND = branch('find_inode', 'takes a reference on a used inode without i_lock');
const FOUND_UNUSED = branch('find_inode', 'takes the first reference on an unused inode');
const FOUND_FREEING = branch(
  'find_inode',
  'finds an inode that is being freed, and searches again',
);
const LEFT_ALREADY = branch('__wait_on_freeing_inode', 'finds that the inode has left the hash');
const CREATING = branch('find_inode', 'finds an inode that is being created');
const WAITS_NEW = branch('wait_on_new_inode', 'waits until a new inode is filled in');
const LOST_INSERT = branch('iget_locked', 'drops its own inode for one that came first');
const UNHASHED_SINCE = branch('iget_locked', 'drops an inode that left the hash while it waited');
const BUSY_NUMBER = branch('insert_inode_locked', 'finds the number in use');

/** Branches of this file, for coverage reports. */
export const ICACHE_BRANCHES: readonly Branch[] = [
  FOUND,
  FOUND_UNUSED,
  FOUND_FREEING,
  LEFT_ALREADY,
  CREATING,
  WAITS_NEW,
  LOST_INSERT,
  UNHASHED_SINCE,
  BUSY_NUMBER,
];

/**
 * Wait until an inode that is being freed has left the hash. Entry: i_lock held and inside RCU,
 * inode_hash_lock if `locked`; exit: the same without i_lock. Sleeps without any of them.
 * Source: fs/inode.c, v7.3.
 */
export function* __wait_on_freeing_inode(k: VfsKernel, inode: Inode, locked: boolean): Task<void> {
  const { inode_hash_lock } = k.inode_hashtable;
  if (yield* k.inode_unhashed(inode)) {
    yield* cover(LEFT_ALREADY);
    yield* spin_unlock(inode.i_lock);
    return;
  }
  const sleeper = yield* k.prepare_to_wait_bit(inode);
  yield* spin_unlock(inode.i_lock);
  yield* k.rcu_read_unlock();
  if (locked) yield* spin_unlock(inode_hash_lock);
  yield* k.schedule_and_finish_wait(inode, sleeper);
  if (locked) yield* spin_lock(inode_hash_lock);
  yield* k.rcu_read_lock();
}

function* is_filled_in(inode: Inode): Task<boolean> {
  return ((yield* READ_ONCE(inode.i_state)) & I_NEW) === 0;
}

/** Wait until an inode that one holds is filled in. May sleep. Source: fs/inode.c. */
export function* wait_on_new_inode(k: VfsKernel, inode: Inode): Task<void> {
  while (((yield* READ_ONCE(inode.i_state)) & I_NEW) !== 0) {
    yield* cover(WAITS_NEW);
    const sleeper = yield* k.prepare_to_wait_bit(inode);
    if (((yield* READ_ONCE(inode.i_state)) & I_NEW) === 0) {
      yield* k.finish_wait_bit(inode, sleeper);
      return;
    }
    yield* k.schedule_and_finish_wait(inode, sleeper, () => is_filled_in(inode));
  }
}

/**
 * The inode in the hash that passes `test`, with a reference.
 * @param locked whether the caller holds inode_hash_lock; it may be dropped and taken again
 * @returns null if there is none; -ESTALE if it is being created. May sleep. Source: fs/inode.c.
 */
export function* find_inode(
  k: VfsKernel,
  sb: SuperBlock,
  hashval: number,
  test: InodeTest,
  data: unknown,
  locked: boolean,
): Task<Inode | ErrPtr | null> {
  const bucket = k.inode_hashtable.bucket(hashval);
  yield* k.rcu_read_lock();
  search: for (;;) {
    for (const inode of (yield* k.rcu_dereference(bucket)) ?? []) {
      if (inode.i_sb !== sb || !(yield* test(k as never, inode, data))) continue;
      if (yield* k.igrab_from_hash(inode)) {
        yield* cover(FOUND);
        yield* k.rcu_read_unlock();
        return inode;
      }
      yield* spin_lock(inode.i_lock);
      const state = yield* READ_ONCE(inode.i_state);
      if ((state & (I_FREEING | I_WILL_FREE)) !== 0) {
        yield* cover(FOUND_FREEING);
        yield* k.__wait_on_freeing_inode(inode, locked);
        continue search;
      }
      if ((state & I_CREATING) !== 0) {
        yield* cover(CREATING);
        yield* spin_unlock(inode.i_lock);
        yield* k.rcu_read_unlock();
        return ERR_PTR(-E.ESTALE);
      }
      yield* cover(FOUND_UNUSED);
      yield* k.__iget(inode);
      yield* spin_unlock(inode.i_lock);
      yield* k.rcu_read_unlock();
      return inode;
    }
    yield* k.rcu_read_unlock();
    return null;
  }
}

/** The test of look-ups by number. */
export function* has_ino(_k: VfsKernel, inode: Inode, ino: unknown): Task<boolean> {
  return (yield* READ_ONCE(inode.i_ino)) === ino;
}

/** {@link find_inode} by number. */
export function* find_inode_fast(
  k: VfsKernel,
  sb: SuperBlock,
  ino: number,
  locked: boolean,
): Task<Inode | ErrPtr | null> {
  return yield* k.find_inode(sb, ino, has_ino, ino, locked);
}

/** Put an inode into the hash with these bits set. Entry: inode_hash_lock held. */
export function* hash_inode(k: VfsKernel, inode: Inode, hashval: number, bits: number): Task<void> {
  yield* lockdep_assert_held(k.inode_hashtable.inode_hash_lock);
  yield* spin_lock(inode.i_lock);
  yield* inode_state_set(inode, bits);
  yield* WRITE_ONCE(inode.i_hashed, true);
  yield* list_add_rcu(k.inode_hashtable.bucket(hashval), inode);
  yield* spin_unlock(inode.i_lock);
}

/** An inode that a search found: wait for it, and say whether it is still in the hash. */
function* settle(k: VfsKernel, inode: Inode): Task<boolean> {
  yield* k.wait_on_new_inode(inode);
  if (!(yield* k.inode_unhashed(inode))) return true;
  yield* cover(UNHASHED_SINCE);
  yield* k.iput(inode);
  return false;
}

/**
 * The inode with this number, with a reference: a filled-in one, or a new one in I_NEW, which the
 * caller fills in and gives to unlock_new_inode.
 * @returns null without memory, or if the inode is being created. May sleep. Source: fs/inode.c.
 */
export function* iget_locked(k: VfsKernel, sb: SuperBlock, number: number): Task<Inode | null> {
  const ino = k.i_ino_of(number);
  yield* might_sleep('iget_locked');
  const { inode_hash_lock } = k.inode_hashtable;
  for (;;) {
    const found = yield* k.find_inode_fast(sb, ino, false);
    if (IS_ERR(found)) return null;
    if (found !== null) {
      if (yield* settle(k, found)) return found;
      continue;
    }
    const inode = yield* k.alloc_inode(sb);
    if (inode === null) return null;
    yield* spin_lock(inode_hash_lock);
    // The lock was not held since the search.
    const old = yield* k.find_inode_fast(sb, ino, true);
    if (old === null) {
      yield* write(inode.i_ino, ino);
      yield* k.hash_inode(inode, ino, I_NEW);
      yield* spin_unlock(inode_hash_lock);
      yield* k.inode_sb_list_add(inode);
      return inode;
    }
    yield* spin_unlock(inode_hash_lock);
    yield* cover(LOST_INSERT);
    yield* k.destroy_inode(inode);
    if (IS_ERR(old)) return null;
    if (yield* settle(k, old)) return old;
  }
}

/** {@link iget_locked} by any test; `set` makes a new inode pass it. May sleep. */
export function* iget5_locked(
  k: VfsKernel,
  sb: SuperBlock,
  hashval: number,
  test: InodeTest,
  set: InodeSet,
  data: unknown,
): Task<Inode | null> {
  const found = yield* k.ilookup5(sb, hashval, test, data);
  if (found !== null) return found;
  const made = yield* k.alloc_inode(sb);
  if (made === null) return null;
  const inode = yield* k.inode_insert5(made, hashval, test, set, data);
  if (inode !== made) yield* k.destroy_inode(made);
  return inode;
}

/**
 * Put a private inode into the hash in I_NEW, unless one that passes `test` is there.
 * @returns the inode in the hash, with a reference; null if `set` fails. May sleep.
 */
export function* inode_insert5(
  k: VfsKernel,
  inode: Inode,
  hashval: number,
  test: InodeTest,
  set: InodeSet | null,
  data: unknown,
): Task<Inode | null> {
  yield* might_sleep('inode_insert5');
  const { inode_hash_lock } = k.inode_hashtable;
  for (;;) {
    yield* spin_lock(inode_hash_lock);
    const old = yield* k.find_inode(inode.i_sb, hashval, test, data, true);
    if (old === null) break;
    yield* spin_unlock(inode_hash_lock);
    if (IS_ERR(old)) return null;
    if (yield* settle(k, old)) return old;
  }
  if (set !== null && (yield* set(k as never, inode, data)) !== 0) {
    yield* spin_unlock(inode_hash_lock);
    return null;
  }
  yield* k.hash_inode(inode, hashval, I_NEW);
  yield* spin_unlock(inode_hash_lock);
  if (!(yield* READ_ONCE(inode.i_sb_list))) yield* k.inode_sb_list_add(inode);
  return inode;
}

/** The inode with this number if there is one, filled in, with a reference. May sleep. */
export function* ilookup(k: VfsKernel, sb: SuperBlock, number: number): Task<Inode | null> {
  const ino = k.i_ino_of(number);
  return yield* k.ilookup5(sb, ino, has_ino, ino);
}

/** {@link ilookup} by any test. May sleep. Source: fs/inode.c. */
export function* ilookup5(
  k: VfsKernel,
  sb: SuperBlock,
  hashval: number,
  test: InodeTest,
  data: unknown,
): Task<Inode | null> {
  yield* might_sleep('ilookup5');
  for (;;) {
    const found = yield* k.find_inode(sb, hashval, test, data, false);
    if (found === null || IS_ERR(found)) return null;
    if (yield* settle(k, found)) return found;
  }
}

/**
 * Put an inode that has its number into the hash, in I_NEW|I_CREATING.
 * @returns 0, or -EBUSY if the number is in use. May sleep. Source: fs/inode.c.
 */
export function* insert_inode_locked(k: VfsKernel, inode: Inode): Task<number> {
  const { inode_hash_lock } = k.inode_hashtable;
  const ino = yield* READ_ONCE(inode.i_ino);
  for (;;) {
    yield* spin_lock(inode_hash_lock);
    const old = yield* k.find_inode_fast(inode.i_sb, ino, true);
    if (old === null) {
      yield* k.hash_inode(inode, ino, I_NEW | I_CREATING);
      yield* spin_unlock(inode_hash_lock);
      return 0;
    }
    yield* spin_unlock(inode_hash_lock);
    if (!IS_ERR(old)) {
      yield* k.wait_on_new_inode(old);
      const gone = yield* k.inode_unhashed(old);
      yield* k.iput(old);
      if (gone) continue;
    }
    yield* cover(BUSY_NUMBER);
    return -E.EBUSY;
  }
}

/** Put a filled-in inode into the hash. Never sleeps. Source: fs/inode.c. */
export function* insert_inode_hash(k: VfsKernel, inode: Inode): Task<void> {
  const { inode_hash_lock } = k.inode_hashtable;
  yield* spin_lock(inode_hash_lock);
  yield* k.hash_inode(inode, yield* READ_ONCE(inode.i_ino), 0);
  yield* spin_unlock(inode_hash_lock);
}

/** Take an inode out of the hash if it is in it. Never sleeps. Source: fs/inode.c. */
export function* remove_inode_hash(k: VfsKernel, inode: Inode): Task<void> {
  if (yield* k.inode_unhashed(inode)) return;
  const { inode_hash_lock } = k.inode_hashtable;
  yield* spin_lock(inode_hash_lock);
  yield* spin_lock(inode.i_lock);
  yield* list_del_rcu(k.inode_hashtable.bucket(yield* READ_ONCE(inode.i_ino)), inode);
  yield* WRITE_ONCE(inode.i_hashed, false);
  yield* spin_unlock(inode.i_lock);
  yield* spin_unlock(inode_hash_lock);
}

/** A new inode is filled in: let the others have it. Never sleeps. Source: fs/inode.c. */
export function* unlock_new_inode(k: VfsKernel, inode: Inode): Task<void> {
  yield* spin_lock(inode.i_lock);
  if (((yield* READ_ONCE(inode.i_state)) & I_NEW) === 0)
    yield* WARN('WARNING: unlock_new_inode of an inode that is not new');
  yield* inode_state_clear(inode, I_NEW | I_CREATING);
  yield* k.wake_up_bit(inode);
  yield* spin_unlock(inode.i_lock);
}

/** Filling a new inode in has failed: it goes, and the others try for themselves. May sleep. */
export function* discard_new_inode(k: VfsKernel, inode: Inode): Task<void> {
  yield* spin_lock(inode.i_lock);
  if (((yield* READ_ONCE(inode.i_state)) & I_NEW) === 0)
    yield* WARN('WARNING: discard_new_inode of an inode that is not new');
  yield* inode_state_clear(inode, I_NEW);
  yield* k.wake_up_bit(inode);
  yield* spin_unlock(inode.i_lock);
  yield* k.iput(inode);
}
