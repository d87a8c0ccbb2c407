/**
 * Names of dentries: short ones inside the dentry, long ones in an object of their own.
 *
 * Invariant: an external name never changes, and is freed a grace period after the last dentry or
 * snapshot let go of it; so who finds it inside an RCU reader may read it. Mirrors fs/dcache.c.
 */

import {
  branch,
  cmpxchg_loop,
  cover,
  cpu_relax,
  kmem_cache_alloc,
  kmem_cache_free,
  lockdep_assert_held,
  atomic_fetch_add,
  READ_ONCE,
  read_seqcount_retry,
  raw_seqcount_begin,
  smp_store_release,
  spin_lock,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Branch,
  type Task,
} from '../machine/index.js';
import { DCACHE } from './flags.js';
import type { DcacheKernel, Dentry } from './dentry.js';

/** Longest name that fits into the dentry, on 64 bit. */
export const DNAME_INLINE_LEN = 39;

export class ExternalName extends Struct {
  readonly name: string;
  readonly count = this.cell('count', 1);

  constructor(name: string) {
    super('external_name');
    this.name = name;
  }
}

/** An external name with the rules of its count. */
export function rule_name(name: ExternalName): ExternalName {
  const rule = 'a name is inline or counted, and never changes once published';
  name.count.rule = (write) => {
    if ((write.old as number) <= 0) write.broken(rule, `${name.toString()} is used again`);
  };
  name.life.rule = (write) => {
    // Never published: d_init failed.
    if (write.isPrivate || name.count.value === 0) return;
    write.broken(rule, `${name.toString()} is freed and counted ${name.count.value} times`);
  };
  return name;
}

/** A name as a snapshot holds it. */
export type NameSnapshot = string | ExternalName;

const EXTERNAL = branch('__d_alloc', 'gives a long name an object of its own');
const LAST_NAME = branch('copy_name', 'drops the last reference on an external name');
const SHARED = branch('take_dentry_name_snapshot', 'takes a reference on an external name');
const SNAPSHOT_AGAIN = branch('take_dentry_name_snapshot', 'finds the name changed and retries');

export const NAME_BRANCHES: readonly Branch[] = [EXTERNAL, LAST_NAME, SHARED, SNAPSHOT_AGAIN];

/** The hash of a name, with its length. Pure. Source: fs/namei.c, without the salt. */
export function full_name_hash(name: string): number {
  let hash = 0x11c9dc5 ^ name.length;
  for (let i = 0; i < name.length; i += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) & 0x7ffffff;
  }
  return hash;
}

/** The characters behind a name pointer; constant, so reading them is no access. */
export function name_of(name: string | ExternalName): string {
  return typeof name === 'string' ? name : name.name;
}

/** Name a dentry that nobody else sees yet. @returns false without memory. Part of __d_alloc. */
export function* d_set_name(k: DcacheKernel, dentry: Dentry, name: string): Task<boolean> {
  let bytes: string | ExternalName = name;
  if (name.length > DNAME_INLINE_LEN) {
    yield* cover(EXTERNAL);
    const external = yield* kmem_cache_alloc(k.external_name_cache, name);
    if (external === null) return false;
    bytes = external;
    const flags = yield* READ_ONCE(dentry.d_flags);
    yield* WRITE_ONCE(dentry.d_flags, flags | DCACHE.EXTERNAL_NAME);
  }
  yield* WRITE_ONCE(dentry.d_hash_len, full_name_hash(name));
  // Who sees the name sees all of it.
  yield* smp_store_release(dentry.d_name, bytes);
  return true;
}

/** Drop a reference on an external name; the last one frees it after a grace period. */
export function* put_external_name(k: DcacheKernel, name: ExternalName): Task<void> {
  if ((yield* atomic_fetch_add(name.count, -1)) !== 1) return;
  yield* cover(LAST_NAME);
  yield* k.call_rcu(name, free_external_name);
}

function* free_external_name(_k: never, name: ExternalName): Task<void> {
  yield* kmem_cache_free(name);
}

function* set_name(dentry: Dentry, name: string | ExternalName, hash: number): Task<void> {
  const flags = (yield* READ_ONCE(dentry.d_flags)) & ~DCACHE.EXTERNAL_NAME;
  const bit = typeof name === 'string' ? 0 : DCACHE.EXTERNAL_NAME;
  yield* WRITE_ONCE(dentry.d_flags, flags | bit);
  yield* smp_store_release(dentry.d_name, name);
  yield* WRITE_ONCE(dentry.d_hash_len, hash);
}

/** The name of `target` for `dentry` too. Both d_locks and write sections. Source: fs/dcache.c. */
export function* copy_name(k: DcacheKernel, dentry: Dentry, target: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const old = yield* READ_ONCE(dentry.d_name);
  const name = yield* READ_ONCE(target.d_name);
  if (typeof name !== 'string') yield* atomic_fetch_add(name.count, 1);
  yield* set_name(dentry, name, yield* READ_ONCE(target.d_hash_len));
  if (typeof old !== 'string') yield* k.put_external_name(old);
}

/** Exchange two names. Both d_locks and write sections. Source: fs/dcache.c. */
export function* swap_names(_k: DcacheKernel, dentry: Dentry, target: Dentry): Task<void> {
  yield* lockdep_assert_held(dentry.d_lockref);
  const name = yield* READ_ONCE(dentry.d_name);
  const hash = yield* READ_ONCE(dentry.d_hash_len);
  yield* set_name(dentry, yield* READ_ONCE(target.d_name), yield* READ_ONCE(target.d_hash_len));
  yield* set_name(target, name, hash);
}

/**
 * The name at one moment, for as long as the snapshot is kept; the caller must have a reference on
 * the dentry. Takes no lock. Source: fs/dcache.c, v7.3.
 */
export function* take_dentry_name_snapshot(k: DcacheKernel, dentry: Dentry): Task<NameSnapshot> {
  for (;;) {
    yield* k.rcu_read_lock();
    const seq = yield* raw_seqcount_begin(dentry.d_seq);
    const name = yield* READ_ONCE(dentry.d_name);
    let got = true;
    if (typeof name !== 'string') {
      yield* cover(SHARED);
      got = yield* atomic_inc_not_zero(name);
    }
    const stale = yield* read_seqcount_retry(dentry.d_seq, seq);
    yield* k.rcu_read_unlock();
    if (got && !stale) return name;
    yield* cover(SNAPSHOT_AGAIN);
    if (got) yield* k.release_dentry_name_snapshot(name);
    yield* cpu_relax();
  }
}

function* atomic_inc_not_zero({ count }: ExternalName): Task<boolean> {
  return (yield* cmpxchg_loop(count, (old) => (old !== 0 ? old + 1 : undefined))) !== 0;
}

/** Under d_lock, as it was. Source: fs/dcache.c, v6.9. */
export function* take_dentry_name_snapshot_v6_9(
  _k: DcacheKernel,
  dentry: Dentry,
): Task<NameSnapshot> {
  yield* spin_lock(dentry.d_lockref);
  const name = yield* READ_ONCE(dentry.d_name);
  if (typeof name !== 'string') {
    yield* cover(SHARED);
    yield* atomic_fetch_add(name.count, 1);
  }
  yield* spin_unlock(dentry.d_lockref);
  return name;
}

/** Let a snapshot go. Source: fs/dcache.c. */
export function* release_dentry_name_snapshot(k: DcacheKernel, name: NameSnapshot): Task<void> {
  if (typeof name !== 'string') yield* k.put_external_name(name);
}
