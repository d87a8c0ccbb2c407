/** Patch files as users write them, right and wrong: loaded, or refused with what helps. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PatchFolder } from '../../../src/cli/patch/compile.js';
import { dlab, scratch } from '../../support/dlab.js';

const STASH = `export function* stash_dentry(k, stashed, dentry) {
  yield* WRITE_ONCE(stashed, dentry);
  return dentry;
}
`;

function file(name: string, text: string): string {
  const path = scratch(name);
  writeFileSync(path, text);
  return path;
}

function checkWith(path: string): ReturnType<typeof dlab> {
  return dlab('check', 'stash/close-vs-open', '--with', path, '--no-typecheck');
}

describe('refused with exit 2', () => {
  test.each([
    ['a missing file', scratch('none.ts'), /none\.ts: no such file.*dlab new variant/],
    ['a folder', dirname(scratch('x')), /not a file/],
    [
      'a syntax error',
      file('p.ts', 'export function* dput( {\n'),
      /p\.ts:1:25 - error TS1005: .*\n\n1 .*\n {27}\^/,
    ],
    [
      'an import of nothing',
      file('p.ts', "import { x } from './x.js';\nx();"),
      /imports '.\/x.js': no such file/,
    ],
    [
      'a package',
      file('p.ts', "import x from 'no-such-package';\nx();"),
      /no-such-package', which is not installed/,
    ],
  ])('%s', (_what, path, message) => {
    const folder = new PatchFolder();
    expect(() => folder.compile(path)).toThrow(message);
    folder.remove();
  });

  test.each([
    [
      'a file that throws when it is loaded',
      'null.x;\n',
      /cannot be loaded: TypeError: .*\n {2}at .*p\.js:1:6/,
    ],
    [
      'a loop without an end when it is loaded',
      '\nwhile (true);\n',
      /p\.js:2:1: this loop went round/,
    ],
    [
      'a loop without an end in a function',
      STASH.replace(
        'yield*',
        'let n = 0;\n  outer: for (;;) while (n >= 0) if ((n += 1) > 5) continue outer;\n  yield*',
      ),
      /p\.js:3:10: this loop went round/,
    ],
    [
      'a function that throws',
      STASH.replace('yield*', 'k.nope(); yield*'),
      /throws when it runs: TypeError: k.nope is not a function\n {2}at .*p\.js:2:5/,
    ],
    [
      'a name that no kernel function has',
      'export function* stash_dentri() {}',
      /nearest are stash_dentry,/,
    ],
  ])('%s', (_what, text, message) => {
    const { code, out, err } = checkWith(file('p.js', text));
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
  });
});

test('a patch of several files, with names imported that are types only, runs', () => {
  const path = file(
    'main.ts',
    `import { put, Dentry } from './lib/put.js';
import { VfsKernel, Stash } from 'dentrylab';
export function* stash_dentry(k: VfsKernel, stashed: Stash, dentry: Dentry) {
  yield* put(stashed, dentry);
  return dentry;
}
`,
  );
  mkdirSync(join(dirname(path), 'lib'));
  writeFileSync(
    join(dirname(path), 'lib', 'put.ts'),
    `import { WRITE_ONCE, type Dentry, type Stash, type Task } from 'dentrylab';
export type { Dentry };
export function* put(stashed: Stash, dentry: Dentry): Task<void> {
  yield* WRITE_ONCE(stashed, dentry);
}
`,
  );
  const { code, out } = checkWith(path);
  expect(code).toBe(1);
  expect(out).toContain('invariant: an open dentry is in the stash');
  expect(out).toContain(`--with ${path}`);
});
