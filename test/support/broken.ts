/** Kernels with one function broken, each with the invariant that it breaks. */

import { lockref_ops, with_count, count_of, type Lockref } from '../../src/lockref/index.js';
import {
  atomic_fetch_add,
  atomic_step,
  cmpxchg,
  cpu_relax,
  E,
  ERR_PTR,
  kmem_cache_alloc,
  kmem_cache_free,
  list_del,
  Machine,
  might_sleep,
  read,
  READ_ONCE,
  Slab,
  spin_lock,
  spin_trylock,
  spin_unlock,
  Struct,
  WARN,
  write,
  WRITE_ONCE,
  type KernelFunction,
  type Task,
} from '../../src/machine/index.js';
import type { RcuTreeKernel } from '../../src/rcu/tree/state.js';
import { DCACHE, dcache_functions, type Dentry } from '../../src/dcache/index.js';
import type { Program } from '../../src/explore/index.js';
import { findScenario, findVariant, programOf } from '../../src/scenario/index.js';
import {
  CLONE,
  create_fs_kernel,
  create_kernel,
  Handles,
  I_CLEAR,
  type Inode,
  SuperBlock,
  vfs_functions,
  type NsCommon,
  PIDFD_GET,
  type Stash,
  type TaskStruct,
  type StashedObject,
  type FsKernel,
  type VfsKernel,
} from '../../src/vfs/index.js';
import { simulatedCalls } from '../../src/fs/sys.js';
import { fs_functions } from '../../src/vfs/fs-functions.js';
import {
  add,
  add_unused,
  DIR,
  FILE,
  new_inode,
  program,
  type SetUp,
  type TaskBody,
  type TreeOptions,
} from '../dcache/tree.js';

const O_CREAT = 0o100;

type Functions = Readonly<Record<string, KernelFunction>>;

export interface Broken {
  readonly id: number;
  /** What the broken function does. */
  readonly what: string;
  /** What is reported; the invariant's own name by default. */
  readonly title?: RegExp;
  /** What is reported with it, of the same step. */
  readonly also?: RegExp;
  readonly functions: Functions;
  /** The program on a kernel with these functions. */
  readonly on: (functions: Functions) => Program;
}

const real = dcache_functions;

function* forget(): Task<void> {
  yield* [];
}

/** On a small tree. */
function onTree<W>(
  setUp: SetUp<W>,
  tasks: readonly TaskBody<W>[],
  options: TreeOptions = {},
): Broken['on'] {
  return (functions) => program({ ...options, functions }, setUp, tasks);
}

/** On a kernel without a tree. */
function onKernel(body: (k: VfsKernel, sb: SuperBlock) => Task<void>): Broken['on'] {
  return (functions) => ({
    name: 'alone',
    branches: [],
    build(machineOptions) {
      const machine = new Machine(machineOptions);
      const k = create_kernel(machine, { functions });
      const sb = machine.global(new SuperBlock('testfs', {}, {}, 0, null as never));
      machine.addTask({ name: 't' }, () => body(k, sb));
      return { machine, atEnd: () => undefined };
    },
  });
}

interface StashOptions {
  readonly fs?: 'nsfs' | 'pidfs';
  readonly failAlloc?: boolean;
}

function onStash(name: string, options: StashOptions = {}): Broken['on'] {
  return (functions) => {
    const scenario = findScenario(`stash/${name}`);
    return programOf(scenario, { variant: findVariant(scenario, 'v7.3'), functions, ...options });
  };
}

const a_used: SetUp<Dentry> = (t) => add(t, t.root, 'a', FILE);
const a_unused: SetUp<Dentry> = (t) => add_unused(t, t.root, 'a', FILE);
function* nothing(): Task<null> {
  yield* [];
  return null;
}

/** A function that does nothing but answer this. */
function answers<T>(value: T): () => Task<T> {
  return function* () {
    yield* [];
    return value;
  };
}

