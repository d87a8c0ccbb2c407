/** The pages on filesystems: every function is named, and every example says what it prints. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as fs from 'dentrylab/fs';
import { fs_functions } from '../../src/vfs/index.js';

const page = (name: string): string =>
  readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');

test('kernel/vfs.md names every function that there is, and no other', () => {
  const table = page('kernel/vfs').split('## Functions')[1];
  const names = [...table.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name);
  expect(names.sort()).toEqual(Object.keys(fs_functions).sort());
});

describe('fs.md', () => {
  const blocks = [...page('fs').matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code);
  test.each(blocks.map((code, i) => [i + 1, code] as const))('example %i', async (_i, code) => {
    const printed: string[] = [];
    const console = { log: (value: unknown) => printed.push(String(value)) };
    const body = code.replaceAll(/^import .*\n/gm, '');
    const names = Object.keys(fs);
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the page's own code
    const run = new Function('console', ...names, `return (async () => {${body}})();`) as (
      ...args: unknown[]
    ) => Promise<void>;
    await run(console, ...Object.values(fs));
    expect(printed).toEqual([...code.matchAll(/; \/\/ (.*)$/gm)].map(([, text]) => text));
    expect(printed.length).toBeGreaterThan(0);
  });
});
