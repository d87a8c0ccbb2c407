/**
 * Every invariant that is checked is caught: a kernel with one function broken is reported with that
 * invariant and no other, and the whole kernel holds on the same program.
 */

import { describe, expect, test } from 'vitest';
import { explore } from '../../src/explore/index.js';
import { KERNEL_INVARIANTS } from '../../src/scenario/index.js';
import { BROKEN } from '../support/broken.js';

const OPTIONS = { minimise: false, budget: { states: 50_000 } } as const;

describe.each(BROKEN)('$id: $what', ({ id, title, also, functions, on }) => {
  const { text, checkedBy } = KERNEL_INVARIANTS[id - 1];

  test('is reported', () => {
    expect(checkedBy).not.toBeNull();
    const { verdict, bugs } = explore(on(functions), OPTIONS);
    expect(verdict).toBe('VIOLATED');
    const expected =
      title ?? new RegExp(`^invariant: ${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
    const titles = bugs.map((bug) => bug.title);
    expect(titles).toContainEqual(expect.stringMatching(expected));
    for (const other of titles) {
      if (!expected.test(other)) expect(other).toMatch(also ?? expected);
    }
  });

  test('holds unbroken', () => {
    const { bugs, complete } = explore(on({}), OPTIONS);
    expect(bugs.map((bug) => `${bug.title}: ${bug.detail}`)).toEqual([]);
    expect(complete).toBe(true);
  });
});

test('every invariant that is checked has a kernel that breaks it', () => {
  const checked = KERNEL_INVARIANTS.filter(({ checkedBy }) => checkedBy !== null);
  const tested = new Set(BROKEN.map(({ id }) => id));
  expect(checked.map(({ id }) => id).filter((id) => !tested.has(id))).toEqual([]);
});
