/** How output looks: colour, characters and width, from flags and the environment; closed pipes. */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { lookOf } from '../../src/cli/options.js';
import { shell } from '../support/dlab.js';
import { inProcess } from '../support/in-process.js';

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

/**
 * Whole reports, kept as pictures.
 * GOLDEN=write npx vitest run test/cli/look.test.ts writes them anew.
 */
describe('a report looks the same every time', () => {
  const COLOURED = { ...UTF8, FORCE_COLOR: '1', TERM: 'xterm' };
  const LOOKS: [string, Record<string, string>, string[]][] = [
    ['colour', COLOURED, []],
    ['no-color', { ...COLOURED, NO_COLOR: '1' }, []],
    ['dumb', { ...COLOURED, TERM: 'dumb' }, []],
    ['ascii', { ...COLOURED, NO_COLOR: '1' }, ['--ascii']],
    ['posix', { FORCE_COLOR: '1', TERM: 'dumb', LANG: 'C' }, []],
  ];
  const kept = (name: string): string =>
    fileURLToPath(new URL(`golden/check-${name}.txt`, import.meta.url));
  const ESCAPE = '\u001b';

  test.each(LOOKS)('%s', async (name, env, flags) => {
    lookWith(env);
    vi.stubEnv('COLUMNS', undefined);
    const { out } = await inProcess('check', 'lesson/counter', '--variant', 'plain', ...flags);
    const text = out.replaceAll(ESCAPE, '\\e');
    if (process.env['GOLDEN'] === 'write') writeFileSync(kept(name), text);
    expect(text).toBe(readFileSync(kept(name), 'utf8'));
  });

  test('without colour and on a dumb terminal nothing is missing but the colour', () => {
    const read = (name: string): string => readFileSync(kept(name), 'utf8');
    expect(read('colour')).toContain('\\e[');
    expect(read('no-color')).toBe(read('colour').replace(/\\e\[\d+m/g, ''));
    expect(read('dumb')).toBe(read('no-color'));
    expect(read('posix')).toBe(read('ascii'));
    expect(read('ascii')).toMatch(/^[\n -~]*$/);
  });

  test.each([
    ['lesson', '2'],
    ['show', 'lesson/rcu'],
    ['show', 'lesson/rcu', '--format', 'lanes'],
    ['list', 'scenarios'],
    ['patch', 'examples/my-stash.ts', 'lesson/counter'],
  ])('--ascii: dlab %s %s', async (...words) => {
    lookWith(COLOURED);
    const takesIt = words[0] !== 'list';
    const { out } = await inProcess(...words, ...(takesIt ? ['--ascii', '--no-color'] : []));
    expect(out.length).toBeGreaterThan(40);
    expect(out).toMatch(/^[\n -~]*$/);
  });
});
