/** Tokens after the code has changed, and the corpus of failing ones. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  call,
  READ_ONCE,
  smp_load_acquire,
  Struct,
  WRITE_ONCE,
  type Task,
} from '../../src/machine/index.js';
import {
  decodeToken,
  encodeToken,
  SCENARIOS,
  semanticsOf,
  variantsOf,
} from '../../src/scenario/index.js';
import { inProcess } from '../support/in-process.js';
import { program } from '../support/programs.js';

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

describe('a token says what its steps did', () => {
  const file = join(corpus, 'stash.close-vs-open.tokens');
  const made = (): string => readFileSync(file, 'utf8').split(' ')[0];
  /** The same token as another dlab would have made it. */
  const remade = (semantics: string | null): string => {
    const names = SCENARIOS.map(({ name }) => name);
    const variants = variantsOf(SCENARIOS).map(({ name }) => name);
    return encodeToken({ ...decodeToken(made(), names, variants), semantics });
  };

  test('with the same semantics nothing is said', async () => {
    const { code, err } = await inProcess('show', made());
    expect({ code, err }).toEqual({ code: 1, err: '' });
  });

  test('one made before tokens said so replays, and that is said', async () => {
    const { code, out, err } = await inProcess('show', remade(null));
    expect(code).toBe(1);
    expect(out).toBe((await inProcess('show', made())).out);
    expect(err).toMatch(/still fits, but its semantics are not known:\n.*made before tokens said/);
  });

  test('with other semantics it replays as far as it fits, and both are named', async () => {
    const { code, err } = await inProcess('show', remade('aaaa'));
    expect(code).toBe(1);
    expect(err).toMatch(
      /its semantics differ \(then aaaa, now [a-z2-7]{4}\):\n.*has changed since/,
    );
  });

  test.each([
    [
      'those that it was made with',
      () => made(),
      /semantics are those that the token was made with/,
    ],
    ['others', () => remade('aaaa'), /semantics differ \(then aaaa, now [a-z2-7]{4}\)/],
    ['unknown', () => remade(null), /semantics are not known/],
  ])('DIVERGED on another kernel, with semantics that are %s', async (_, token, said) => {
    const { code, out } = await inProcess('show', token(), '--variant', 'v6.11');
    expect(code).toBe(4);
    expect(out).toContain('DIVERGED');
    expect(out).toMatch(said);
  });

  test('DIVERGED on the kernel that it was made for: the semantics have changed', async () => {
    const { schedule, ...rest } = decodeToken(made(), ['stash/close-vs-open'], ['v6.9']);
    const token = encodeToken({ ...rest, schedule: [...schedule, { task: '0', choice: 3 }] });
    const { code, out } = await inProcess('show', token);
    expect(code).toBe(4);
    expect(out).toMatch(/semantics differ \(then [a-z2-7]{4}, now does not fit\)/);
  });

  test('the corpus tells of tokens that now do other things', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dlab-corpus-'));
    writeFileSync(join(folder, 'stash.close-vs-open.tokens'), `${remade('aaaa')}\n${made()}\n`);
    const check = ['check', 'stash/close-vs-open', '--variant', 'v6.9', '--corpus', folder];
    const { out } = await inProcess(...check);
    expect(out).toMatch(/^ {2}corpus: 2 of 2 tokens fail, 1 does other things than when kept$/m);
  });
});

test('semantics are what steps do, whatever functions are called and wherever they stand', () => {
  class Pair extends Struct {
    readonly a = this.cell('a', 0);
    readonly b = this.cell('b', 0);
    constructor() {
      super('pair');
    }
  }
  function* first(pair: Pair): Task<void> {
    yield* WRITE_ONCE(pair.a, 1);
    yield* WRITE_ONCE(pair.b, yield* READ_ONCE(pair.a));
  }
  function* tidied(pair: Pair): Task<void> {
    yield* WRITE_ONCE(pair.a, 1);
    const found = yield* READ_ONCE(pair.a);
    yield* WRITE_ONCE(pair.b, found);
  }
  function* stronger(pair: Pair): Task<void> {
    yield* WRITE_ONCE(pair.a, 1);
    yield* WRITE_ONCE(pair.b, yield* smp_load_acquire(pair.a));
  }
  const lettersOf = (body: (pair: Pair) => Task<void>, steps: number): string | null =>
    semanticsOf(
      program('pair', (machine) => {
        const pair = machine.global(new Pair(), 'pair');
        for (const name of ['one', 'two'])
          machine.addTask({ name }, function* (): Task<void> {
            yield* call(body, pair);
          });
      }),
      Array.from({ length: steps }, () => ({ task: '0', choice: 0 })),
    );
  const letters = lettersOf(first, 3);
  expect(letters).toMatch(/^[a-z2-7]{4}$/);
  expect(lettersOf(tidied, 3)).toBe(letters);
  expect(lettersOf(stronger, 3)).not.toBe(letters);
  expect(lettersOf(first, 2)).not.toBe(letters);
  expect(lettersOf(first, 4)).toBeNull();
});
