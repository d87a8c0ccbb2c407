/** Where v6.9 and v7.3 differ: the same tasks, another outcome. docs/fidelity.md has a line for each. */

import { describe, expect, test } from 'vitest';
import {
  DCACHE,
  DCACHE_TREE_BRANCHES,
  dcache_functions,
  type Dentry,
} from '../../src/dcache/index.js';
import { explore } from '../../src/explore/index.js';
import { count_of } from '../../src/lockref/index.js';
import {
  KIND,
  MisuseError,
  spin_lock,
  spin_unlock,
  WARN,
  type Task,
} from '../../src/machine/index.js';
import type { Inode, Version } from '../../src/vfs/index.js';
import {
  add,
  alone,
  check,
  DIR,
  FILE,
  new_inode,
  program,
  tree,
  type SetUp,
  type TaskBody,
  type Tree,
  type TreeOptions,
} from './tree.js';

const VERSIONS: readonly Version[] = ['v6.9', 'v7.3'];

/** What a function answers in each version. */
function each<T>(body: (version: Version) => T): Record<Version, T> {
  const [old, newest] = VERSIONS.map(body);
  return { 'v6.9': old, 'v7.3': newest };
}

/** Titles of what is found, sorted. */
function found<W>(
  version: Version,
  setUp: SetUp<W>,
  tasks: readonly TaskBody<W>[],
  options: TreeOptions = {},
): string[] {
  const result = check(setUp, tasks, undefined, { version, dhash_entries: 2, ...options });
  expect(result.reason).toBeNull();
  return result.bugs.map(({ title }) => title.replace(/ in \w+$/, '')).sort();
}

/** Branches that some interleaving takes, of this kernel function. */
function taken<W>(
  version: Version,
  fn: string,
  setUp: SetUp<W>,
  tasks: readonly TaskBody<W>[],
): string[] {
  const seen = explore(program({ version, dhash_entries: 2 }, setUp, tasks, DCACHE_TREE_BRANCHES), {
    keepGoing: true,
  });
  expect(seen.complete).toBe(true);
  return seen.taken.filter((branch) => branch.fn === fn).map(({ what }) => what);
}

const thrown = (body: () => unknown): string | null => {
  try {
    body();
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(MisuseError);
    return (error as Error).message;
  }
};

function* unhashed(t: Tree): Task<Dentry> {
  return (yield* t.k.d_alloc(t.root, 'a'))!;
}

describe('killing', () => {
  test('v7.3 has one function that locks and kills; v6.9 locks in dput', () => {
    const dentry_kill = function* (k: Tree['k'], dentry: Dentry): Task<Dentry | null> {
      yield* WARN('dentry_kill is called');
      return yield* dcache_functions.dentry_kill(k, dentry);
    };
    const tasks = [(t: Tree, dentry: Dentry) => t.k.dput(dentry)];
    expect(
      each((version) => found(version, unhashed, tasks, { functions: { dentry_kill } })),
    ).toEqual({ 'v6.9': [], 'v7.3': ['dentry_kill is called'] });
  });

  test('v7.3 leaves its reader once it has d_lock; v6.9 after i_lock', () => {
    const order = (version: Version): string[] => {
      const t = tree({ version });
      const dentry = alone(t, () => add(t, t.root, 'a', FILE));
      const steps: string[] = [];
      t.machine.observer = {
        operation: (_task, _node, op) => {
          if (op.kind === KIND.sectionExit) steps.push('rcu_read_unlock');
          if (op.kind === KIND.lock && op.cell === dentry.d_lockref) steps.push('d_lock');
          if (op.kind === KIND.trylock) steps.push('i_lock');
        },
      };
      alone(t, function* () {
        yield* t.k.d_drop(dentry);
        steps.length = 0;
        yield* t.k.dput(dentry);
      });
      return steps.slice(0, 3);
    };
    expect(each(order)).toEqual({
      'v6.9': ['d_lock', 'i_lock', 'rcu_read_unlock'],
      'v7.3': ['d_lock', 'rcu_read_unlock', 'i_lock'],
    });
  });

  test('who finds a dying dentry leaves a completion in v7.3, and none in v6.9', () => {
    const completions = (version: Version): boolean => {
      let some = false;
      const result = check(
        (t) => add(t, t.root, 'a', null),
        [
          function* (t, dentry) {
            yield* t.k.d_drop(dentry);
            yield* t.k.dput(dentry);
          },
          (t) => t.k.shrink_dcache_parent(t.root),
        ],
        (t) => {
          some ||= t.machine.allocated.some(({ kind }) => kind === 'completion');
        },
        { version, dhash_entries: 2 },
      );
      expect(result.bugs).toEqual([]);
      return some;
    };
    expect(each(completions)).toEqual({ 'v6.9': false, 'v7.3': true });
  });
});