/** Stashes, and forgets a dentry that lost. */
function* without_dput(
  k: VfsKernel,
  stash: Stash,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry> {
  const dentry = (yield* k.prepare_anon_dentry(stash, sb, data)) as Dentry;
  return yield* k.stash_dentry(stash, dentry);
}

const look_up_a: TaskBody<unknown> = function* (t) {
  yield* t.k.dput(yield* t.k.d_lookup(t.root, 'a'));
};
const put: TaskBody<Dentry> = (t, a) => t.k.dput(a);
const drop_and_put: TaskBody<Dentry> = function* (t, a) {
  yield* t.k.d_drop(a);
  yield* t.k.dput(a);
};
const get_and_put: TaskBody<Dentry> = function* (t, a) {
  yield* t.k.dget(a);
  yield* t.k.dput(a);
};

class Item extends Struct {
  readonly value = this.cell('value', 1);
  constructor() {
    super('item');
  }
}

class Shelf extends Struct {
  readonly item = this.cell<Item | null>('item', null);
  constructor() {
    super('shelf');
  }
}

/** A reader of an item, and somebody who takes it away and frees it. */
const onShelf: Broken['on'] = (functions) => ({
  name: 'shelf',
  branches: [],
  build(machineOptions) {
    const machine = new Machine(machineOptions);
    const k = create_kernel(machine, { functions });
    const slab = machine.global(new Slab('item', () => new Item()));
    const shelf = machine.global(new Shelf(), 'shelf');
    machine.boot(function* () {
      yield* write(shelf.item, yield* kmem_cache_alloc(slab));
    });
    machine.addTask({ name: 'reader' }, function* () {
      yield* k.rcu_read_lock();
      const item = yield* k.rcu_dereference(shelf.item);
      if (item !== null) yield* READ_ONCE(item.value);
      yield* k.rcu_read_unlock();
    });
    machine.addTask({ name: 'updater' }, function* () {
      const item = (yield* READ_ONCE(shelf.item))!;
      yield* WRITE_ONCE(shelf.item, null);
      yield* k.synchronize_rcu();
      yield* kmem_cache_free(item);
    });
    return { machine, atEnd: () => undefined };
  },
});

class Flag extends Struct {
  readonly done = this.cell('done', false);
  constructor() {
    super('flag');
  }
}

/** Somebody who queues a callback and waits for it with a barrier. */
const onBarrier: Broken['on'] = (functions) => ({
  name: 'barrier',
  branches: [],
  build(machineOptions) {
    const machine = new Machine(machineOptions);
    const k = create_kernel(machine, { functions });
    const flag = machine.global(new Flag(), 'flag');
    machine.addTask({ name: 'unloader' }, function* () {
      yield* k.call_rcu(flag, function* (_k: never, head: Flag) {
        yield* WRITE_ONCE(head.done, true);
      });
      yield* k.rcu_barrier();
      if (!(yield* READ_ONCE(flag.done))) yield* WARN('invariant: the callback has run');
    });
    return { machine, atEnd: () => undefined };
  },
});

/** One CPU queues a callback and goes; another waits for a grace period, and takes the callback over. */
function onGoingCpu(): Broken['on'] {
  return (functions) => ({
    name: 'going',
    branches: [],
    build(machineOptions) {
      const machine = new Machine(machineOptions);
      const k = create_kernel(machine, { rcu: 'tree', functions });
      const flag = machine.global(new Flag(), 'flag');
      machine.addTask({ name: 'goes' }, function* () {
        yield* k.call_rcu(flag, function* (_k: never, head: Flag) {
          yield* WRITE_ONCE(head.done, true);
        });
        yield* k.rcutree_report_cpu_dead();
      });
      machine.addTask({ name: 'stays' }, () => k.synchronize_rcu());
      return { machine, atEnd: () => undefined };
    },
  });
}

const AT_REST = /^memory leak|^invariant: (references are balanced|one living inode per number)/;
/** One process makes these calls. */
function onFs(...calls: readonly (readonly [string, ...unknown[]])[]): Broken['on'] {
  return (functions) => ({
    name: 'calls',
    branches: [],
    build(machineOptions) {
      const machine = new Machine(machineOptions);
      const k = create_fs_kernel(machine, { functions });
      const sys = simulatedCalls(k, k.init_task.task!);
      machine.addTask({ name: 'init' }, function* () {
        for (const [name, ...args] of calls) {
          yield* (sys[name as 'stat'] as (...all: unknown[]) => Task<unknown>)(...args);
        }
      });
      return { machine, atEnd: () => undefined };
    },
  });
}

const ONE_LIVE = /^invariant: (one live dentry per object|an open dentry is in the stash)$/;

export const BROKEN: readonly Broken[] = [
  {
    id: 1,
    what: 'drop_reference_locked drops two',
    functions: {
      *drop_reference_locked(_k: VfsKernel, dentry: Dentry): Task<boolean> {
        const word = yield* READ_ONCE(dentry.d_lockref);
        yield* WRITE_ONCE(dentry.d_lockref, with_count(word, count_of(word) - 2));
        return true;
      },
    },
    on: onTree(a_used, [put], { lockref: 'spinlock' }),
  },
  {
    id: 2,
    what: 'dentry_unlist gives the count back',
    functions: {
      *dentry_unlist(k: VfsKernel, dentry: Dentry, parent: Dentry): Task<void> {
        yield* real.dentry_unlist(k, dentry, parent);
        yield* WRITE_ONCE(dentry.d_lockref, with_count(1, 0));
      },
    },
    on: onTree(a_used, [drop_and_put]),
  },
  {
    id: 3,
    what: 'lock_for_kill does not look at the count',
    functions: {
      *lock_for_kill_or_give_up(_k: VfsKernel, dentry: Dentry): Task<boolean> {
        const inode = yield* READ_ONCE(dentry.d_inode);
        return inode === null || (yield* spin_trylock(inode.i_lock));
      },
    },
    on: onTree(
      function* (t) {
        yield* add_unused(t, t.root, 'a', FILE);
        yield* t.k.d_lookup(t.root, 'a');
        return null;
      },
      [(t) => t.k.shrink_dcache_sb(t.sb)],
    ),
  },
  {
    id: 4,
    what: 'lockref_get adds without looking at the lock',
    functions: {
      *lockref_get(_k: never, lockref: Lockref): Task<void> {
        yield* atomic_fetch_add(lockref, 2);
      },
    },
    on: onTree(a_used, [get_and_put, (t, a) => t.k.d_drop(a)]),
  },
  {
    id: 5,
    what: 'lockref_get_not_zero takes from zero too',
    functions: {
      *lockref_get_not_zero(_k: never, lockref: Lockref): Task<boolean> {
        yield* lockref_ops('faithful').lockref_get(lockref);
        return true;
      },
    },
    on: onTree(a_unused, [
      function* (t, a) {
        yield* t.k.rcu_read_lock();
        const got = yield* t.k.lockref_get_not_zero(a.d_lockref);
        yield* t.k.rcu_read_unlock();
        if (got) yield* t.k.dput(a);
      },
    ]),
  },
  {
    id: 6,
    what: 'lockref_get exchanges a locked word',
    functions: {
      *lockref_get(_k: never, lockref: Lockref): Task<void> {
        let word = yield* READ_ONCE(lockref);
        for (;;) {
          const found = yield* cmpxchg(lockref, word, word + 2);
          if (found === word) return;
          word = found;
        }
      },
    },
    on: onTree(a_used, [get_and_put, (t, a) => t.k.d_drop(a)]),
  },
  {
    id: 7,
    what: 'dput forgets',
    title: /^(memory leak: dentry|invariant: references are balanced)$/,
    functions: { dput: forget },
    on: onStash('close-vs-open'),
  },
  {
    id: 8,
    what: 'lockref_get keeps the lock',
    title: /^WARNING: lock held at task exit: d_lockref$/,
    functions: {
      *lockref_get(_k: never, lockref: Lockref): Task<void> {
        yield* spin_lock(lockref);
        const word = yield* READ_ONCE(lockref);
        yield* WRITE_ONCE(lockref, with_count(word, count_of(word) + 1));
      },
    },
    on: onTree(a_used, [
      function* (t, a) {
        yield* t.k.dget(a);
      },
    ]),
  },
  {
    id: 9,
    what: '__d_lookup leaves its reader open',
    title: /^WARNING: RCU read-side section left open at task exit$/,
    functions: {
      *__d_lookup(k: VfsKernel): Task<null> {
        yield* k.rcu_read_lock();
        return null;
      },
    },
    on: onTree(a_used, [
      function* (t) {
        yield* t.k.d_lookup(t.root, 'b');
      },
    ]),
  },
  {
    id: 10,
    what: 'synchronize_rcu does not wait',
    title: /^KASAN: slab-use-after-free/,
    functions: { synchronize_rcu: forget },
    on: onShelf,
  },
  {
    id: 11,
    what: 'call_rcu calls at once',
    title: /^KASAN: slab-use-after-free/,
    functions: {
      *call_rcu(k: never, head: Struct, callback: (k: never, head: Struct) => Task<void>) {
        yield* callback(k, head);
      },
    },
    on: onTree(a_used, [drop_and_put, look_up_a]),
  },
  {
    id: 12,
    what: 'dentry_free queues twice',
    title: /^ODEBUG: activate active/,
    functions: {
      *dentry_free(k: VfsKernel, dentry: Dentry): Task<void> {
        yield* k.call_rcu(dentry, forget);
        yield* k.call_rcu(dentry, function* (_k: never, head: Dentry) {
          yield* kmem_cache_free(head);
        });
      },
    },
    on: onTree(a_used, [
      drop_and_put,
      function* (t) {
        yield* t.k.rcu_read_lock();
        yield* READ_ONCE(t.root.d_flags);
        yield* t.k.rcu_read_unlock();
      },
    ]),
  },
  {
    id: 13,
    what: 'dentry_free frees without a grace period',
    title: /^KASAN: slab-use-after-free/,
    functions: {
      *dentry_free(_k: VfsKernel, dentry: Dentry): Task<void> {
        yield* kmem_cache_free(dentry);
      },
    },
    on: onStash('close-vs-open'),
  },
  {
    id: 14,
    what: 'get_data waits for a grace period inside a reader',
    title: /^BUG: sleeping function called from invalid context in synchronize_rcu$/,
    functions: {
      *get_data(k: VfsKernel, data: StashedObject): Task<void> {
        yield* k.rcu_read_lock();
        yield* k.synchronize_rcu();
        yield* k.rcu_read_unlock();
        yield* vfs_functions.get_data(k, data);
      },
    },
    on: onStash('close-vs-open'),
  },
  {
    id: 15,
    what: 'rcu_barrier does not wait',
    title: /^invariant: the callback has run/,
    functions: { rcu_barrier: forget },
    on: onBarrier,
  },
  {
    id: 16,
    what: '__d_lookup does without a reader',
    title: /^WARNING: suspicious RCU usage in rcu_dereference$/,
    functions: {
      *__d_lookup(k: VfsKernel): Task<null> {
        yield* k.rcu_dereference(k.dentry_hashtable[0].first);
        return null;
      },
    },
    on: onTree(a_used, [look_up_a]),
  },
  {
    id: 17,
    what: 'rcu_gp_init asks every CPU',
    functions: {
      *rcu_gp_init(k: RcuTreeKernel): Task<number> {
        const { gp_seq, nodes } = k.rcu_state;
        return yield* atomic_step({
          label: 'rcu_gp_init',
          reads: [],
          writes: [gp_seq, ...nodes.cellsOf('qsmask')],
          run: (set) => {
            set(gp_seq, gp_seq.value + 1);
            set(nodes.root.qsmask, 1);
            set(nodes.leaves[0].qsmask, 3);
            return 3;
          },
        });
      },
    },
    on: onGoingCpu(),
  },
  {
    id: 17,
    what: 'rcu_do_batch goes on when its CPU has gone',
    functions: {
      *rcu_do_batch(k: RcuTreeKernel, cpu: number): Task<number> {
        const { invoking, core_active } = k.rcu_state.data[cpu];
        yield* atomic_step({
          label: 'rcu_do_batch',
          reads: [],
          writes: [invoking, core_active],
          run: (set) => {
            set(invoking, true);
            set(invoking, false);
            set(core_active, false);
          },
        });
        return -1;
      },
    },
    on: onGoingCpu(),
  },
  {
    id: 18,
    what: '__d_drop leaves the dentry in the hash',
    functions: { __d_drop: forget },
    on: onTree(a_unused, [(t) => t.k.shrink_dcache_sb(t.sb)]),
  },
  {
    id: 19,
    what: '__d_set_inode_and_type forgets the alias list',
    functions: {
      *__d_set_inode_and_type(k: VfsKernel, dentry: Dentry, inode: Inode): Task<void> {
        yield* real.__d_set_inode_and_type(k, dentry, inode);
        yield* list_del(inode.i_dentry, dentry);
      },
    },
    on: onTree(nothing, [
      function* (t) {
        yield* add(t, t.root, 'a', FILE);
      },
    ]),
  },
  {
    id: 20,
    what: '__d_set_inode_and_type forgets the type',
    functions: {
      *__d_set_inode_and_type(k: VfsKernel, dentry: Dentry, inode: Inode): Task<void> {
        yield* real.__d_set_inode_and_type(k, dentry, inode);
        const flags = yield* READ_ONCE(dentry.d_flags);
        yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.ENTRY_TYPE);
      },
    },
    on: onTree(nothing, [
      function* (t) {
        yield* add(t, t.root, 'a', FILE);
      },
    ]),
  },
  {
    id: 21,
    what: 'd_lru_add forgets the flag',
    functions: {
      *d_lru_add(k: VfsKernel, dentry: Dentry): Task<void> {
        yield* real.d_lru_add(k, dentry);
        const flags = yield* READ_ONCE(dentry.d_flags);
        yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.LRU_LIST);
      },
    },
    on: onTree(a_used, [put]),
  },
  {
    id: 22,
    what: 'd_add does not end the look-up',
    functions: {
      *__d_add(k: VfsKernel, dentry: Dentry, inode: Inode | null): Task<void> {
        yield* spin_lock(dentry.d_lockref);
        if (inode !== null) yield* k.__d_set_inode_and_type(dentry, inode);
        yield* k.__d_rehash(dentry);
        yield* spin_unlock(dentry.d_lockref);
        if (inode !== null) yield* spin_unlock(inode.i_lock);
      },
    },
    on: onTree(nothing, [
      function* (t) {
        const dentry = (yield* t.k.d_alloc_parallel(t.root, 'x'))!;
        yield* t.k.d_add(dentry, null);
        yield* t.k.dput(dentry);
      },
    ]),
  },
  {
    id: 23,
    what: '__d_drop leaves d_seq alone',
    functions: {
      *__d_drop(k: VfsKernel, dentry: Dentry): Task<void> {
        if (yield* k.d_unhashed(dentry)) return;
        yield* k.___d_drop(dentry);
        yield* WRITE_ONCE(dentry.d_hash_pprev, null);
      },
    },
    on: onTree(a_used, [drop_and_put]),
  },
  {
    id: 24,
    what: 'dget_dlock takes no reference',
    functions: { dget_dlock: forget },
    on: onTree(nothing, [
      function* (t) {
        yield* t.k.d_alloc(t.root, 'a');
        yield* t.k.d_alloc(t.root, 'b');
      },
    ]),
  },
  {
    id: 25,
    what: 'dentry_unlist leaves the child on the list',
    functions: { dentry_unlist: forget },
    on: onTree(a_used, [drop_and_put]),
  },
  {
    id: 26,
    what: 'lockref_mark_dead unhashes before d_prune',
    functions: {
      *lockref_mark_dead(_k: VfsKernel, lockref: Lockref): Task<boolean> {
        const marked = yield* lockref_ops('faithful').lockref_mark_dead(lockref);
        yield* real.__d_drop(_k, lockref.struct as Dentry);
        return marked;
      },
    },
    on: onTree(a_unused, [(t) => t.k.shrink_dcache_sb(t.sb)], {
      s_d_op: {
        *d_prune(_k: never, dentry: Dentry) {
          yield* READ_ONCE(dentry.d_flags);
        },
      },
    }),
  },
  {
    id: 27,
    what: 'dentry_kill frees without killing',
    functions: {
      *dentry_kill(k: VfsKernel, dentry: Dentry): Task<null> {
        yield* spin_unlock(dentry.d_lockref);
        yield* k.dentry_free(dentry);
        return null;
      },
    },
    on: onTree((t) => add(t, t.root, 'a', null), [drop_and_put]),
  },
  {
    id: 28,
    what: 'd_lookup takes a reference without looking whether there is one',
    functions: {
      *d_lookup(k: VfsKernel, parent: Dentry): Task<Dentry> {
        return yield* k.dget((yield* read(parent.d_children))!.items[0]);
      },
    },
    on: onTree(a_unused, [look_up_a]),
  },
  {
    id: 29,
    what: 'retain_dentry keeps it on no list',
    functions: {
      retain_dentry: answers(true),
    },
    on: onTree(a_used, [put]),
  },
  {
    id: 30,
    what: 'lru_negative_changed does not count',
    functions: { lru_negative_changed: forget },
    on: onTree(
      function* (t) {
        const a = yield* add_unused(t, t.root, 'a', null);
        yield* t.k.d_lookup(t.root, 'a');
        return { a, inode: yield* new_inode(t, FILE) };
      },
      [
        function* (t, { a, inode }) {
          yield* t.k.d_instantiate(a, inode);
        },
      ],
    ),
  },
  {
    id: 31,
    what: 'put_external_name drops two',
    functions: {
      *put_external_name(_k: VfsKernel, name: { count: Dentry['d_seq'] }): Task<void> {
        yield* atomic_fetch_add(name.count, -2);
      },
    },
    on: onTree(
      function* (t) {
        const a = yield* add(t, t.root, 'x'.repeat(40), FILE);
        return { a, target: (yield* t.k.d_alloc(t.root, 'y'.repeat(41)))! };
      },
      [
        function* (t, { a, target }) {
          yield* t.k.d_move(a, target);
          yield* t.k.dput(target);
        },
      ],
    ),
  },
  {
    id: 32,
    what: 'd_ancestor sees no ancestors',
    functions: {
      d_ancestor: answers(null),
    },
    on: onTree(
      function* (t) {
        const dir = yield* add(t, t.root, 'dir', DIR);
        const below = yield* add(t, dir, 'below', DIR);
        const place = (yield* t.k.d_alloc(below, 'x'))!;
        const inode = dir.d_inode.value as Inode;
        yield* t.k.ihold(inode);
        return { place, inode };
      },
      [
        function* (t, { place, inode }) {
          yield* t.k.d_splice_alias(inode, place);
        },
      ],
    ),
  },
  {
    id: 33,
    what: 'd_instantiate takes d_lock first',
    title: /^WARNING: possible circular locking dependency detected in /,
    functions: {
      *d_instantiate(k: VfsKernel, dentry: Dentry, inode: Inode): Task<void> {
        yield* spin_lock(dentry.d_lockref);
        yield* spin_lock(inode.i_lock);
        yield* k.__d_set_inode_and_type(dentry, inode);
        yield* spin_unlock(inode.i_lock);
        yield* spin_unlock(dentry.d_lockref);
      },
    },
    on: onTree(
      function* (t) {
        return {
          a: (yield* t.k.d_alloc(t.root, 'a'))!,
          inode: yield* new_inode(t, FILE),
        };
      },
      [
        function* (t, { a, inode }) {
          yield* t.k.d_instantiate(a, inode);
          yield* t.k.d_delete(a);
        },
      ],
    ),
  },
  {
    id: 33,
    what: 'd_move_lock is called without rename_lock',
    functions: {
      *d_move(k: VfsKernel, dentry: Dentry, target: Dentry): Task<void> {
        yield* spin_lock(dentry.d_lockref);
        yield* spin_lock(target.d_lockref);
        yield* spin_unlock(target.d_lockref);
        yield* spin_unlock(dentry.d_lockref);
        yield* k.d_drop(target);
      },
    },
    title: /^invariant: the lock order is kept$|^WARNING: possible/,
    on: onTree(
      function* (t) {
        const a = yield* add(t, t.root, 'a', FILE);
        return { a, target: yield* add(t, t.root, 'b', FILE) };
      },
      [(t, { a, target }) => t.k.d_move(a, target)],
    ),
  },
  {
    id: 34,
    what: 'd_fits_locked looks at nothing',
    functions: {
      d_fits_locked: answers(true),
    },
    on: onTree(
      function* (t) {
        const dir = yield* add(t, t.root, 'dir', DIR);
        return yield* add(t, dir, 'a', FILE);
      },
      [look_up_a],
    ),
  },
  {
    id: 35,
    what: '__d_find_any_alias finds none',
    functions: {
      __d_find_any_alias: answers(null),
    },
    on: onTree(
      function* (t) {
        const dir = yield* add(t, t.root, 'dir', DIR);
        const inode = dir.d_inode.value as Inode;
        yield* t.k.ihold(inode);
        return inode;
      },
      [
        function* (t, inode) {
          yield* t.k.d_obtain_alias(inode);
        },
      ],
    ),
  },
  {
    id: 36,
    what: '__d_rehash hashes twice',
    functions: {
      *__d_rehash(k: VfsKernel, dentry: Dentry): Task<void> {
        yield* real.__d_rehash(k, dentry);
        yield* real.__d_rehash(k, dentry);
      },
    },
    on: onTree(nothing, [
      function* (t) {
        yield* add(t, t.root, 'a', null);
      },
    ]),
  },
  {
    id: 37,
    what: 'evict takes a reference',
    functions: {
      *evict(k: VfsKernel, inode: Inode): Task<void> {
        yield* atomic_fetch_add(inode.i_count, 1);
        yield* vfs_functions.evict(k, inode);
      },
    },
    on: onKernel(function* (k, sb) {
      yield* k.iput(yield* k.new_inode(sb));
    }),
  },
  {
    id: 38,
    what: 'clear_inode clears I_FREEING too',
    functions: {
      *clear_inode(_k: VfsKernel, inode: Inode): Task<void> {
        yield* WRITE_ONCE(inode.i_state, I_CLEAR);
      },
    },
    on: onKernel(function* (k, sb) {
      yield* k.iput(yield* k.new_inode(sb));
    }),
  },
  {
    id: 39,
    what: 'inode_sb_list_del forgets',
    functions: { inode_sb_list_del: forget },
    on: onKernel(function* (k, sb) {
      yield* k.iput(yield* k.new_inode(sb));
    }),
  },
  {
    id: 40,
    what: 'ihold takes no reference',
    functions: { ihold: forget },
    on: onTree(
      function* (t) {
        return {
          inode: yield* new_inode(t, FILE),
          a: (yield* t.k.d_alloc(t.root, 'a'))!,
          b: (yield* t.k.d_alloc(t.root, 'b'))!,
        };
      },
      [
        function* (t, { inode, a, b }) {
          yield* t.k.d_add(a, inode);
          yield* t.k.ihold(inode);
          yield* t.k.d_add(b, inode);
        },
      ],
    ),
  },
  {
    id: 41,
    what: 'find_inode_fast finds none',
    functions: {
      find_inode_fast: answers(null),
    },
    on: onKernel(function* (k, sb) {
      const first = (yield* k.iget_locked(sb, 7))!;
      yield* k.unlock_new_inode(first);
      const second = (yield* k.iget_locked(sb, 7))!;
      if (second !== first) yield* k.unlock_new_inode(second);
    }),
  },
  {
    id: 42,
    what: 'unlock_new_inode leaves it new',
    title: /^WARNING: last reference of a new inode dropped in iput_final$/,
    functions: { unlock_new_inode: forget },
    on: onKernel(function* (k, sb) {
      const inode = (yield* k.iget_locked(sb, 7))!;
      yield* k.unlock_new_inode(inode);
      yield* k.iput(inode);
    }),
  },
  {
    id: 43,
    what: 'inode_generic_drop keeps all',
    functions: {
      inode_generic_drop: answers(false),
    },
    on: onKernel(function* (k, sb) {
      const inode = (yield* k.iget_locked(sb, 7))!;
      yield* k.unlock_new_inode(inode);
      yield* k.clear_nlink(inode);
      yield* k.iput(inode);
    }),
  },
  {
    id: 44,
    what: 'alloc_ns gives every namespace one number',
    functions: {
      *alloc_ns(k: VfsKernel, handles: Handles): Task<StashedObject> {
        const ns = (yield* kmem_cache_alloc(k.ns_cache, handles))!;
        yield* cmpxchg(ns.ino, 0, 0xf0000000);
        return ns;
      },
    },
    on: (functions) => ({
      name: 'namespaces',
      branches: [],
      build(machineOptions) {
        const machine = new Machine(machineOptions);
        const k = create_kernel(machine, { functions });
        const handles = machine.global(new Handles(), 'handles');
        machine.addTask({ name: 't' }, function* () {
          const first = (yield* k.alloc_ns(handles))!;
          const second = (yield* k.alloc_ns(handles))!;
          yield* k.put_ns(first);
          yield* k.put_ns(second);
        });
        return { machine, atEnd: () => undefined };
      },
    }),
  },
  {
    id: 45,
    what: 'prepare_anon_dentry names no stash',
    title: /^WARNING: (dentry of another stash|stashed dentry without a stash)/,
    functions: {
      *prepare_anon_dentry(k: VfsKernel, stash: Stash, sb: SuperBlock, data: StashedObject) {
        const dentry = yield* vfs_functions.prepare_anon_dentry(k, stash, sb, data);
        yield* write<unknown>((dentry as Dentry).d_fsdata, null);
        return dentry;
      },
    },
    on: onStash('close-vs-open'),
  },
  ...[46, 48].map((id) => ({
    id,
    what: 'd_prune never clears the stash',
    title: /^KASAN: slab-use-after-free/,
    functions: { stashed_dentry_prune: forget },
    on: onStash('close-vs-open'),
  })),
  ...[47, 53].map((id) => ({
    id,
    what: 'stashed_dentry_get finds none, stash_dentry stores',
    title: ONE_LIVE,
    functions: {
      stashed_dentry_get: answers(null),
      *stash_dentry(_k: VfsKernel, stash: Stash, dentry: Dentry): Task<Dentry> {
        yield* WRITE_ONCE(stash, dentry);
        return dentry;
      },
    },
    on: onStash('open-vs-reopen'),
  })),
  {
    id: 49,
    what: 'stash_dentry overwrites whoever is there',
    title: ONE_LIVE,
    functions: {
      *stash_dentry(_k: VfsKernel, stash: Stash, dentry: Dentry): Task<Dentry> {
        yield* WRITE_ONCE(stash, dentry);
        return dentry;
      },
    },
    on: onStash('open-vs-reopen'),
  },
  {
    id: 50,
    what: 'stashed_dentry_get takes no reference',
    title: /^invariant: an open handle holds a reference$/,
    functions: {
      *stashed_dentry_get(k: VfsKernel, stash: Stash): Task<Dentry | null> {
        yield* k.rcu_read_lock();
        const dentry = yield* k.rcu_dereference(stash);
        yield* k.rcu_read_unlock();
        return dentry;
      },
    },
    on: onStash('open-vs-reopen'),
  },
  {
    id: 51,
    what: 'put_ns never puts',
    title: /^invariant: references are balanced$/,
    functions: { put_ns: forget },
    on: onStash('close-vs-open'),
  },
  {
    id: 52,
    what: 'get_data takes no reference',
    title: /^KASAN: slab-use-after-free|^refcount_t: underflow|^KASAN: double-free/,
    functions: { get_data: forget },
    on: onStash('open-reap-close'),
  },
  {
    id: 54,
    what: 'the loser is never dropped',
    title: /^memory leak: dentry$/,
    also: AT_REST,
    functions: { path_from_new_dentry: without_dput },
    on: onStash('open-vs-reopen'),
  },
  {
    id: 55,
    what: 'stash_dentry waits for an empty stash',
    title: /^INFO: task hung in /,
    functions: {
      *stash_dentry(_k: VfsKernel, stash: Stash, dentry: Dentry): Task<Dentry> {
        while ((yield* cmpxchg(stash, null, dentry)) !== null) yield* cpu_relax();
        return dentry;
      },
    },
    on: onStash('open-vs-reopen'),
  },
  {
    id: 56,
    what: 'stashed_dentry_get sleeps inside its reader',
    title: /^BUG: sleeping function called from invalid context/,
    functions: {
      *stashed_dentry_get(k: VfsKernel): Task<null> {
        yield* k.rcu_read_lock();
        yield* might_sleep('stashed_dentry_get');
        yield* k.rcu_read_unlock();
        return null;
      },
    },
    on: onStash('close-vs-open'),
  },
  {
    id: 57,
    what: 'd_prune never clears the stash of a process',
    title: /^WARNING: pid freed with a stashed dentry/,
    functions: { stashed_dentry_prune: forget },
    on: onStash('open-reap-close', { fs: 'pidfs' }),
  },
  {
    id: 58,
    what: 'prepare_anon_dentry keeps the reference when it fails',
    title: /^invariant: references are balanced$/,
    functions: {
      *prepare_anon_dentry(k: VfsKernel, stash: Stash, sb: SuperBlock, data: StashedObject) {
        const inode = yield* k.new_inode_pseudo(sb);
        if (inode === null) return ERR_PTR(-E.ENOMEM);
        yield* sb.s_fs_info.init_inode(k as never, inode, data);
        const dentry = yield* k.d_alloc_anon(sb);
        if (dentry === null) {
          yield* k.iput(inode);
          return ERR_PTR(-E.ENOMEM);
        }
        yield* write<unknown>(dentry.d_fsdata, stash);
        yield* k.d_instantiate(dentry, inode);
        return dentry;
      },
    },
    on: onStash('close-vs-open', { failAlloc: true }),
  },
  {
    id: 62,
    what: 'mntput gives nothing back',
    functions: { mntput: forget },
    on: onFs(['mkdir', '/d'], ['stat', '/d'], ['chdir', '/d']),
  },
  {
    id: 59,
    what: 'pidfs_exit marks every process as one that nobody asked for',
    functions: {
      *pidfs_exit(_k: FsKernel, task: TaskStruct): Task<void> {
        const pid = (yield* READ_ONCE(task.thread_pid))!;
        yield* WRITE_ONCE<unknown>(pid.attr, ERR_PTR(-E.ESRCH));
      },
    },
    on: onFs(['clone'], ['pidfdOpen', 2], ['kill', 2, 9], ['wait4']),
  },
  {
    id: 60,
    what: 'nsfs_init_inode is no user of the namespace',
    also: /^WARNING: namespace used by less than nobody/,
    functions: {
      *nsfs_init_inode(k: FsKernel, inode: Inode, ns: NsCommon): Task<number> {
        yield* write<unknown>(inode.i_private, ns);
        yield* k.fill_inode(inode, yield* k.ino_of(ns), 0o100444);
        return 0;
      },
    },
    on: onFs(
      ['clone', CLONE.NEWNET],
      ['pidfdOpen', 2],
      ['ioctl', 0, PIDFD_GET.NET_NAMESPACE],
      ['kill', 2, 9],
      ['wait4'],
    ),
  },
  {
    id: 63,
    what: 'sys_stat gives up as a lockless walk does',
    functions: {
      sys_stat: answers(-E.ECHILD),
    },
    on: onFs(['stat', '/'], ['wait4']),
  },
  {
    id: 63,
    what: 'sys_mkdir says that a name is stale',
    functions: {
      sys_mkdir: answers(-E.ESTALE),
    },
    on: onFs(['mkdir', '/d']),
  },
  {
    id: 64,
    what: '__fput drops the dentry twice',
    title: /^invariant: a (lockless walk leaks no reference|file holds one dentry)/,
    functions: {
      *do_dentry_open(k: FsKernel, ...args: never[]): Task<void> {
        yield* (fs_functions.do_dentry_open as KernelFunction)(k as never, ...args);
        yield* k.dput(args[2]);
      },
    },
    on: onFs(['open', '/a', O_CREAT], ['open', '/a', 0]),
  },
  {
    id: 65,
    what: 'do_dentry_open lets the dentry go',
    also: /^invariant: |^KASAN/,
    functions: {
      *do_dentry_open(k: FsKernel, ...args: never[]): Task<void> {
        yield* (fs_functions.do_dentry_open as KernelFunction)(k as never, ...args);
        yield* k.dput(args[2]);
      },
    },
    on: onFs(['open', '/a', O_CREAT], ['unlink', '/a']),
  },
  {
    id: 61,
    what: 'the loser is never dropped',
    also: AT_REST,
    functions: { path_from_new_dentry: without_dput },
    on: onStash('open-vs-reopen'),
  },
];
