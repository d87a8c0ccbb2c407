/**
 * What must hold of each write to a dentry: who may change its count, its name, its place.
 *
 * The rules look at the very step at which a thing is decided, so that what is reported is the
 * mistake and not what comes of it. Invariant: a rule reads what its writer has locked, or what
 * never changes; so its answer does not depend on what other tasks do in the meantime.
 */

import {
  inspect,
  KIND,
  LIFE,
  type CallFrame,
  type Rule,
  type Slab,
  type Write,
} from '../machine/index.js';
import { count_of, is_locked, LOCKREF_DEAD, type LockrefModel } from '../lockref/index.js';
import { Dentry, type AliasedInode, type DcacheKernel, type DentryOperations } from './dentry.js';
import { DCACHE, is_directory_mode } from './flags.js';
import { check_aliases, check_dentry } from './invariants.js';
import { name_of } from './name.js';

/** What rules of the dcache ask of a kernel. */
export interface RuledKernel {
  readonly k: DcacheKernel;
  readonly lockref: LockrefModel;
  /** The name under which the kernel calls this code, replaced or not; null for other code. */
  readonly name_of_function: (body: CallFrame['body']) => string | null;
}

const ONE_IN_HOOKS = { pruned: 1, released: 2, hashed: 4, positive: 8 } as const;

/** The innermost call of this kernel function that the writer is in. */
export function within(ruled: RuledKernel, write: Write, name: string): CallFrame | null {
  for (const frame of write.frames()) {
    if (ruled.name_of_function(frame.body) === name) return frame;
  }
  return null;
}

/** The lockref operation that the writer is in. */
function lockref_operation(ruled: RuledKernel, write: Write): string | null {
  for (const { body } of write.frames()) {
    const name = ruled.name_of_function(body);
    if (name !== null && name.startsWith('lockref_')) return name;
  }
  return null;
}

/** Smallest count on which each operation may succeed. */
const LEAST: Readonly<Record<string, number>> = {
  lockref_get: 0,
  lockref_get_not_dead: 0,
  lockref_get_not_zero: 1,
  lockref_put_return: 1,
  lockref_put_not_zero: 2,
  lockref_put_or_lock: 2,
};

function count_rule(ruled: RuledKernel, write: Write, dentry: Dentry): void {
  const before = write.old as number;
  const was = count_of(before);
  const now = count_of(dentry.d_lockref.value);
  const change = `${dentry.toString()}: count ${was} -> ${now}`;
  const holder = write.holds(dentry.d_lockref);
  if (was < 0) return write.broken('dead is for ever', change);
  if (now === LOCKREF_DEAD) {
    if (was !== 0 || !holder) {
      write.broken('a dentry is marked dead under d_lock, with count 0', change);
    }
    let state = 0;
    if (dentry.d_hash_pprev.value !== null) state |= ONE_IN_HOOKS.hashed;
    if (dentry.d_inode.value !== null) state |= ONE_IN_HOOKS.positive;
    return write.remember(dentry.hooks_run, state);
  }
  if (is_locked(before) && !holder && ruled.lockref !== 'counter') {
    return write.kind === KIND.cmpxchg
      ? write.broken('the fast path never writes a locked word, and gives up at last', change)
      : write.broken('nobody but the holder changes a locked count', change);
  }
  const operation = lockref_operation(ruled, write);
  if (operation !== null && was < (LEAST[operation] ?? was)) {
    return write.broken('a get succeeds only on a count that allows it', change);
  }
  if (now < 0) return write.broken('a reference count is dead or not negative', change);
  if (was === 0 && now > 0 && !may_revive(ruled, write, operation)) {
    write.broken('no dput of a dead or unused dentry, no dget of an unused one', change);
  }
  if (now > was) lookup_rule(ruled, write, dentry);
}

/** May this writer take the first reference on an unused dentry? */
function may_revive(ruled: RuledKernel, write: Write, operation: string | null): boolean {
  if (operation === null) return write.holds(write.cell as Dentry['d_lockref']);
  if (operation === 'lockref_get_not_dead') return true;
  // i_lock keeps the alias from dying.
  return operation === 'lockref_get' && within(ruled, write, '__d_find_any_alias') !== null;
}

/** A look-up takes its reference while what it looked for is there. */
function lookup_rule(ruled: RuledKernel, write: Write, dentry: Dentry): void {
  const lookup = within(ruled, write, '__d_lookup');
  if (lookup === null) return;
  const [, parent, name] = lookup.args;
  const fits =
    dentry.d_hash_pprev.value !== null &&
    dentry.d_parent.value === parent &&
    name_of(dentry.d_name.value) === name;
  if (!fits) {
    write.broken(
      'a look-up returns what had that parent and name at one instant',
      `${dentry.toString()} is not '${String(name)}' of ${String(parent)}, or not hashed`,
    );
  }
}

