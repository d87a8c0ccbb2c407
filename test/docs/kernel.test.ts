/** The pages on the kernel name every function that there is, and no other. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { rcu_functions } from '../../src/rcu/index.js';
import * as evict from '../../src/vfs/evict.js';
import * as icache from '../../src/vfs/icache.js';
import * as lru from '../../src/vfs/inode-lru.js';
import * as inode from '../../src/vfs/inode.js';
import * as numbers from '../../src/vfs/numbers.js';
import * as wait from '../../src/vfs/wait-bit.js';
import { vfs_functions } from '../../src/vfs/index.js';

/** The functions in the first column of a page's table of functions. */
function functionsIn(page: string): string[] {
  const text = readFileSync(new URL(`../../docs/kernel/${page}.md`, import.meta.url), 'utf8');
  const section = text.split('## Functions')[1].split('\n## ')[0];
  return [...section.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name).sort();
}

test('rcu.md', () => {
  expect(functionsIn('rcu')).toEqual(Object.keys(rcu_functions).sort());
});

test('inode.md', () => {
  const here = new Set<unknown>(
    [inode, icache, lru, evict, wait, numbers].flatMap((module): unknown[] =>
      Object.values(module),
    ),
  );
  const names = Object.entries(vfs_functions).filter(([, body]) => here.has(body));
  expect(functionsIn('inode')).toEqual(names.map(([name]) => name).sort());
});
