/** How output looks: colour, characters and width, from flags and the environment; closed pipes. */

import { afterEach, describe, expect, test, vi } from 'vitest';
import { lookOf } from '../../src/cli/options.js';
import { shell } from '../support/dlab.js';

function lookWith(env: Record<string, string>, flags: Parameters<typeof lookOf>[0] = {}): unknown {
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'TERM', 'LC_ALL', 'LC_CTYPE', 'LANG']) {
    vi.stubEnv(name, env[name]);
  }
  const { colour, ascii } = lookOf(flags);
  return { colour, ascii };
}

afterEach(() => {
  vi.unstubAllEnvs();
});

const UTF8 = { LANG: 'C.UTF-8' };

describe('colour and characters', () => {
  test.each([
    ['nothing forced, no terminal', UTF8, {}, { colour: false, ascii: false }],
    ['FORCE_COLOR', { ...UTF8, FORCE_COLOR: '1' }, {}, { colour: true, ascii: false }],
    ['FORCE_COLOR=0', { ...UTF8, FORCE_COLOR: '0' }, {}, { colour: false, ascii: false }],
    [
      'NO_COLOR goes before FORCE_COLOR',
      { ...UTF8, FORCE_COLOR: '1', NO_COLOR: '1' },
      {},
      { colour: false, ascii: false },
    ],
    [
      'an empty NO_COLOR is none',
      { ...UTF8, FORCE_COLOR: '1', NO_COLOR: '' },
      {},
      { colour: true, ascii: false },
    ],
    ['TERM=dumb', { ...UTF8, FORCE_COLOR: '1', TERM: 'dumb' }, {}, { colour: false, ascii: false }],
    [
      '--no-color',
      { ...UTF8, FORCE_COLOR: '1' },
      { color: false },
      { colour: false, ascii: false },
    ],
    ['--ascii', UTF8, { ascii: true }, { colour: false, ascii: true }],
    ['a locale without UTF-8', { LANG: 'C' }, {}, { colour: false, ascii: true }],
    ['LC_ALL goes before LANG', { LC_ALL: 'POSIX', ...UTF8 }, {}, { colour: false, ascii: true }],
  ])('%s', (_name, env, flags, look) => {
    expect(lookWith(env, flags)).toEqual(look);
  });
});

test('a reader that goes away early: no stack trace, in text and in JSON', () => {
  for (const words of ['list functions', 'list --json', 'check race/b28-in-lookup-twice --json']) {
    const { err } = shell(`$DLAB ${words} | head -c 1`);
    expect(err).not.toMatch(/EPIPE|\n +at /);
  }
});
