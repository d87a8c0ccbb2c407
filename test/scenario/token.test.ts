/** Replay tokens survive the way to another machine, and say so when they did not. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeSchedule,
  decodeToken,
  encodeSchedule,
  encodeToken,
  SCENARIOS,
  variantsOf,
  type TokenContent,
} from '../../src/scenario/index.js';

const scenarios = SCENARIOS.map(({ name }) => name);
const variants = variantsOf(SCENARIOS).map(({ name }) => name);

const decision = fc.record({
  task: fc.oneof(
    fc.integer({ min: 0, max: 5 }).map(String),
    fc
      .tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 12 }))
      .map((key) => key.join('.')),
    fc.constant('0.2.1'),
  ),
  choice: fc.integer({ min: 0, max: 3 }),
});

const content: fc.Arbitrary<TokenContent> = fc.record({
  scenario: fc.constantFrom(...scenarios),
  variant: fc.constantFrom(...variants),
  lockref: fc.constantFrom('faithful', 'counter', 'spinlock'),
  rcu: fc.constantFrom('abstract', 'fifo', 'tree'),
  fs: fc.constantFrom('nsfs', 'pidfs'),
  reuse: fc.constantFrom('never', 'lifo', 'explore'),
  failAlloc: fc.boolean(),
  patched: fc.boolean(),
  schedule: fc.array(decision, { maxLength: 60 }),
  semantics: fc.option(fc.stringMatching(/^[a-z2-7]{4}$/)),
});

test('a schedule comes back as it was', () => {
  fc.assert(
    fc.property(fc.array(decision), (schedule) => {
      expect(decodeSchedule(encodeSchedule(schedule))).toEqual(schedule);
    }),
  );
});

test('a token comes back as it was', () => {
  fc.assert(
    fc.property(content, (value) => {
      expect(decodeToken(encodeToken(value), scenarios, variants)).toEqual(value);
    }),
  );
});

describe('a damaged token is refused with a reason', () => {
  const token = encodeToken({
    scenario: 'stash/close-vs-open',
    variant: 'v6.9',
    lockref: 'faithful',
    rcu: 'abstract',
    fs: 'nsfs',
    reuse: 'never',
    failAlloc: false,
    patched: false,
    schedule: [{ task: '0', choice: 0 }],
    semantics: 'p2xn',
  });

  test.each([
    ['nonsense', /not a replay token/],
    [token.replace('/a~', '/b~'), /checksum/],
    [token.replace('~p2xn~', '~p2xm~'), /checksum/],
    [token.replace('~p2xn~', '~'), /checksum/],
    [token.slice(0, -1), /not a replay token/],
    [token.replace('dlab1', 'dlab9'), /format dlab9/],
  ])('%s', (damaged, reason) => {
    expect(() => decodeToken(damaged, scenarios, variants)).toThrow(reason);
  });
});

test('a livelock keeps where its round begins, and its token needs no quotes in a shell', () => {
  fc.assert(
    fc.property(content, fc.nat(60), (value, at) => {
      const goesRound = { ...value, cycleFrom: Math.min(at, value.schedule.length) };
      const token = encodeToken(goesRound);
      expect(token).not.toMatch(/[\s'"()&;|<>$`*!]/);
      expect(decodeToken(token, scenarios, variants)).toEqual(goesRound);
    }),
  );
});
