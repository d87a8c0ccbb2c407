/** The dlab command as its users meet it: output, exit codes, bad input, pipes. */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function dlab(...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    cwd: ROOT,
    env: { ...process.env, FORCE_COLOR: '0', LANG: 'C.UTF-8' },
  });
  return { code: status, out: stdout, err: stderr };
}

beforeAll(() => {
  expect(existsSync(MAIN), 'build first: npm run build').toBe(true);
});

describe('check', () => {
  test('a bug: exit 1, KASAN title, 80 columns, a token that replays', () => {
    const { code, out } = dlab('check', 'stash/close-vs-open', '--variant', 'v6.9');
    expect(code).toBe(1);
    expect(out).toContain('VIOLATED');
    expect(out).toContain('KASAN: slab-use-after-free Read in lockref_get_not_dead');
    expect(out).not.toContain('\u001b');
    const token = /dlab1\S+/.exec(out)![0];
    const lines = out.split('\n').filter((line) => !line.includes(token));
    expect(lines.filter((line) => [...line].length > 80)).toEqual([]);
    const shown = dlab('show', token);
    expect(shown.code).toBe(1);
    expect(shown.out).toContain('dentry#1 was freed at step');
  });

  test('--ascii prints nothing else', () => {
    const { out } = dlab('check', 'stash/close-vs-open', '--variant', 'v6.9', '--ascii');

    expect(out).toMatch(/^[\u0000-\u007f]*$/);
  });

  test('no bug: exit 0, the count, the model and the branches never taken', () => {
    const { code, out } = dlab('check', 'stash/close-vs-open', '--variant', 'v6.11');
    expect(code).toBe(0);
    expect(out).toContain('HOLDS');
    expect(out).toMatch(/[\d,]+ states, [\d,]+ steps between them/);
    expect(out).toMatch(/states compared by 96-bit keys: chance of a missed one at most 2\^-7\d\n/);
    expect(out).toContain('engine states');
    expect(out).toContain('lockref faithful');
    expect(out).toContain('stash_dentry takes over a dead dentry');
  });

  test('--engine dpor counts executions up to equivalence', () => {
    const { code, out } = dlab('check', 'stash/close-vs-open', '--engine', 'dpor');
    expect(code).toBe(0);
    expect(out).toMatch(/[\d,]+ interleavings up to equivalence/);
    expect(out).toContain('engine dpor');
  });

  test('--json: one object per scenario', () => {
    const { out } = dlab('check', 'stash/close-vs-open', 'stash/open-vs-reopen', '--json');
    const results = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(results.map(({ scenario, verdict }) => [scenario, verdict])).toEqual([
      ['stash/close-vs-open', 'HOLDS'],
      ['stash/open-vs-reopen', 'HOLDS'],
    ]);
    expect(Object.keys(results[0])).toEqual(
      expect.arrayContaining([
        'lockref',
        'executions',
        'steps',
        'switches',
        'title',
        'token',
        'neverTaken',
        'seconds',
      ]),
    );
  });

  test('a budget used up and a sample: exit 3, never HOLDS', () => {
    for (const args of [
      ['--budget', '20'],
      ['--random', '1', '--budget', '20'],
    ]) {
      const { code, out } = dlab('check', 'stash/close-vs-close', ...args);
      expect(code).toBe(3);
      expect(out).toContain('INCOMPLETE');
      expect(out).not.toContain('HOLDS');
    }
  });

  test('--with: the example patch is caught', () => {
    const { code, out } = dlab(
      'check',
      'stash/close-vs-two-opens',
      '--with',
      'examples/my-stash.ts',
    );
    expect(code).toBe(1);
    expect(out).toContain('invariant:');
  });
});