describe('pins of filesystems without a disk', () => {
  const pinned: SetUp<Dentry> = function* (t) {
    const dentry = (yield* t.k.d_alloc(t.root, 'a'))!;
    yield* t.k.d_make_persistent(dentry, yield* new_inode(t, FILE));
    yield* t.k.dput(dentry);
    return dentry;
  };

  test('umount knows them in v7.3; in v6.9 they are references like others', () => {
    const umount = [(t: Tree) => t.k.shrink_dcache_for_umount(t.sb)];
    expect(each((version) => found(version, pinned, umount))).toEqual({
      'v6.9': ['BUG: Dentry still in use at unmount'],
      'v7.3': [],
    });
  });

  test('d_genocide takes them away in v6.9, and is gone in v7.3', () => {
    const umount = (version: Version): string | null =>
      thrown(() =>
        expect(
          found(version, pinned, [
            function* (t) {
              yield* t.k.d_genocide(t.root);
              yield* t.k.shrink_dcache_for_umount(t.sb);
            },
          ]),
        ).toEqual([]),
      );
    expect(umount('v6.9')).toBeNull();
    expect(umount('v7.3')).toMatch('d_genocide is gone');
  });

  test('a tmpfs unmounts in both', () => {
    expect(each((version) => found(version, pinned, [(t) => t.k.shmem_kill_sb(t.sb)]))).toEqual({
      'v6.9': [],
      'v7.3': [],
    });
  });
});

describe('roots of disconnected trees', () => {
  const root: SetUp<Dentry> = function* (t) {
    return (yield* t.k.d_obtain_root(yield* new_inode(t, DIR))) as Dentry;
  };

  test('look hashed in v6.9, so an unused one stays; in v7.3 it goes', () => {
    const left = (version: Version): unknown => {
      const t = tree({ version });
      const dentry = alone(t, () => root(t));
      const hashed = !alone(t, () => t.k.d_unhashed(dentry));
      alone(t, () => t.k.dput(dentry));
      return { hashed, count: count_of(dentry.d_lockref.value) };
    };
    expect(each(left)).toEqual({
      'v6.9': { hashed: true, count: 0 },
      'v7.3': { hashed: false, count: -128 },
    });
  });

  test('are spliced, and gone after umount, in both', () => {
    const tasks: TaskBody<Dentry>[] = [
      function* (t, dentry) {
        const place = (yield* t.k.d_alloc(t.root, 'here'))!;
        const inode = dentry.d_inode.value as Inode;
        yield* t.k.ihold(inode);
        const spliced = yield* t.k.d_splice_alias(inode, place);
        if (spliced !== dentry) yield* WARN('another alias');
        yield* t.k.dput(spliced as Dentry);
        yield* t.k.dput(place);
        yield* t.k.dput(dentry);
        yield* t.k.dput((yield* t.k.d_obtain_root(yield* new_inode(t, DIR))) as Dentry);
        yield* t.k.shrink_dcache_for_umount(t.sb);
      },
    ];
    expect(each((version) => found(version, root, tasks))).toEqual({ 'v6.9': [], 'v7.3': [] });
  });
});

