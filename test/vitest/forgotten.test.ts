/**
 * What a test forgets does not pass silently: fixture files run by a vitest of their own, in which
 * every test has to fail.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Results {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

test('each forgetful test fails, and says what was forgotten', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      ...['--config', 'test/vitest/fixture/vitest.config.ts', '--root', '.', '--reporter', 'json'],
    ],
    { cwd: ROOT, encoding: 'utf8', env: { ...process.env, VITEST_POOL_ID: undefined } },
  );
  expect(status, stderr).toBe(1);
  const { testResults } = JSON.parse(stdout) as Results;
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const messages = tests.map(({ title, status: word, failureMessages }) => [
    title,
    word,
    // The first line, without the error's class.
    failureMessages[0]?.replace(/^\w*Error: /, '').split('\n')[0],
  ]);
  const promise = (matcher: string): RegExp =>
    new RegExp(`^${matcher}\\(\\) was given a promise: expect\\(await …\\)\\.${matcher}\\(\\)`);
  const nobody = expect.stringMatching(/^test\/increments @ v7.3 was explored, but no assertion/);
  const violated = 'VIOLATED  test/increments @ v7.3';
  expect(messages).toEqual([
    ['nothing is forgotten', 'failed', violated],
    [
      'a promise is given to the matcher',
      'failed',
      expect.stringMatching(promise('toHoldInEveryInterleaving')),
    ],
    [
      'a promise is given to a negated matcher',
      'failed',
      expect.stringMatching(promise('toFailWith')),
    ],
    ['resolves without await', 'failed', violated],
    ['the assertion is forgotten', 'failed', nobody],
    ['the parentheses are forgotten', 'failed', nobody],
    [
      'the test is too short for the search',
      'failed',
      expect.stringMatching(
        /^INCOMPLETE {2}stash\/three-closers @ v7.3: budget of 0.\d+ s used up$/,
      ),
    ],
  ]);
  expect(tests[0]?.failureMessages[0]).toContain('1   ●   │   increment counter.value ➜ 0');
});
