/** The index of functions, and the page on the stash: each is where they say, and none is left out. */

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { dcache_functions, dcache_functions_v6_9 } from '../../src/dcache/index.js';
import { lockref_ops } from '../../src/lockref/index.js';
import { rcu_functions, rcu_functions_of } from '../../src/rcu/index.js';

const at = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const read = (path: string): string => readFileSync(at(path), 'utf8');

const index = [
  ...read('docs/kernel/functions.md').matchAll(/^\| `(\w+)` +\| `(.*?)` +\| \[(\w+)\]/gm),
];
const names = index.map(([, name]) => name);

test('every function of lockref, RCU and the dcache is in the index, once', () => {
  const all = [
    lockref_ops('faithful'),
    rcu_functions,
    rcu_functions_of.tree,
    dcache_functions,
    dcache_functions_v6_9,
  ].flatMap((table) => Object.keys(table));
  expect(all.filter((name) => !names.includes(name))).toEqual([]);
  expect(names).toEqual([...new Set(names)]);
});

test('every function of a page is in the index, and on that page', () => {
  for (const page of new Set(index.map(([, , , name]) => name))) {
    const text = read(`docs/kernel/${page}.md`);
    const here = index.filter(([, , , name]) => name === page).map(([, name]) => name);
    expect(here.filter((name) => !text.includes(`| \`${name}\` `))).toEqual([]);
  }
});

describe('files', () => {
  test.each(index.map(([, name, file]) => [name, file] as const))('%s is in %s', (name, file) => {
    expect(existsSync(at(file))).toBe(true);
    if (!file.endsWith('.ts')) return;
    expect(read(file)).toMatch(new RegExp(`function\\* ${name}(_v6_9|_is_\\w+)?[<(]`));
  });
});

const stash = [...read('docs/kernel/stash.md').matchAll(/^\| `(\w+)` +\|.*?\| `(src\/.*?)` +\|/gm)];

test.each(stash.map(([, name, file]) => [name, file] as const))(
  'stash.md: %s is in %s',
  (name, file) => {
    expect(read(file)).toContain(`export function* ${name}(`);
  },
);
