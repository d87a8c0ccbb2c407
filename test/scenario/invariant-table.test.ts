/** The table of invariants is what the documentation says, and what it says is checked is caught. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { explore } from '../../src/explore/index.js';
import {
  findScenario,
  findVariant,
  INVARIANT_CLASSES,
  invariantTable,
  KERNEL_INVARIANTS,
  programOf,
  type ScenarioOptions,
} from '../../src/scenario/index.js';
import { kmem_cache_free, might_sleep, READ_ONCE, type Task } from '../../src/machine/index.js';
import type { Dentry } from '../../src/dcache/index.js';
import type { Inode, VfsKernel } from '../../src/vfs/index.js';

test('all sixty-five, each with a class and a place or a reason', () => {
  expect(KERNEL_INVARIANTS.map(({ id }) => id)).toEqual(
    Array.from({ length: 65 }, (_, i) => i + 1),
  );
  for (const { class: kind, checkedBy, whyNot } of KERNEL_INVARIANTS) {
    expect(Object.keys(INVARIANT_CLASSES)).toContain(kind);
    expect((checkedBy === null) === (whyNot === null)).toBe(false);
  }
});

test('docs/invariants.md holds the table', () => {
  const docs = readFileSync(new URL('../../docs/invariants.md', import.meta.url), 'utf8');
  expect(docs).toContain(invariantTable());
});

type Functions = NonNullable<ScenarioOptions['functions']>;

function* free_at_once(_k: VfsKernel, dentry: Dentry): Task<void> {
  yield* kmem_cache_free(dentry);
}

function* keep_unclear(k: VfsKernel, inode: Inode): Task<void> {
  yield* k.put_inode_data(inode);
}

function* forget(): Task<void> {}

function* never_clear_stash(_k: VfsKernel, dentry: Dentry): Task<void> {
  yield* READ_ONCE(dentry.d_fsdata);
}

function* sleep_in_reader(k: VfsKernel): Task<void> {
  yield* k.rcu_read_lock();
  yield* might_sleep('sleep_in_reader');
  yield* k.rcu_read_unlock();
}

function* enter_only(k: VfsKernel): Task<void> {
  yield* k.rcu_read_lock();
}

const BROKEN: readonly [number, string, Functions, RegExp][] = [
  [7, 'leaves out dput', { dput: forget }, /^(memory leak|invariant: references)/],
  [9, 'never leaves a reader', { get_data: enter_only }, /read-side section left open/],
  [13, 'frees a dentry without a grace period', { dentry_free: free_at_once }, /^KASAN/],
  [38, 'evicts without clear_inode', { nsfs_evict_inode: keep_unclear }, /clear_inode/],
  [46, 'never clears the stash', { stashed_dentry_prune: never_clear_stash }, /^KASAN/],
  [51, 'never puts the object', { put_ns: forget }, /references are balanced/],
  [56, 'sleeps inside a reader', { get_data: sleep_in_reader }, /^BUG: sleeping/],
];

describe('a broken function is caught', () => {
  test.each(BROKEN)('%i: %s', (id, _what, functions, title) => {
    expect(KERNEL_INVARIANTS[id - 1].checkedBy).not.toBeNull();
    const scenario = findScenario('stash/close-vs-open');
    const p = programOf(scenario, { variant: findVariant(scenario, 'v7.3'), functions });
    const { bugs } = explore(p, { keepGoing: true, minimise: false, budget: { states: 50_000 } });
    expect(bugs.map((bug) => bug.title)).toContainEqual(expect.stringMatching(title));
  });
});
