/**
 * Pairs and triples of tasks on one tree, in every interleaving; and every branch that kernel code
 * of the dcache reports is taken by one of them, or is named here with the reason why it is not.
 */
import { afterAll, describe, expect, test } from 'vitest';
import {
  DCACHE_BRANCHES,
  DCACHE_TREE_BRANCHES,
  full_name_hash,
  type Dentry,
} from '../../src/dcache/index.js';
import { explore } from '../../src/explore/index.js';
import { E, read, READ_ONCE, WARN, WRITE_ONCE, type Task } from '../../src/machine/index.js';
import type { Inode } from '../../src/vfs/index.js';
import {
  add,
  add_unused,
  DIR,
  FILE,
  new_inode,
  program,
  type SetUp,
  type TaskBody,
  type Tree,
  type TreeOptions,
} from './tree.js';

const ALL = [...DCACHE_BRANCHES, ...DCACHE_TREE_BRANCHES];
const nameOf = ({ fn, what }: { fn: string; what: string }): string => `${fn}: ${what}`;
const taken = new Set<string>();

function holds<W>(
  setUp: SetUp<W>,
  tasks: readonly TaskBody<W>[],
  options: TreeOptions = {},
  atEnd?: (t: Tree, world: W) => void,
): void {
  const p = program({ dhash_entries: 2, ...options }, setUp, tasks, ALL, atEnd);
  const result = explore(p, { keepGoing: true, minimise: false, budget: { states: 60_000 } });
  for (const branch of result.taken) taken.add(nameOf(branch));
  expect(result.bugs.map(({ title, detail }) => `${title}: ${detail}`)).toEqual([]);
  expect(result.reason).toBe(null);
}

const a_used: SetUp<Dentry> = (t) => add(t, t.root, 'a', FILE);
const a_unused: SetUp<Dentry> = (t) => add_unused(t, t.root, 'a', FILE);
const put: TaskBody<Dentry> = (t, a) => t.k.dput(a);
function look_up(name: string): TaskBody<unknown> {
  return function* (t) {
    yield* t.k.dput(yield* t.k.d_lookup(t.root, name));
  };
}
function* parallel(t: Tree, inode: Inode | null = null): Task<void> {
  const wq = yield* t.k.lookup_wait_queue();
  const dentry = (yield* t.k.d_alloc_parallel(t.root, 'x', wq))!;
  if (yield* t.k.d_in_lookup(dentry)) {
    yield* t.k.d_add(dentry, inode);
    yield* t.k.d_lookup_done(dentry);
  }
  yield* t.k.dput(dentry);
}
function* nothing(): Task<null> {
  yield* [];
  return null;
}

