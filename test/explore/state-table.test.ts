/** The table of states against a set of strings. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StateTable } from '../../src/explore/state-table.js';

/** Few different words, so that keys share slots and differ in one word only. */
const word = fc.oneof(fc.constantFrom(0, 1, -1, 2 ** 31 - 1), fc.integer({ min: -9, max: 9 }));
const keys = fc.array(fc.tuple(word, word, word), { maxLength: 300 });

/** Zero in the first word is kept as one. */
const nameOf = ([a, b, c]: readonly number[]): string => [a === 0 ? 1 : a, b, c].join();

test('a state is new exactly once, and has the number that it was given', () => {
  fc.assert(
    fc.property(keys, (entered) => {
      const table = new StateTable();
      const numbers = new Map<string, number>();
      for (const [i, key] of entered.entries()) {
        expect(table.enter(...key)).toBe(numbers.get(nameOf(key)));
        if (numbers.has(nameOf(key))) continue;
        expect(table.enter(...key)).toBe(-1);
        table.finish(...key, i);
        numbers.set(nameOf(key), i);
      }
      expect(table.size).toBe(numbers.size);
    }),
  );
});

test('growing keeps every state, with its number as long as numbers are kept', () => {
  const many = 20_000;
  for (const numbersMax of [Number.POSITIVE_INFINITY, 100]) {
    const table = new StateTable({ numbersMax });
    for (let i = 0; i < many; i += 1) {
      expect(table.enter(i, i * 7, -i)).toBeUndefined();
      table.finish(i, i * 7, -i, i);
    }
    expect(table.size).toBe(many);
    expect(table.counts).toBe(numbersMax > many);
    for (let i = 0; i < many; i += 1) {
      expect(table.enter(i, i * 7, -i)).toBe(table.counts ? i : 0);
    }
  }
});

test('is full when it has as many states as were allowed', () => {
  const table = new StateTable({ sizeMax: 2 });
  table.enter(1, 2, 3);
  expect(table.full).toBe(false);
  table.enter(1, 2, 4);
  expect(table.full).toBe(true);
});
