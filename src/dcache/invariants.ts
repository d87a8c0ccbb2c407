/**
 * What holds of a dentry whenever its d_lock is free, and of all of them once nobody runs.
 *
 * Looked at in every run, when d_lock is given back: what d_lock protects cannot change before it is
 * taken again. Invariant: these read memory and change nothing; the names are those of
 * docs/invariants.md.
 */

import { LIFE, type Machine } from '../machine/index.js';
import { count_of, is_locked } from '../lockref/index.js';
import { Dentry, type AliasedInode, type DcacheKernel } from './dentry.js';
import { DCACHE } from './flags.js';
import { d_hash } from './hash.js';
import { ExternalName, name_of } from './name.js';

/** Answers what is wrong, or null. */
type Check = (k: DcacheKernel, dentry: Dentry) => string | null;

function is_dead(dentry: Dentry): boolean {
  return count_of(dentry.d_lockref.value) < 0;
}

function has(dentry: Dentry, flag: number): boolean {
  return (dentry.d_flags.value & flag) !== 0;
}

function is_hashed(dentry: Dentry): boolean {
  return dentry.d_hash_pprev.value !== null;
}

/** Is it in a bucket of the table? In v6.9 the root of a disconnected tree only looks hashed. */
function is_in_table(dentry: Dentry): boolean {
  return is_hashed(dentry) && dentry.d_hash_pprev.value !== 's_roots';
}

/** The dentries of a chain, or null while somebody changes it. */
function chain_of(k: DcacheKernel, dentry: Dentry): Dentry[] | null {
  const bucket = d_hash(k, dentry.d_hash_len.value);
  if (is_locked(bucket.lock.value)) return null;
  const chain: Dentry[] = [];
  for (let at = bucket.first.value; at !== null; at = at.d_hash_next.value) {
    const seen = chain.includes(at);
    chain.push(at);
    if (seen) break;
  }
  return chain;
}

const CHECKS: Readonly<Record<string, Check>> = {
  'hashed means not dead': (_k, dentry) =>
    is_hashed(dentry) && is_dead(dentry) ? 'is dead and hashed' : null,

  'a dentry is on the alias list of its inode and of no other': (_k, dentry) => {
    const inode = dentry.d_inode.value;
    return inode === null || inode.i_dentry.value?.includes(dentry) === true
      ? null
      : `is not on the list of ${inode.toString()}`;
  },

  'negative means type MISS; positive means a living inode': (_k, dentry) => {
    const inode = dentry.d_inode.value;
    if ((inode === null) !== !has(dentry, DCACHE.ENTRY_TYPE)) {
      return 'has a type that does not fit its inode';
    }
    if (inode === null || inode.i_count.value > 0) return null;
    return `has ${inode.toString()}, to which nobody has a reference`;
  },

  'LRU and shrink flags are a legal pair and match the lists': (_k, dentry) => {
    const flags = dentry.d_flags.value & (DCACHE.LRU_LIST | DCACHE.SHRINK_LIST);
    if (flags === DCACHE.SHRINK_LIST) return 'has SHRINK_LIST without LRU_LIST';
    const listed = dentry.d_sb.s_dentry_lru.value?.includes(dentry) === true;
    if (listed === (flags === DCACHE.LRU_LIST)) return null;
    return listed ? 'is on the LRU without LRU_LIST' : 'has LRU_LIST and is not on the LRU';
  },

  'a dentry in look-up is negative, unhashed and alive': (k, dentry) => {
    if (k.in_lookup_hashtable.every(({ dentries }) => dentries.value?.includes(dentry) !== true)) {
      return null;
    }
    if (!has(dentry, DCACHE.PAR_LOOKUP)) return 'can be found in look-up without PAR_LOOKUP';
    if (dentry.d_inode.value !== null) return 'is in look-up and positive';
    if (is_hashed(dentry)) return 'is in look-up and hashed';
    return is_dead(dentry) ? 'is in look-up and dead' : null;
  },

  'd_seq is odd only under d_lock, and moves with what it guards': (_k, dentry) => {
    if ((dentry.d_seq.value & 1) === 1) return 'has a write section open';
    return dentry.dropped_at.value === dentry.d_seq.value && !is_hashed(dentry)
      ? `was unhashed, and d_seq is still ${dentry.d_seq.value}`
      : null;
  },

  'a parent is alive and counts its children': (_k, dentry) => {
    const children = dentry.d_children.value?.items.length ?? 0;
    const count = count_of(dentry.d_lockref.value);
    if (children > 0 && count < children) return `has ${children} children and count ${count}`;
    const parent = dentry.d_parent.value;
    if (parent === null || parent === dentry || has(dentry, DCACHE.DENTRY_KILLED)) return null;
    if (parent.life.value !== LIFE.live) return `has the freed parent ${parent.toString()}`;
    return count_of(parent.d_lockref.value) > 0 ? null : 'has a parent without references';
  },

  'killed means dead, negative, unhashed and off its parent': (_k, dentry) => {
    const parent = dentry.d_parent.value;
    if (parent === null) return null;
    const listed = parent !== dentry && parent.d_children.value?.includes(dentry) === true;
    if (!has(dentry, DCACHE.DENTRY_KILLED)) {
      return listed || parent === dentry ? null : `is no child of ${parent.toString()}`;
    }
    if (!is_dead(dentry)) return 'is killed and not dead';
    if (dentry.d_inode.value !== null) return 'is killed and positive';
    if (is_hashed(dentry)) return 'is killed and hashed';
    return listed ? 'is killed and among the children of its parent' : null;
  },

  'a name is inline or counted, and never changes once published': (_k, { d_name }) => {
    const name = d_name.value;
    if (!(name instanceof ExternalName)) return null;
    if (name.life.value !== LIFE.live) return `has the freed ${name.toString()}`;
    return name.count.value > 0 ? null : `has ${name.toString()}, which nobody counts`;
  },

  'a hashed dentry is in its bucket, once': (k, dentry) => {
    const chain = is_in_table(dentry) ? chain_of(k, dentry) : null;
    if (chain === null) return null;
    const times = chain.filter((other) => other === dentry).length;
    return times === 1 ? null : `is ${times} times in the chain of its hash`;
  },

  'one hashed dentry per parent and name': (k, dentry) => {
    const chain = is_in_table(dentry) ? (chain_of(k, dentry) ?? []) : [];
    const twin = chain.find(
      (other) =>
        other !== dentry &&
        !is_locked(other.d_lockref.value) &&
        other.d_parent.value === dentry.d_parent.value &&
        name_of(other.d_name.value) === name_of(dentry.d_name.value),
    );
    return twin === undefined ? null : `has the name of ${twin.toString()}`;
  },
};

