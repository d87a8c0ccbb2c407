/** The hash table, and finding by name, one task after the other. */
import { describe, expect, test } from 'vitest';
import { full_name_hash } from '../../src/dcache/index.js';
import { count_of } from '../../src/lockref/index.js';
import { add, alone, DIR, FILE, tree } from './tree.js';

describe.each(['v6.9', 'v7.3'] as const)('%s', (version) => {
  test('an added dentry is found by parent and name only, and each find takes a reference', () => {
    const t = tree({ version });
    alone(t, function* () {
      const dir = yield* add(t, t.root, 'dir', DIR);
      const file = yield* add(t, dir, 'file', FILE);
      expect(yield* t.k.d_lookup(dir, 'file')).toBe(file);
      expect(count_of(file.d_lockref.value)).toBe(2);
      expect(yield* t.k.d_lookup(t.root, 'file')).toBe(null);
      expect(yield* t.k.d_lookup(dir, 'other')).toBe(null);
    });
  });

  test('a dropped dentry is not found, and its chain stays whole', () => {
    const t = tree({ version, dhash_entries: 1 });
    alone(t, function* () {
      const all = [];
      for (const name of ['a', 'b', 'c']) all.push(yield* add(t, t.root, name, FILE));
      yield* t.k.d_drop(all[1]);
      expect(yield* t.k.d_lookup(t.root, 'b')).toBe(null);
      expect(yield* t.k.d_lookup(t.root, 'a')).toBe(all[0]);
      expect(yield* t.k.d_lookup(t.root, 'c')).toBe(all[2]);
      expect(all[1].d_hash_next.value).toBe(all[0]);
    });
  });

  test('a move takes name and place of the target, and an exchange swaps both', () => {
    const t = tree({ version });
    alone(t, function* () {
      const dir = yield* add(t, t.root, 'dir', DIR);
      const a = yield* add(t, t.root, 'a', FILE);
      const b = yield* add(t, dir, 'b', FILE);
      yield* t.k.d_move(a, b);
      expect(yield* t.k.d_lookup(dir, 'b')).toBe(a);
      expect(yield* t.k.d_lookup(t.root, 'a')).toBe(null);
      const c = yield* add(t, t.root, 'c', FILE);
      yield* t.k.d_exchange(a, c);
      expect(yield* t.k.d_lookup(dir, 'b')).toBe(c);
      expect(yield* t.k.d_lookup(t.root, 'c')).toBe(a);
    });
  });

  test('the first to look up is in lookup until it adds, and then is found', () => {
    const t = tree({ version });
    alone(t, function* () {
      const wq = yield* t.k.lookup_wait_queue();
      const first = (yield* t.k.d_alloc_parallel(t.root, 'x', wq))!;
      expect(yield* t.k.d_in_lookup(first)).toBe(true);
      yield* t.k.d_add(first, null);
      expect(yield* t.k.d_in_lookup(first)).toBe(false);
      expect(yield* t.k.d_alloc_parallel(t.root, 'x', wq)).toBe(first);
    });
  });
});

test('hashes tell names and lengths apart', () => {
  expect(new Set(['a', 'b', 'aa', 'ab', 'ba'].map(full_name_hash)).size).toBe(5);
});