describe('parallel look-up', () => {
  test('takes a queue in v6.9, and none in v7.3', () => {
    const lookup = (version: Version): string | null =>
      thrown(() => {
        const t = tree({ version });
        alone(t, () => t.k.d_alloc_parallel(t.root, 'a', null));
      });
    expect(lookup('v6.9')).toMatch('d_alloc_parallel of v6.9 needs a queue');
    expect(lookup('v7.3')).toBeNull();
  });

  test('marks its dentry before it is a child in v7.3, and later in v6.9', () => {
    const marked = (version: Version): boolean => {
      const t = tree({ version });
      const dentry = alone(t, () => t.k.d_alloc_in_lookup(t.root, 'a'))!;
      return (dentry.d_flags.value & DCACHE.PAR_LOOKUP) !== 0;
    };
    expect(each(marked)).toEqual({ 'v6.9': false, 'v7.3': true });
  });
});

describe('operations of one dentry', () => {
  const d_delete = function* (): Task<boolean> {
    yield* [];
    return true;
  };
  const put = function* (t: Tree): Task<Dentry> {
    Object.defineProperty(t.sb, 's_own_d_op', { value: true });
    const dentry = (yield* t.k.d_alloc(t.root, 'a'))!;
    yield* t.k.d_set_d_op(dentry, { d_delete });
    yield* t.k.d_add(dentry, null);
    yield* t.k.dput(dentry);
    return dentry;
  };

  test('d_set_d_op is there in v6.9, and private in v7.3', () => {
    const t = tree({ version: 'v6.9' });
    // Hashed, and all the same not kept: its own d_delete says so.
    expect(count_of(alone(t, () => put(t)).d_lockref.value)).toBe(-128);
    const newest = tree({ version: 'v7.3' });
    expect(() => alone(newest, () => put(newest))).toThrow('d_set_d_op is private');
  });

  test('a super block must say that it has them, and a dentry gets them once', () => {
    const t = tree({ version: 'v6.9' });
    const dentry = alone(t, () => unhashed(t));
    expect(() => alone(t, () => t.k.d_set_d_op(dentry, {}))).toThrow('say s_own_d_op: true');
    const twice = function* (s: Tree): Task<void> {
      Object.defineProperty(s.sb, 's_own_d_op', { value: true });
      const fresh = yield* unhashed(s);
      yield* s.k.d_set_d_op(fresh, { d_delete });
      yield* s.k.d_set_d_op(fresh, { d_delete });
      yield* s.k.dput(fresh);
    };
    expect(
      found(
        'v6.9',
        function* () {
          yield* [];
          return null;
        },
        [twice],
      ),
    ).toEqual(['WARNING: d_set_d_op of a dentry that has operations']);
  });
});

describe('d_exact_alias', () => {
  const renamed: SetUp<{ alias: Dentry; fresh: Dentry }> = function* (t) {
    const alias = yield* add(t, t.root, 'a', FILE);
    yield* t.k.d_drop(alias);
    return { alias, fresh: (yield* t.k.d_alloc(t.root, 'a'))! };
  };

  test('hashes an alias again in v6.9, and is gone in v7.3', () => {
    const t = tree({ version: 'v6.9' });
    const { alias, fresh } = alone(t, () => renamed(t));
    const inode = alias.d_inode.value as Inode;
    expect(alone(t, () => t.k.d_exact_alias(fresh, inode))).toBe(alias);
    expect(alone(t, () => t.k.d_lookup(t.root, 'a'))).toBe(alias);
    // It is hashed now.
    expect(alone(t, () => t.k.d_exact_alias(fresh, inode))).toBeNull();
    const newest = tree({ version: 'v7.3' });
    const now = alone(newest, () => renamed(newest));
    expect(() =>
      alone(newest, () => newest.k.d_exact_alias(now.fresh, now.alias.d_inode.value!)),
    ).toThrow('d_exact_alias is gone');
  });
});