describe.each(['v6.9', 'v7.3'] as const)('%s', (version) => {
  const V: TreeOptions = { version };

  test('umount beside the last dput: busy or not, nothing is freed twice', () => {
    const p = program(
      { ...V, dhash_entries: 2 },
      a_used,
      [put, (t) => t.k.shrink_dcache_for_umount(t.sb)],
      ALL,
    );
    const result = explore(p, { keepGoing: true, minimise: false, budget: { states: 60_000 } });
    for (const branch of result.taken) taken.add(nameOf(branch));
    expect(result.complete).toBe(true);
    // Whoever still holds it is told apart; and that is all.
    for (const { title } of result.bugs) expect(title).toMatch(/^BUG: Dentry still in use/);
    expect(result.bugs.length).toBeGreaterThan(0);
  });

  test('an exchange beside look-ups of both names: each finds one of the two', () => {
    holds(
      function* (t) {
        return { a: yield* add(t, t.root, 'a', FILE), b: yield* add(t, t.root, 'b', FILE) };
      },
      [
        (t, { a, b }) => t.k.d_exchange(a, b),
        function* (t, { a, b }) {
          const found = yield* t.k.d_lookup(t.root, 'a');
          if (found !== a && found !== b) yield* WARN('invariant: a name that is there is found');
          yield* t.k.dput(found);
        },
      ],
      V,
    );
  });

  test('of two that look one name up one asks, or gives up, and the other goes on', () => {
    holds(nothing, [(t) => parallel(t), (t) => parallel(t)], V);
    holds(
      nothing,
      [
        (t) => parallel(t),
        function* (t) {
          const wq = yield* t.k.lookup_wait_queue();
          const dentry = (yield* t.k.d_alloc_parallel(t.root, 'x', wq))!;
          yield* t.k.d_lookup_done(dentry);
          yield* t.k.dput(dentry);
        },
      ],
      V,
    );
  });

  test('three look one name up: within one preemption nothing is lost', () => {
    const three = [0, 1, 2].map((): TaskBody<null> => (t) => parallel(t));
    const p = program({ ...V, dhash_entries: 2 }, nothing, three, ALL);
    const result = explore(p, {
      engine: 'bounded',
      preemptions: 1,
      minimise: false,
      budget: { states: 60_000 },
    });
    for (const branch of result.taken) taken.add(nameOf(branch));
    expect(result.bugs.map(({ title }) => title)).toEqual([]);
    expect(result.executions).toBeGreaterThan(0);
  });

  test('the shrinker beside a last dput and a look-up', () => {
    holds(
      a_used,
      [
        put,
        look_up('a'),
        function* (t) {
          yield* t.k.prune_dcache_sb(t.sb, 2);
        },
      ],
      V,
    );
  });

  test('an invalidation beside an add', () => {
    holds(
      function* (t) {
        const dir = yield* add(t, t.root, 'd', DIR);
        const a = (yield* t.k.d_alloc(dir, 'a'))!;
        return { dir, a, inode: yield* new_inode(t, FILE) };
      },
      [
        (t, { dir }) => t.k.d_invalidate(dir),
        function* (t, { a, inode }) {
          yield* t.k.d_add(a, inode);
          yield* t.k.dput(a);
        },
      ],
      V,
    );
  });

  test('a directory that has an alias is spliced while that one is put', () => {
    holds(
      function* (t) {
        const dir = yield* add(t, t.root, 'old', DIR);
        const place = (yield* t.k.d_alloc(t.root, 'new'))!;
        const inode = dir.d_inode.value as Inode;
        yield* t.k.ihold(inode);
        return { dir, place, inode };
      },
      [
        function* (t, { place, inode }) {
          const alias = yield* t.k.d_splice_alias(inode, place);
          yield* t.k.dput(alias as Dentry | null);
          yield* t.k.dput(place);
        },
        (t, { dir }) => t.k.dput(dir),
      ],
      V,
    );
  });

  test('a walk with a rename in between starts again', () => {
    holds(
      function* (t) {
        const dir = yield* add(t, t.root, 'd', DIR);
        const a = yield* add(t, dir, 'a', FILE);
        yield* add_unused(t, dir, 'b', null);
        return { a, target: (yield* t.k.d_alloc(t.root, 't'))! };
      },
      [(t) => t.k.shrink_dcache_parent(t.root), (t, { a, target }) => t.k.d_move(a, target)],
      V,
    );
    expect(taken).toContain('d_walk: starts again with rename_lock held');
  });

  test('a long name is kept by its snapshot, whatever is renamed', () => {
    const long = 'x'.repeat(40);
    holds(
      function* (t) {
        const a = yield* add(t, t.root, long, FILE);
        return { a, target: (yield* t.k.d_alloc(t.root, `${long}y`))! };
      },
      [
        function* (t, { a }) {
          const name = yield* t.k.take_dentry_name_snapshot(a);
          yield* t.k.release_dentry_name_snapshot(name);
        },
        (t, { a, target }) => t.k.d_move(a, target),
      ],
      V,
    );
  });

  test('a walk passes by a directory that dies as it comes up from it', () => {
    holds(
      function* (t) {
        const dir = yield* add(t, t.root, 'd', DIR);
        const x = yield* add(t, dir, 'x', null);
        yield* t.k.d_drop(dir);
        yield* t.k.dput(dir);
        yield* t.k.d_drop(x);
        return x;
      },
      [(t) => t.k.shrink_dcache_parent(t.root), put],
      V,
    );
  });

  test('two puts of one dentry, one unlinks it', () => {
    holds(
      function* (t) {
        const a = yield* add(t, t.root, 'a', FILE);
        yield* t.k.dget(a);
        return a;
      },
      [
        put,
        function* (t, a) {
          yield* t.k.d_delete(a);
          yield* t.k.dput(a);
        },
      ],
      V,
    );
  });

  test('two walks and the shrinker on one tree: who is late waits for who kills', () => {
    holds(
      function* (t) {
        yield* add_unused(t, t.root, 'a', null);
      },
      [
        (t) => t.k.shrink_dcache_parent(t.root),
        function* (t) {
          yield* t.k.prune_dcache_sb(t.sb, 2);
        },
      ],
      V,
    );
    holds(
      function* (t) {
        yield* add_unused(t, t.root, 'a', FILE);
      },
      [
        function* (t) {
          yield* t.k.prune_dcache_sb(t.sb, 2);
        },
        look_up('a'),
      ],
      V,
    );
  });

  test('a look-up under RCU beside a rename, a drop and another name of the chain', () => {
    const walk: TaskBody<unknown> = function* (t) {
      yield* t.k.rcu_read_lock();
      yield* t.k.__d_lookup_rcu(t.root, 'a');
      yield* t.k.rcu_read_unlock();
    };
    holds(
      function* (t) {
        const names = ['c', 'd', 'e', 'f', 'g', 'h'];
        const same = names.find((n) => full_name_hash(n) % 2 === full_name_hash('a') % 2)!;
        const dir = yield* add(t, t.root, 'd0', DIR);
        const a = yield* add(t, t.root, 'a', FILE);
        yield* add(t, dir, 'a', FILE);
        yield* add(t, t.root, same, FILE);
        return a;
      },
      [walk, (t, a) => t.k.d_drop(a)],
      V,
    );
  });

  test('d_alloc_parallel beside a rename, an unlink, and an add to the directory', () => {
    const first: TaskBody<unknown> = (t) => parallel(t);
    holds(
      function* (t) {
        const x = yield* add(t, t.root, 'x', FILE);
        return { x, target: (yield* t.k.d_alloc(t.root, 'y'))! };
      },
      [first, (t, { x, target }) => t.k.d_move(x, target)],
      V,
    );
    holds(
      (t) => add(t, t.root, 'x', FILE),
      [
        first,
        function* (t, x) {
          yield* t.k.d_drop(x);
          yield* t.k.dput(x);
        },
      ],
      V,
    );
  });

  test('of two that obtain an alias one may lose', () => {
    const obtain: TaskBody<Inode> = function* (t, inode) {
      yield* t.k.ihold(inode);
      yield* t.k.dput((yield* t.k.d_obtain_alias(inode)) as Dentry);
    };
    holds((t) => new_inode(t, DIR), [obtain, obtain], V);
  });

  test('dget_parent and is_subdir beside a rename into another directory', () => {
    holds(
      function* (t) {
        const dir = yield* add(t, t.root, 'd', DIR);
        const a = yield* add(t, t.root, 'a', FILE);
        return { a, target: (yield* t.k.d_alloc(dir, 'b'))! };
      },
      [
        function* (t, { a }) {
          yield* t.k.dput(yield* t.k.dget_parent(a));
          if (!(yield* t.k.is_subdir(a, t.root))) yield* WARN('invariant: always below the root');
        },
        (t, { a, target }) => t.k.d_move(a, target),
      ],
      V,
    );
  });

  test('alone: what takes one task only', () => {
    const alone: TaskBody<null>[] = [
      function* (t) {
        const dir = yield* add(t, t.root, 'd', DIR);
        const other = yield* add(t, t.root, 'o', DIR);
        const below = yield* add(t, dir, 'b', DIR);
        yield* t.k.d_set_mounted(below);
        if ((yield* t.k.d_set_mounted(below)) !== -E.EBUSY) yield* WARN('mounted twice');
        const place = (yield* t.k.d_alloc(below, 'x'))!;
        yield* t.k.ihold(dir.d_inode.value as Inode);
        yield* t.k.d_splice_alias(dir.d_inode.value, place);
        const there = (yield* t.k.d_alloc(other, 'b'))!;
        yield* WRITE_ONCE(t.sb.s_vfs_rename_mutex, 1);
        yield* t.k.ihold(below.d_inode.value as Inode);
        yield* t.k.d_splice_alias(below.d_inode.value, there);
        yield* WRITE_ONCE(t.sb.s_vfs_rename_mutex, 0);
        yield* t.k.d_alloc_cursor(dir);
        yield* t.k.d_invalidate(dir);
        yield* t.k.d_set_mounted(below);
      },
      function* (t) {
        const root = (yield* t.k.d_obtain_alias(yield* new_inode(t, DIR))) as Dentry;
        const inode = root.d_inode.value as Inode;
        yield* t.k.ihold(inode);
        yield* t.k.dput((yield* t.k.d_obtain_alias(inode)) as Dentry);
        yield* t.k.ihold(inode);
        const wq = yield* t.k.lookup_wait_queue();
        const place = (yield* t.k.d_alloc_parallel(t.root, 'p', wq))!;
        const alias = yield* t.k.d_splice_alias(inode, place);
        yield* t.k.d_lookup_done(place);
        yield* t.k.dput(alias as Dentry);
        yield* t.k.dput(place);
      },
      function* (t) {
        yield* t.k.dput((yield* t.k.d_obtain_root(yield* new_inode(t, DIR))) as Dentry);
        const left = (yield* t.k.d_obtain_root(yield* new_inode(t, DIR))) as Dentry;
        yield* READ_ONCE(left.d_flags);
        yield* t.k.dput(left);
      },
      function* (t) {
        const dir = yield* add(t, t.root, 'd', DIR);
        const deep = yield* add(t, dir, 'e', DIR);
        const a = yield* add(t, t.root, 'a', FILE);
        yield* t.k.d_move(a, (yield* t.k.d_alloc(deep, 'x'))!);
        const unused = yield* add_unused(t, t.root, 'u', FILE);
        yield* t.k.d_prune_aliases(unused.d_inode.value!);
      },
      function* (t) {
        const a = (yield* t.k.d_alloc(t.root, 'a'))!;
        yield* t.k.d_make_persistent(a, yield* new_inode(t, FILE));
        yield* t.k.dput(a);
        yield* t.k.d_drop(a);
        yield* t.k.d_make_discardable(a);
      },
      function* (t) {
        const dir = yield* add(t, t.root, 'gone', DIR);
        const child = (yield* t.k.d_alloc(dir, 'child'))!;
        yield* t.k.d_splice_alias(yield* new_inode(t, FILE), child);
        yield* t.k.d_drop(dir);
        yield* t.k.dput(dir);
        yield* t.k.d_drop(child);
        yield* t.k.dput(child);
      },
      function* (t) {
        const top = yield* add(t, t.root, 'top', DIR);
        yield* add_unused(t, top, 'under', FILE);
        yield* t.k.d_drop(top);
        yield* t.k.dput(top);
        yield* t.k.prune_dcache_sb(t.sb, 9);
      },
      function* (t) {
        const long = yield* add(t, t.root, 'x'.repeat(40), null);
        yield* t.k.d_drop(long);
        yield* t.k.dput(long);
        const pseudo = (yield* t.k.d_alloc_pseudo(t.sb, 'pipe'))!;
        yield* t.k.dput(pseudo);
        const deleted = yield* add(t, t.root, 'z', FILE);
        yield* t.k.d_delete(deleted);
        yield* t.k.dput(deleted);
        for (let i = 0; i < 3; i += 1) yield* t.k.dput(yield* t.k.d_lookup(t.root, 'z'));
        yield* t.k.prune_dcache_sb(t.sb, 9);
      },
    ];
    for (const body of alone) holds(nothing, [body], V);
    if (version === 'v6.9') {
      holds(
        function* (t) {
          yield* add_unused(t, t.root, 'n', null);
          return yield* a_used(t);
        },
        [
          function* (t) {
            yield* t.k.d_genocide(t.root);
            yield* t.k.shrink_dcache_for_umount(t.sb);
          },
        ],
        V,
      );
    }
  });
});

