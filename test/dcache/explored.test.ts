/** Two tasks on one tree, in every interleaving, with all sanitizers on. */
import { describe, expect, test } from 'vitest';
import { WARN, type Task } from '../../src/machine/index.js';
import type { Dentry } from '../../src/dcache/index.js';
import { add, add_unused, check, DIR, FILE, type Tree } from './tree.js';

function titles(result: ReturnType<typeof check>): string[] {
  expect(result.complete).toBe(true);
  return result.bugs.map(({ title }) => title);
}

function* must_find(t: Tree, parent: Dentry, name: string): Task<void> {
  const found = yield* t.k.d_lookup(parent, name);
  if (found === null) yield* WARN('invariant: a name that is always there is found');
  yield* t.k.dput(found);
}

describe.each(['v6.9', 'v7.3'] as const)('%s', (version) => {
  test('a lookup beside a rename of another name in the chain never misses', () => {
    const result = check(
      function* (t) {
        const b = yield* add(t, t.root, 'b', FILE);
        const a = yield* add(t, t.root, 'a', FILE);
        const c = (yield* t.k.d_alloc(t.root, 'c'))!;
        return { a, b, c };
      },
      [
        (t) => must_find(t, t.root, 'b'),
        function* (t, { a, c }) {
          yield* t.k.d_move(a, c);
        },
      ],
      undefined,
      { version, dhash_entries: 2 },
    );
    expect(titles(result)).toEqual([]);
  });

  test('a lookup beside a last dput and an unlink uses no freed memory', () => {
    const result = check(
      function* (t) {
        return yield* add(t, t.root, 'a', FILE);
      },
      [
        function* (t) {
          yield* t.k.dput(yield* t.k.d_lookup(t.root, 'a'));
        },
        function* (t, a) {
          yield* t.k.d_delete(a);
          yield* t.k.dput(a);
        },
      ],
      undefined,
      { version },
    );
    expect(titles(result)).toEqual([]);
  });

  test('of two that look one name up, one asks and both get one dentry', () => {
    function* look_up(t: Tree): Task<void> {
      const wq = yield* t.k.lookup_wait_queue();
      const dentry = (yield* t.k.d_alloc_parallel(t.root, 'x', wq))!;
      if (yield* t.k.d_in_lookup(dentry)) {
        yield* t.k.d_add(dentry, null);
        yield* t.k.d_lookup_done(dentry);
      }
      yield* t.k.dput(dentry);
    }
    const result = check(
      function* () {
        return null;
      },
      [look_up, look_up],
      undefined,
      { version },
    );
    expect(titles(result)).toEqual([]);
  });

  test('a last dput beside the shrinker frees once', () => {
    const result = check(
      function* (t) {
        yield* add_unused(t, t.root, 'a', FILE);
        return (yield* t.k.d_lookup(t.root, 'a'))!;
      },
      [
        (t, a) => t.k.dput(a),
        function* (t) {
          yield* t.k.prune_dcache_sb(t.sb, 2);
          yield* t.k.prune_dcache_sb(t.sb, 2);
        },
      ],
      undefined,
      { version },
    );
    expect(titles(result)).toEqual([]);
  });

  test('a tree is shrunk while a name in it moves', () => {
    const result = check(
      function* (t) {
        const dir = yield* add(t, t.root, 'd', DIR);
        const a = yield* add(t, dir, 'a', FILE);
        yield* add_unused(t, dir, 'b', null);
        const target = (yield* t.k.d_alloc(t.root, 't'))!;
        return { a, target };
      },
      [(t) => t.k.shrink_dcache_parent(t.root), (t, { a, target }) => t.k.d_move(a, target)],
      undefined,
      { version },
    );
    expect(titles(result)).toEqual([]);
  });
});
