/** Any number of threads: the same report, byte for byte, but for the seconds. */

import { expect, test } from 'vitest';
import { dlab } from '../support/dlab.js';

const withoutSeconds = (text: string): string =>
  text.replace(/[\d.]+ s$/m, 's').replace(/"seconds":[\d.]+/, '"seconds":0');

test.each([
  ['stash/close-vs-close', '--engine', 'states'],
  ['stash/close-vs-close', '--lockref', 'counter', '--engine', 'dpor'],
  ['stash/close-vs-open', '--variant', 'v6.9', '--engine', 'states'],
  ['stash/close-vs-open', '--variant', 'v6.9', '--engine', 'dpor'],
])('check %s %s %s %s %s', (...args) => {
  for (const format of [[], ['--json']]) {
    const [one, ...others] = [1, 2, 3].map((jobs) => {
      const { code, out } = dlab('check', ...args, ...format, '-j', `${jobs}`);
      return { code, out: withoutSeconds(out) };
    });
    for (const other of others) expect(other).toEqual(one);
  }
});

test('how far a search came before its first bug is not told', () => {
  const { code, out } = dlab('check', 'stash/close-vs-open', '--variant', 'v6.9', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ executions: null, states: null, blocked: null });
});