/** Two d_locks: of parent and child, or with rename_lock. */
function nesting_rule(ruled: RuledKernel, write: Write, dentry: Dentry): void {
  for (const { struct } of write.held()) {
    if (!(struct instanceof Dentry) || struct === dentry) continue;
    if (is_above(struct, dentry) || is_above(dentry, struct)) continue;
    if (write.holds(ruled.k.rename_lock.lock)) continue;
    write.broken(
      'the lock order is kept',
      `d_lock of ${dentry.toString()} under that of ${struct.toString()}, without rename_lock`,
    );
  }
}

function is_above(ancestor: Dentry, dentry: Dentry): boolean {
  for (let at = dentry, parent = at.d_parent.value; ; at = parent, parent = at.d_parent.value) {
    if (parent === ancestor) return true;
    if (parent === null || parent === at) return false;
  }
}

/** Does nobody else look at the dentry yet? Of recycled memory the machine cannot tell. */
function is_unpublished(write: Write, dentry: Dentry): boolean {
  if (write.isPrivate) return true;
  const recycled = (dentry.slab as Slab | null)?.reuse !== 'never';
  return (
    recycled &&
    count_of(dentry.d_lockref.value) === 1 &&
    dentry.d_inode.value === null &&
    dentry.d_hash_pprev.value === null
  );
}

/** What a d_seq write section guards is written in one, by who holds d_lock. */
function guarded_rule(write: Write, dentry: Dentry): void {
  if (is_unpublished(write, dentry) || write.old === write.cell.value) return;
  if ((dentry.d_seq.value & 1) === 1 && write.holds(dentry.d_lockref)) return;
  write.broken(
    'd_seq is odd only under d_lock, and moves with what it guards',
    `${write.cell.toString()} is written outside a write section`,
  );
}

/** The rules of a dentry's fields. */
export function rule_dentry(ruled: RuledKernel, dentry: Dentry): void {
  const { k } = ruled;
  dentry.d_lockref.rule = (write) => {
    if (write.isPrivate) return;
    const before = write.old as number;
    const after = dentry.d_lockref.value;
    if (count_of(before) !== count_of(after)) count_rule(ruled, write, dentry);
    if (is_locked(before)) {
      if (is_locked(after)) return;
      check_dentry(k, dentry, (name, detail) => write.broken(name, detail));
      if (dentry.dropped_at.value !== -1) write.remember(dentry.dropped_at, -1);
    } else if (is_locked(after)) nesting_rule(ruled, write, dentry);
  };
  dentry.d_seq.rule = (write) => {
    if (write.isPrivate) return;
    const held = write.holds(dentry.d_lockref);
    if (held && dentry.d_seq.value > (write.old as number)) return;
    write.broken(
      'd_seq is odd only under d_lock, and moves with what it guards',
      `d_seq ${String(write.old)} -> ${dentry.d_seq.value}${held ? '' : ' without d_lock'}`,
    );
  };
  const guarded: Rule = (write) => guarded_rule(write, dentry);
  dentry.d_inode.rule = guarded;
  dentry.d_name.rule = guarded;
  dentry.d_parent.rule = (write) => {
    guarded_rule(write, dentry);
    const parent = dentry.d_parent.value;
    if (parent === null || parent === dentry) return;
    const wrong = is_above(dentry, parent)
      ? `is put below itself, into ${parent.toString()}`
      : parent.d_sb !== dentry.d_sb && 'is put into another super block';
    if (wrong !== false) {
      write.broken(
        'no cycle in d_parent, one super block per tree',
        `${dentry.toString()} ${wrong}`,
      );
    }
  };
  dentry.d_hash_pprev.rule = (write) => {
    if (dentry.d_hash_pprev.value !== null || write.old === null) return;
    // In a write section d_seq will move; else it must until d_lock is given back.
    write.remember(dentry.dropped_at, (dentry.d_seq.value & 1) === 1 ? -1 : dentry.d_seq.value);
  };
  dentry.life.rule = (write) => end_rule(write, dentry);
}