test('a snapshot of a name takes d_lock in v6.9, and no lock in v7.3', () => {
  const tasks: TaskBody<Dentry>[] = [
    function* (t, dentry) {
      yield* spin_lock(dentry.d_lockref);
      yield* t.k.release_dentry_name_snapshot(yield* t.k.take_dentry_name_snapshot(dentry));
      yield* spin_unlock(dentry.d_lockref);
      yield* t.k.dput(dentry);
    },
  ];
  const titles = each((version) => found(version, unhashed, tasks));
  expect(titles['v7.3']).toEqual([]);
  expect(titles['v6.9']).toContainEqual(expect.stringMatching(/recursive locking/));
});

test('is_subdir beside a rename: v6.9 tries again and again, v7.3 once and then locks', () => {
  const setUp: SetUp<{ a: Dentry; b: Dentry }> = function* (t) {
    return { a: yield* add(t, t.root, 'a', FILE), b: yield* add(t, t.root, 'b', null) };
  };
  const tasks: TaskBody<{ a: Dentry; b: Dentry }>[] = [
    (t, { a, b }) => t.k.d_move(a, b),
    function* (t, { a }) {
      if (!(yield* t.k.is_subdir(a, t.root))) yield* WARN('not below the root');
    },
  ];
  expect(each((version) => taken(version, 'is_subdir', setUp, tasks))).toEqual({
    'v6.9': ['tries again without rename_lock'],
    'v7.3': ['tries again under rename_lock'],
  });
});

test('an unused alias that is freed at once: v6.9 takes it and it is gone, v7.3 leaves it', () => {
  const setUp: SetUp<{ alias: Dentry; inode: Inode }> = function* (t) {
    const alias = (yield* t.k.d_alloc_pseudo(t.sb, 'pipe'))!;
    const inode = yield* new_inode(t, FILE);
    yield* t.k.ihold(inode);
    yield* t.k.d_instantiate(alias, inode);
    return { alias, inode };
  };
  const tasks: TaskBody<{ alias: Dentry; inode: Inode }>[] = [
    (t, { alias }) => t.k.dput(alias),
    function* (t, { inode }) {
      yield* t.k.dput(yield* t.k.d_find_any_alias(inode));
      yield* t.k.iput(inode);
    },
  ];
  const titles = each((version) => found(version, setUp, tasks));
  expect(titles['v7.3']).toEqual([]);
  expect(titles['v6.9']).toContainEqual(expect.stringMatching(/^KASAN: slab-use-after-free/));
});

test('dentry_negative: no negative dentry is left in v7.3; v6.9 has no such option', () => {
  const left = (dentry_negative: boolean): boolean => {
    const t = tree({ version: 'v7.3', dentry_negative });
    const dentry = alone(t, () => add(t, t.root, 'a', FILE));
    alone(t, () => t.k.d_delete(dentry));
    return dentry.d_hash_pprev.value !== null;
  };
  expect([left(false), left(true)]).toEqual([true, false]);
  expect(() => tree({ version: 'v6.9', dentry_negative: true })).toThrow('v6.9 has no');
});

test('inode numbers: 32 bits on a 32-bit v6.9, 64 bits everywhere else', () => {
  const same = (version: Version, bits_per_long: 32 | 64): boolean => {
    const t = tree({ version, bits_per_long });
    const get = function* (ino: number): Task<Inode> {
      const inode = (yield* t.k.iget_locked(t.sb, ino))!;
      if ((inode.i_state.value & 1) !== 0) yield* t.k.unlock_new_inode(inode);
      return inode;
    };
    return alone(t, () => get(7)) === alone(t, () => get(2 ** 32 + 7));
  };
  expect(each((version) => [same(version, 32), same(version, 64)])).toEqual({
    'v6.9': [true, false],
    'v7.3': [false, false],
  });
});
