/**
 * What of the dcache is global: its hash tables, rename_lock, counters, and caches.
 *
 * Invariant: a hash table's size never changes, so finding a bucket is no access to memory.
 * Mirrors the static variables of fs/dcache.c.
 */

import {
  Completion,
  Seqlock,
  Slab,
  Struct,
  WaitEntry,
  WaitQueue,
  type Cell,
  type List,
  type Machine,
  type Spinlock,
} from '../machine/index.js';
import type { Dentry } from './dentry.js';
import { ExternalName, rule_name } from './name.js';

/** A chain of hashed dentries. The lock is a bit of the head in the kernel, and a cell here. */
export class HashBucket extends Struct {
  readonly lock: Spinlock = this.lockCell('lock', 'dentry_hashtable');
  readonly first = this.cell<Dentry | null>('first', null);

  constructor(number: number) {
    super('hash_bucket');
    this.label = `dentry_hashtable[${number}]`;
  }
}

/** Dentries in lookup of one hash; looked at and changed under the lock only. */
export class InLookupBucket extends Struct {
  readonly lock: Spinlock = this.lockCell('lock', 'in_lookup_hashtable');
  readonly dentries: Cell<List<Dentry> | null> = this.cell<List<Dentry> | null>('dentries', null);

  constructor(number: number) {
    super('in_lookup_bucket');
    this.label = `in_lookup_hashtable[${number}]`;
  }
}

/** The per-CPU counters behind /proc/sys/fs/dentry-state, summed up. */
export class DentryStat extends Struct {
  readonly nr_unused = this.cell('nr_unused', 0);
  readonly nr_negative = this.cell('nr_negative', 0);
}

/** The dcache's own objects: hash tables, statistics, rename_lock. */
export interface DcacheState {
  readonly dentry_hashtable: readonly HashBucket[];
  readonly in_lookup_hashtable: readonly InLookupBucket[];
  readonly rename_lock: Seqlock;
  readonly sysctl_dentry_negative: boolean;
  readonly dentry_stat: DentryStat;
  /** Where sleepers on a variable wait, as for d_flags. */
  readonly var_waitqueue: WaitQueue;
  readonly external_name_cache: Slab<ExternalName, [string]>;
  readonly wait_entry_stack: Slab<WaitEntry, []>;
  readonly wait_queue_stack: Slab<WaitQueue, []>;
  readonly completion_stack: Slab<Completion, []>;
}

/** How a dcache is to be made. */
export interface DcacheOptions {
  /** Number of hash buckets, as on the kernel's command line (default 4). */
  readonly dhash_entries?: number;
  /** /proc/sys/fs/dentry-negative: leave no negative dentry behind a deleted name (v7.3 only). */
  readonly dentry_negative?: boolean;
}

const DHASH_ENTRIES = 4;
const IN_LOOKUP_ENTRIES = 2;

/** The dcache's own part of a new kernel. */
export function dcache_state(machine: Machine, options: DcacheOptions = {}): DcacheState {
  const times = <T>(count: number, make: (i: number) => T): readonly T[] =>
    Object.freeze(Array.from({ length: count }, (_, i) => make(i)));
  return {
    dentry_hashtable: times(options.dhash_entries ?? DHASH_ENTRIES, (i) =>
      machine.global(new HashBucket(i)),
    ),
    in_lookup_hashtable: times(IN_LOOKUP_ENTRIES, (i) => machine.global(new InLookupBucket(i))),
    sysctl_dentry_negative: options.dentry_negative ?? false,
    rename_lock: machine.global(new Seqlock('rename_lock'), 'rename_lock'),
    dentry_stat: machine.global(new DentryStat('dentry_stat'), 'dentry_stat'),
    var_waitqueue: machine.global(new WaitQueue(), 'var_waitqueue'),
    external_name_cache: machine.global(
      new Slab('external_name', (name: string) =>
        machine.ruled ? rule_name(new ExternalName(name)) : new ExternalName(name),
      ),
    ),
    wait_entry_stack: machine.global(new Slab('wait_entry', () => new WaitEntry(), 'never', true)),
    wait_queue_stack: machine.global(
      new Slab('wait_queue_head', () => new WaitQueue(), 'never', true),
    ),
    completion_stack: machine.global(new Slab('completion', () => new Completion(), 'never', true)),
  };
}
