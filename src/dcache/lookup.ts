/**
 * Finding a dentry by parent and name.
 *
 * Invariant: what d_lookup and __d_lookup return was hashed under that parent and name at a moment
 * inside the call, and is referenced; what __d_lookup_rcu returns is only a hint until its d_seq is
 * checked. A chain walked while a rename is under way may end early: hence rename_lock.
 * Mirrors fs/dcache.c.
 */

import {
  assert_in_section,
  branch,
  cover,
  cpu_relax,
  raw_seqcount_begin,
  READ_ONCE,
  read_seqbegin,
  read_seqcount_retry,
  read_seqretry,
  spin_lock,
  spin_unlock,
  type Branch,
  type List,
  type Task,
} from '../machine/index.js';
import { operations_of, type DcacheKernel, type Dentry } from './dentry.js';
import { d_hash } from './hash.js';
import { full_name_hash, name_of } from './name.js';

/** A dentry and the d_seq at which it fitted. */
export type FoundDentry = List<Dentry | number>;

/** The dentry of a {@link FoundDentry}. */
export function found_dentry(found: FoundDentry): Dentry {
  return found.items[0] as Dentry;
}

/** The d_seq of a {@link FoundDentry}; every use must be followed by read_seqcount_retry. */
export function found_seq(found: FoundDentry): number {
  return found.items[1] as number;
}

const OTHER_PARENT = branch('__d_lookup_rcu', 'passes a dentry of another parent');
const UNHASHED_RCU = branch('__d_lookup_rcu', 'passes a dentry that has left the hash');
const OTHER_NAME = branch('__d_lookup_rcu', 'passes a dentry of another name');
const COMPARE_AGAIN = branch('__d_lookup_rcu', 'finds the name changed under d_compare');
const MOVED_AWAY = branch('__d_lookup', 'finds the dentry moved or dropped once it has d_lock');
const RENAMED = branch('d_lookup', 'tries again after a rename');

export const LOOKUP_BRANCHES: readonly Branch[] = [
  OTHER_PARENT,
  UNHASHED_RCU,
  OTHER_NAME,
  COMPARE_AGAIN,
  MOVED_AWAY,
  RENAMED,
];

/**
 * Find without a reference and without storing anything. Inside a reader.
 * @returns a hint, or null, which may be wrong while a rename is under way. Source: fs/dcache.c.
 */
export function* __d_lookup_rcu(
  k: DcacheKernel,
  parent: Dentry,
  name: string,
): Task<FoundDentry | null> {
  yield* assert_in_section(k.rcu, '__d_lookup_rcu');
  const hash = full_name_hash(name);
  let dentry = yield* k.rcu_dereference(d_hash(k, hash).first);
  for (; dentry !== null; dentry = yield* k.rcu_dereference(dentry.d_hash_next)) {
    const seq = yield* k.d_fits_rcu(dentry, parent, name, hash);
    if (seq !== null) return k.list<Dentry | number>([dentry, seq]);
  }
  return null;
}

/** Does this dentry fit? @returns its d_seq if so. Part of __d_lookup_rcu. */
export function* d_fits_rcu(
  k: DcacheKernel,
  dentry: Dentry,
  parent: Dentry,
  name: string,
  hash: number,
): Task<number | null> {
  const { d_compare } = yield* operations_of(dentry);
  for (;;) {
    const seq = yield* raw_seqcount_begin(dentry.d_seq);
    if ((yield* READ_ONCE(dentry.d_parent)) !== parent) {
      yield* cover(OTHER_PARENT);
      return null;
    }
    if (d_compare === undefined) {
      if ((yield* READ_ONCE(dentry.d_hash_len)) !== hash) {
        yield* cover(OTHER_NAME);
        return null;
      }
      if (name_of(yield* READ_ONCE(dentry.d_name)) !== name) return null;
      // It may have been dropped before d_seq was sampled; then nothing moves d_seq any more.
      if (yield* k.d_unhashed(dentry)) {
        yield* cover(UNHASHED_RCU);
        return null;
      }
      return seq;
    }
    if (yield* k.d_unhashed(dentry)) return null;
    const found = name_of(yield* READ_ONCE(dentry.d_name));
    // Hash and name must be of one moment before the filesystem may look at them.
    if (yield* read_seqcount_retry(dentry.d_seq, seq)) {
      yield* cover(COMPARE_AGAIN);
      yield* cpu_relax();
      continue;
    }
    return (yield* d_compare(k as never, dentry, found, name)) ? seq : null;
  }
}

/** Does the dentry have this name? d_lock must be held. Source: fs/dcache.c. */
export function* d_same_name(k: DcacheKernel, dentry: Dentry, name: string): Task<boolean> {
  const found = name_of(yield* READ_ONCE(dentry.d_name));
  const { d_compare } = yield* operations_of(dentry);
  if (d_compare === undefined) return found === name;
  return yield* d_compare(k as never, dentry, found, name);
}

/**
 * Find and take a reference. Never sleeps.
 * @returns null if there is none, or if a rename led the walk astray. Source: fs/dcache.c.
 */
export function* __d_lookup(k: DcacheKernel, parent: Dentry, name: string): Task<Dentry | null> {
  const hash = full_name_hash(name);
  yield* k.rcu_read_lock();
  let dentry = yield* k.rcu_dereference(d_hash(k, hash).first);
  for (; dentry !== null; dentry = yield* k.rcu_dereference(dentry.d_hash_next)) {
    if ((yield* READ_ONCE(dentry.d_hash_len)) !== hash) continue;
    yield* spin_lock(dentry.d_lockref);
    if (yield* k.d_fits_locked(dentry, parent, name)) {
      // Hashed, so not dead: no check is needed.
      yield* k.dget_dlock(dentry);
      yield* spin_unlock(dentry.d_lockref);
      break;
    }
    yield* spin_unlock(dentry.d_lockref);
  }
  yield* k.rcu_read_unlock();
  return dentry;
}

/** Is the dentry hashed, under this parent and name? d_lock must be held. Part of __d_lookup. */
export function* d_fits_locked(
  k: DcacheKernel,
  dentry: Dentry,
  parent: Dentry,
  name: string,
): Task<boolean> {
  if ((yield* READ_ONCE(dentry.d_parent)) !== parent || (yield* k.d_unhashed(dentry))) {
    yield* cover(MOVED_AWAY);
    return false;
  }
  return yield* k.d_same_name(dentry, name);
}

/**
 * Find and take a reference; null means that the name was not there at some moment in the call.
 * Never sleeps. Source: fs/dcache.c.
 */
export function* d_lookup(k: DcacheKernel, parent: Dentry, name: string): Task<Dentry | null> {
  for (;;) {
    const seq = yield* read_seqbegin(k.rename_lock);
    const dentry = yield* k.__d_lookup(parent, name);
    if (dentry !== null) return dentry;
    if (!(yield* read_seqretry(k.rename_lock, seq))) return null;
    yield* cover(RENAMED);
  }
}