test('a d_init that fails, and names that compare alike', () => {
  const d_init = function* (_k: never, dentry: Dentry): Task<number> {
    return (yield* READ_ONCE(dentry.d_name)) === '/' ? 0 : -E.ENOMEM;
  };
  holds(
    nothing,
    [
      function* (t) {
        yield* t.k.d_alloc(t.root, 'a');
      },
    ],
    { s_d_op: { d_init } },
  );
  const d_compare = function* (
    _k: never,
    _dentry: Dentry,
    found: string,
    wanted: string,
  ): Task<boolean> {
    yield* [];
    return found.toLowerCase() === wanted.toLowerCase();
  };
  holds(
    function* (t) {
      const a = yield* add(t, t.root, 'a', FILE);
      return { a, target: (yield* t.k.d_alloc(t.root, 'b'))! };
    },
    [
      function* (t) {
        yield* t.k.rcu_read_lock();
        yield* t.k.__d_lookup_rcu(t.root, 'a');
        yield* t.k.rcu_read_unlock();
      },
      (t, { a, target }) => t.k.d_move(a, target),
    ],
    { s_d_op: { d_compare } },
  );
});

test('without a fast path every put takes the lock', () => {
  holds(a_unused, [look_up('a'), look_up('a')], { lockref: 'spinlock' });
});

