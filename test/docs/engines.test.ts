/** The comparison of the two engines in docs/engines.md is what they count today. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const page = readFileSync(at('docs/engines.md'), 'utf8');

test('every row that does not take long is in the page as it is counted now', () => {
  const counted = execFileSync(process.execPath, [at('bench/engines.mjs'), '--short'], {
    encoding: 'utf8',
  });
  const rows = counted.trimEnd().split('\n');
  expect(rows.length).toBeGreaterThan(8);
  for (const row of rows) expect(page).toContain(`${row}\n`);
});

test('the others are there, too', () => {
  for (const name of ['lastzero(12)', 'P5 close-vs-two-opens', 'P6 three-closers']) {
    expect(page).toContain(`| ${name}`);
  }
});
