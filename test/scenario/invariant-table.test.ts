/** The table of invariants is what the documentation says. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { INVARIANT_CLASSES, invariantTable, KERNEL_INVARIANTS } from '../../src/scenario/index.js';

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
