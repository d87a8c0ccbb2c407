/**
 * What always holds of dentries, as predicates for the machine.
 *
 * A lock protects most of it, so each is looked at while that lock is free. Invariant: these read
 * memory and change nothing.
 */

import { LIFE, type Invariant, type Machine } from '../machine/index.js';
import { count_of, is_locked } from '../lockref/index.js';
import { Dentry, type DcacheKernel } from './dentry.js';
import { DCACHE } from './flags.js';
import { d_hash } from './hash.js';
import { name_of } from './name.js';

/** Have the invariants looked at whenever a dentry's d_lock or count changes. */
export function watch_dentry(object: object): void {
  if (object instanceof Dentry) object.d_lockref.watched = true;
}

function live(machine: Machine): Dentry[] {
  const dentries: Dentry[] = [];
  for (const object of machine.allocated) {
    if (object instanceof Dentry && object.life.value === LIFE.live) dentries.push(object);
  }
  return dentries;
}

function is_settled(dentry: Dentry): boolean {
  return !is_locked(dentry.d_lockref.value) && (dentry.d_seq.value & 1) === 0;
}

function flags_of(dentry: Dentry): number {
  return dentry.d_flags.value;
}

type Check = (k: DcacheKernel, dentry: Dentry, all: readonly Dentry[]) => string | null;

const CHECKS: Readonly<Record<string, Check>> = {
  'a hashed dentry is not dead': (_k, dentry) =>
    dentry.d_hash_pprev.value !== null && count_of(dentry.d_lockref.value) < 0
      ? 'is dead and hashed'
      : null,

  'a hashed dentry is in its own chain once': (k, dentry) => {
    const bucket = d_hash(k, dentry.d_hash_len.value);
    if (is_locked(bucket.lock.value) || dentry.d_hash_pprev.value === null) return null;
    let times = 0;
    for (let at = bucket.first.value; at !== null; at = at.d_hash_next.value) {
      if (at === dentry) times += 1;
    }
    return times === 1 ? null : `is ${times} times in the chain of its hash`;
  },

  'one hashed dentry per parent and name': (_k, dentry, all) => {
    if (dentry.d_hash_pprev.value === null) return null;
    const twin = all.find(
      (other) =>
        other !== dentry &&
        is_settled(other) &&
        other.d_hash_pprev.value !== null &&
        other.d_parent.value === dentry.d_parent.value &&
        name_of(other.d_name.value) === name_of(dentry.d_name.value),
    );
    return twin === undefined ? null : `has the name of ${twin.toString()}`;
  },

  'a child pins its parent': (_k, dentry) => {
    const parent = dentry.d_parent.value;
    if (parent === null || parent === dentry) return null;
    if ((flags_of(dentry) & DCACHE.DENTRY_KILLED) !== 0) return null;
    if (parent.life.value !== LIFE.live) return `has a freed parent`;
    return count_of(parent.d_lockref.value) > 0 ? null : 'has a parent without references';
  },

  'LRU flags say where the dentry is': (_k, dentry) => {
    const flags = flags_of(dentry) & (DCACHE.LRU_LIST | DCACHE.SHRINK_LIST);
    if (flags === DCACHE.SHRINK_LIST) return 'has SHRINK_LIST without LRU_LIST';
    if (is_locked(dentry.d_sb.s_dentry_lru_lock.value)) return null;
    const listed = dentry.d_sb.s_dentry_lru.value?.includes(dentry) === true;
    if (listed === (flags === DCACHE.LRU_LIST)) return null;
    return listed ? 'is on the LRU without LRU_LIST' : 'has LRU_LIST and is not on the LRU';
  },

  'negative means without a type': (_k, dentry) =>
    (dentry.d_inode.value === null) === ((flags_of(dentry) & DCACHE.ENTRY_TYPE) === 0)
      ? null
      : 'has a type that does not fit its inode',
};

/** The invariants of all dentries, each looked at while the dentry's d_lock is free. */
export function dcache_invariants(machine: Machine, k: DcacheKernel): Invariant[] {
  return Object.entries(CHECKS).map(([name, wrong]) => ({
    name,
    check: () => {
      const all = live(machine);
      for (const dentry of all) {
        const problem = is_settled(dentry) ? wrong(k, dentry, all) : null;
        if (problem !== null) return `${dentry.toString()} ${problem}`;
      }
      return null;
    },
  }));
}

/** What holds once nobody runs: the counters, and nobody unused who is on no list. */
export function dcache_at_rest(machine: Machine, k: DcacheKernel): void {
  const all = live(machine);
  const find = (title: string, detail: string): void =>
    machine.addFinding({ kind: 'invariant', title: `invariant: ${title}`, detail });
  const unused = all.filter((dentry) => (flags_of(dentry) & DCACHE.LRU_LIST) !== 0);
  const negative = unused.filter(
    (dentry) => dentry.d_inode.value === null && (flags_of(dentry) & DCACHE.SHRINK_LIST) === 0,
  );
  const { nr_unused, nr_negative } = k.dentry_stat;
  if (nr_unused.value !== unused.length) {
    find('nr_unused counts', `${nr_unused.value} for ${unused.length} dentries`);
  }
  if (nr_negative.value !== negative.length) {
    find('nr_negative counts', `${nr_negative.value} for ${negative.length} dentries`);
  }
  for (const dentry of all) {
    const count = count_of(dentry.d_lockref.value);
    if (count < 0) find('the dead are freed', dentry.toString());
    if (count === 0 && !unused.includes(dentry)) find('the unused are listed', dentry.toString());
  }
}