const NAMED = Object.entries(CHECKS);

type Tell = (name: string, detail: string) => void;

/** Look at a dentry whose d_lock is free. */
export function check_dentry(k: DcacheKernel, dentry: Dentry, tell: Tell): void {
  for (let i = 0; i < NAMED.length; i += 1) {
    const [name, check] = NAMED[i];
    const wrong = check(k, dentry);
    if (wrong !== null) tell(name, `${dentry.toString()} ${wrong}`);
  }
}

/** Look at an inode whose i_lock is free. */
export function check_aliases(inode: AliasedInode, tell: Tell): void {
  const name = 'a dentry is on the alias list of its inode and of no other';
  for (const alias of inode.i_dentry.value ?? []) {
    if (alias.d_inode.value !== inode) tell(name, `${alias.toString()} has another inode`);
    if (is_dead(alias)) tell(name, `${alias.toString()} is an alias and dead`);
  }
}

/** What holds once nobody runs. */
export function dcache_at_rest(machine: Machine, k: DcacheKernel): void {
  const tell: Tell = (name, detail) =>
    machine.addFinding({ kind: 'invariant', title: `invariant: ${name}`, detail });
  // Recycled memory is allocated more than once.
  const all = [...new Set(machine.allocated)].filter(
    (object): object is Dentry => object instanceof Dentry && object.life.value === LIFE.live,
  );
  for (const dentry of all) {
    if (dentry.owner.value === null) check_dentry(k, dentry, tell);
    const count = count_of(dentry.d_lockref.value);
    if (count < 0) {
      tell(
        'dentry_free once, of a dead negative dentry on no list',
        `${dentry.toString()} is dead and was never freed`,
      );
    }
    if (count === 0 && !(is_hashed(dentry) && has(dentry, DCACHE.LRU_LIST))) {
      tell('an unused living dentry is hashed and on the LRU list', dentry.toString());
    }
  }
  const unused = all.filter((dentry) => has(dentry, DCACHE.LRU_LIST));
  const negative = unused.filter(
    (dentry) => dentry.d_inode.value === null && !has(dentry, DCACHE.SHRINK_LIST),
  );
  const { nr_unused, nr_negative } = k.dentry_stat;
  const counters = 'the counters of dentries are right';
  if (nr_unused.value !== unused.length) {
    tell(counters, `nr_unused is ${nr_unused.value} for ${unused.length} dentries`);
  }
  if (nr_negative.value !== negative.length) {
    tell(counters, `nr_negative is ${nr_negative.value} for ${negative.length} dentries`);
  }
}