/** The memory is given back. */
function end_rule(write: Write, dentry: Dentry): void {
  // Never published: d_init failed.
  if (is_unpublished(write, dentry)) return;
  const wrong: string[] = [];
  if (count_of(dentry.d_lockref.value) !== LOCKREF_DEAD) wrong.push('not dead');
  if (dentry.d_inode.value !== null) wrong.push('positive');
  if ((dentry.d_flags.value & (DCACHE.LRU_LIST | DCACHE.SHRINK_LIST)) !== 0) wrong.push('listed');
  if (dentry.d_hash_pprev.value !== null) wrong.push('hashed');
  const parent = dentry.d_parent.value;
  if (parent !== dentry && parent?.life.value === LIFE.live) {
    if (parent.d_children.value?.includes(dentry) === true) wrong.push('a child');
  }
  if (wrong.length > 0) {
    write.broken(
      'dentry_free once, of a dead negative dentry on no list',
      `${dentry.toString()} is freed and ${wrong.join(', ')}`,
    );
  }
  const { d_prune, d_release } = dentry.d_own_op?.value ?? dentry.d_op;
  const run = dentry.hooks_run.value;
  const missed = [
    ...(d_prune !== undefined && (run & ONE_IN_HOOKS.pruned) === 0 ? ['d_prune'] : []),
    ...(d_release !== undefined && (run & ONE_IN_HOOKS.released) === 0 ? ['d_release'] : []),
  ];
  if (missed.length > 0) {
    write.broken(HOOKS, `${dentry.toString()} is freed without ${missed.join(' and ')}`);
  }
}

const HOOKS = 'd_prune once, after dead, before unhash and iput; d_release once';

function prune_rule(write: Write, dentry: Dentry): void {
  const run = dentry.hooks_run.value;
  const inode = dentry.d_inode.value;
  const wrong: string[] = [];
  if ((run & ONE_IN_HOOKS.pruned) !== 0) wrong.push('again');
  if (count_of(dentry.d_lockref.value) !== LOCKREF_DEAD) wrong.push('before it is dead');
  if (!write.holds(dentry.d_lockref)) wrong.push('without d_lock');
  if (inode !== null && !write.holds(inode.i_lock)) wrong.push('without i_lock');
  if (inode === null && (run & ONE_IN_HOOKS.positive) !== 0) wrong.push('after its inode is gone');
  if (dentry.d_hash_pprev.value === null && (run & ONE_IN_HOOKS.hashed) !== 0) {
    wrong.push('after it is unhashed');
  }
  write.remember(dentry.hooks_run, run | ONE_IN_HOOKS.pruned);
  if (wrong.length > 0) write.broken(HOOKS, `d_prune of ${dentry.toString()} ${wrong.join(', ')}`);
}

function release_rule(write: Write, dentry: Dentry): void {
  const run = dentry.hooks_run.value;
  const wrong: string[] = [];
  if ((run & ONE_IN_HOOKS.released) !== 0) wrong.push('again');
  if (count_of(dentry.d_lockref.value) !== LOCKREF_DEAD) wrong.push('before it is dead');
  if (write.holds(dentry.d_lockref)) wrong.push('under d_lock');
  write.remember(dentry.hooks_run, run | ONE_IN_HOOKS.released);
  if (wrong.length > 0)
    write.broken(HOOKS, `d_release of ${dentry.toString()} ${wrong.join(', ')}`);
}

/** The hooks of a filesystem, with rules in front. */
export function ruled_operations(d_op: DentryOperations): DentryOperations {
  const { d_prune, d_release } = d_op;
  return {
    ...d_op,
    ...(d_prune === undefined
      ? {}
      : {
          *d_prune(k: never, dentry: Dentry) {
            yield* inspect(dentry, (write) => prune_rule(write, dentry));
            yield* d_prune(k, dentry);
          },
        }),
    ...(d_release === undefined
      ? {}
      : {
          *d_release(k: never, dentry: Dentry) {
            yield* inspect(dentry, (write) => release_rule(write, dentry));
            yield* d_release(k, dentry);
          },
        }),
  };
}

/** The rules of what the dcache has in an inode. */
export function rule_aliases(inode: AliasedInode): void {
  inode.i_lock.rule = (write) => {
    if (write.isPrivate || is_locked(inode.i_lock.value)) return;
    check_aliases(inode, (name, detail) => write.broken(name, detail));
  };
  inode.i_dentry.rule = (write) => {
    const aliases = inode.i_dentry.value?.items ?? [];
    if (aliases.length < 2 || !is_directory_mode(inode.i_mode.value)) return;
    write.broken(
      'a directory has at most one alias',
      `${aliases.join(' and ')} of ${inode.toString()}`,
    );
  };
}