describe('bad input: exit 2, one clear message on stderr', () => {
  const file = (name: string, text: string): string => {
    const path = join(mkdtempSync(join(tmpdir(), 'dlab-test-')), name);
    writeFileSync(path, text);
    return path;
  };

  test.each([
    [['check', 'stash/close-vs-opne'], /nearest are stash\/close-vs-open/],
    [
      ['check', 'stash/close-vs-open', '--variant', 'v6.8'],
      /no variant of stash\/close-vs-open 'v6.8'; the nearest are v6/,
    ],
    [
      ['check', 'stash/close-vs-open', '--lockref', 'x'],
      /--lockref takes faithful, counter, spinlock/,
    ],
    [['check', 'stash/close-vs-open', '--budget', 'soon'], /--budget takes a time/],
    [['check', 'stash/close-vs-open', '--with', '/nowhere.ts'], /no such file/],
    [['check'], /missing required argument/],
    [['chekc'], /Did you mean check/],
    [['show', 'nonsense'], /not a replay token/],
    [['matrix', 'nothing'], /try: dlab matrix stash/],
  ])('%j', (args, message) => {
    const { code, out, err } = dlab(...args);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(message);
  });

  test('a patch with a syntax error is shown with its place', () => {
    const { code, err } = dlab(
      'check',
      'stash/close-vs-open',
      '--with',
      file('p.ts', 'export function* dput( {'),
    );
    expect(code).toBe(2);
    expect(err).toMatch(/p\.ts:1:\d+/);
  });

  test('a patch that replaces nothing that exists names the nearest', () => {
    const { code, err } = dlab(
      'check',
      'stash/close-vs-open',
      '--with',
      file('p.ts', 'export function* dputt(k) {}'),
    );
    expect(code).toBe(2);
    expect(err).toContain('dput');
  });

  test('a patch whose function is not a generator is refused', () => {
    const { code, err } = dlab(
      'check',
      'stash/close-vs-open',
      '--with',
      file('p.ts', 'export function dput(k) {}'),
    );
    expect(code).toBe(2);
    expect(err).toContain('generator');
  });
});

test('a token from other code: DIVERGED, exit 4', async () => {
  const { encodeToken } = await import('../../src/scenario/index.js');
  const token = encodeToken({
    scenario: 'stash/close-vs-open',
    variant: 'v6.11',
    lockref: 'faithful',
    rcu: 'abstract',
    fs: 'nsfs',
    reuse: 'never',
    failAlloc: false,
    patched: false,
    schedule: Array.from({ length: 500 }, () => ({ task: '0', choice: 0 })),
    semantics: null,
  });
  const { code, out } = dlab('show', token);
  expect(code).toBe(4);
  expect(out).toContain('DIVERGED');
});

test('demo finds the bug, proves the fix and exits 0', () => {
  const { code, out } = dlab('demo');
  expect(code).toBe(0);
  expect(out.indexOf('VIOLATED')).toBeGreaterThan(0);
  expect(out.indexOf('HOLDS')).toBeGreaterThan(out.indexOf('VIOLATED'));
  // A first counterexample is no longer than a screen, and its signs are explained before it.
  const [before, ladder] = out.split(/^ +C0 {2}C1 RCU .*$/m);
  expect(ladder.slice(0, ladder.indexOf('\n\n')).split('\n').length).toBeLessThan(30);
  for (const sign of ['●', '✗', '➜', '→']) expect(before).toContain(sign);
});

test('a reader that goes away is no error', () => {
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', `"${process.execPath}" "${MAIN}" list | head -1`],
    { encoding: 'utf8' },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('Ctrl-C: a partial verdict and exit 130', async () => {
  const child = spawn(process.execPath, [MAIN, 'check', 'stash/three-closers'], { cwd: ROOT });
  let out = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  // The first words on stderr say that it is under way.
  const stop = setTimeout(() => child.kill('SIGINT'), 3000);
  const code = await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(stop);
  expect(code).toBe(130);
  expect(out).toContain('INCOMPLETE');
  expect(out).toContain('interrupted');
});