test('a secondary root is shrunk at umount', () => {
  holds(
    function* (t) {
      yield* t.k.dput(t.root);
      yield* WRITE_ONCE(t.sb.s_root, null);
      const other = (yield* t.k.d_obtain_root(yield* new_inode(t, DIR))) as Dentry;
      yield* t.k.dput(yield* add(t, other, 'a', FILE));
      return other;
    },
    [
      function* (t, other) {
        if (((yield* read(t.sb.s_roots))?.items.length ?? 0) > 0) yield* t.k.dput(other);
        yield* t.k.shrink_dcache_for_umount(t.sb);
      },
    ],
  );
});

test('what only one of the versions has', () => {
  const pipe: SetUp<{ alias: Dentry; inode: Inode }> = function* (t) {
    const alias = (yield* t.k.d_alloc_pseudo(t.sb, 'pipe'))!;
    const inode = yield* new_inode(t, FILE);
    yield* t.k.ihold(inode);
    yield* t.k.d_instantiate(alias, inode);
    return { alias, inode };
  };
  holds(pipe, [
    (t, { alias }) => t.k.dput(alias),
    function* (t, { inode }) {
      yield* t.k.dput(yield* t.k.d_find_any_alias(inode));
      yield* t.k.iput(inode);
    },
  ]);
  holds(a_used, [(t, a) => t.k.d_delete(a), look_up('a')], { dentry_negative: true });
  const exact: TaskBody<Dentry> = function* (t, a) {
    const fresh = (yield* t.k.d_alloc(t.root, 'a'))!;
    yield* t.k.dput(yield* t.k.d_exact_alias(fresh, (yield* READ_ONCE(a.d_inode))!));
    yield* t.k.dput(fresh);
  };
  holds(a_used, [exact, (t, a) => t.k.d_drop(a)], { version: 'v6.9' });
});

/** Branches that nothing takes, and why. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  'dentry_kill: finds a reference taken in spite of d_lock':
    'only where lockref does not wait for the lock: --lockref counter',
};

afterAll(() => {
  const missing = ALL.map(nameOf).filter((name) => !taken.has(name) && !(name in UNREACHABLE));
  expect(missing).toEqual([]);
  expect(Object.keys(UNREACHABLE).filter((name) => taken.has(name))).toEqual([]);
});
