/** Tokens after the code has changed, and the corpus of failing ones. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

function dlab(...args: string[]): { code: number | null; out: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env: { ...process.env, FORCE_COLOR: '0', LANG: 'C.UTF-8' },
  });
  return { code: status, out: stdout + stderr };
}

const corpus = join(mkdtempSync(join(tmpdir(), 'dlab-corpus-')), 'corpus');
const CHECK = ['check', 'stash/close-vs-open', '--variant', 'v6.9', '--corpus', corpus];

test('a failing token is kept once, with its title, and replayed first the next time', () => {
  expect(dlab(...CHECK).out).not.toContain('corpus:');
  const second = dlab(...CHECK);
  expect(second.code).toBe(1);
  expect(second.out).toMatch(/^ {2}corpus: 1 of 1 tokens fail\n {4}KASAN: /);
  const [file] = readdirSync(corpus);
  expect(file).toBe('stash.close-vs-open.tokens');
  const lines = readFileSync(join(corpus, file), 'utf8').trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^dlab1\/\S+ {2}# KASAN: slab-use-after-free Read in /);
});

test('a token on other code: DIVERGED, with step, task, and the operations that differ', () => {
  const [file] = readdirSync(corpus);
  const [token] = readFileSync(join(corpus, file), 'utf8').split(' ');
  const { code, out } = dlab('show', token, '--variant', 'v6.11');
  expect(code).toBe(4);
  expect(out).toContain('DIVERGED');
  expect(out).toMatch(/step \d+ of \d+, (opener|closer)/);
  expect(out).toMatch(/expected {2}\S+/);
  expect(out).toMatch(/actual {4}\S+/);
  expect(out).toMatch(/no schedule near it fails so/);
});

test('--at shows every object after a step', () => {
  const [file] = readdirSync(corpus);
  const [token] = readFileSync(join(corpus, file), 'utf8').split(' ');
  const { out } = dlab('show', token, '--at', '5');
  expect(out).toMatch(/^ns#1$/m);
  expect(out).toMatch(/^ \* stashed = dentry#1$/m);
  expect(dlab('show', token, '--at', '500').code).toBe(2);
});
