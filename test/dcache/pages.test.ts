/** The handbook's tables of functions say what the code has. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { dcache_functions, dcache_functions_v6_9 } from '../../src/dcache/index.js';
import { lockref_ops } from '../../src/lockref/index.js';

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** Rows of a page's tables: the function's name and the other columns. */
function rows(text: string): string[][] {
  return [...text.matchAll(/^\| `(\w+)` +\| (.*?) +\|$/gm)].map(([, name, rest]) => [
    name,
    ...rest.split('|').map((column) => column.trim()),
  ]);
}

describe('docs/kernel/dcache.md', () => {
  const [newest, v6_9] = read('docs/kernel/dcache.md').split('What v6.9 replaces:');

  test('lists every function of the table, and no other', () => {
    const names = rows(newest).map(([name]) => name);
    expect(names.sort()).toEqual(Object.keys(dcache_functions).sort());
    const old = rows(v6_9).map(([name]) => name);
    expect(old.sort()).toEqual(Object.keys(dcache_functions_v6_9).sort());
  });

  test.each(rows(newest))('%s is in %s', (name, file, origin) => {
    const body = dcache_functions[name as keyof typeof dcache_functions].name;
    expect(read(`src/dcache/${file}`)).toContain(`export function* ${body}(`);
    expect(origin).not.toBe('');
  });
});

test('docs/kernel/lockref.md lists every operation', () => {
  const names = rows(read('docs/kernel/lockref.md')).map(([name]) => name);
  expect(names.sort()).toEqual(Object.keys(lockref_ops('faithful')).sort());
});
