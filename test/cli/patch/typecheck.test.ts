/** What is said about a patch's types, and about tasks in it that nobody runs. */

import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { TypeChecker } from '../../../src/cli/patch/typecheck.js';
import { frameOf } from '../../../src/cli/patch/problem.js';
import { scratch } from '../../support/dlab.js';

const HEAD = `import { cmpxchg, type Dentry, type Stash, type Task, type VfsKernel } from 'dentrylab';
export function* stash_dentry(k: VfsKernel, stashed: Stash, dentry: Dentry): Task<Dentry> {
`;
const path = scratch('my.ts');
writeFileSync(path, '');
const warm = new TypeChecker(path);

/** The frames of what is wrong with a body of stash_dentry(), without their place. */
function problemsIn(body: string): string[] {
  writeFileSync(path, `${HEAD}${body}\n  return dentry;\n}\n`);
  return warm.check().map((problem) => frameOf(problem).replaceAll(`${path}:`, ''));
}

test('nothing is wrong with a patch that is right', () => {
  expect(
    problemsIn('  if ((yield* cmpxchg(stashed, null, dentry)) !== null) return dentry;'),
  ).toEqual([]);
});

test('a type error: place, message, the line and carets under what is wrong', () => {
  expect(problemsIn('  yield* k.rcu_reed_lock();')).toEqual([
    [
      "3:12 - error TS2551: Property 'rcu_reed_lock' does not exist on type 'VfsKernel'. Did you mean 'rcu_read_lock'?",
      '',
      '3    yield* k.rcu_reed_lock();',
      '              ^^^^^^^^^^^^^',
    ].join('\n'),
  ]);
});

test.each([
  ['k.rcu_read_lock();', 'k.rcu_read_lock()', 'never run'],
  ['cmpxchg(stashed, null, dentry);', 'cmpxchg(stashed, null, dentry)', 'never run'],
  ['void k.dput(dentry);', 'k.dput(dentry)', 'never run'],
  ['yield k.dput(dentry);', 'k.dput(dentry)', 'hands over the task itself'],
  ['if (k.lockref_get_not_dead(dentry.d_lockref)) return dentry;', 'k.lockref', 'always true'],
  ['while (!cmpxchg(stashed, null, dentry));', 'cmpxchg', 'always true'],
  ['const old = cmpxchg(stashed, null, dentry); yield* k.dput(dentry);', 'cmpxchg', 'variable'],
  ['if (cmpxchg(stashed, null, dentry) === null) return dentry;', 'cmpxchg', 'not its result'],
  ['(cmpxchg(stashed, null, dentry) as unknown as Dentry).d_flags;', 'cmpxchg', 'property'],
  ['[dentry].forEach(function* (d) { yield* k.dput(d); });', 'function*', 'drops the task'],
  ['yield* [k.dput(dentry)] as never;', '[k.dput(dentry)]', 'in this array'],
])('a task that nobody runs: %s', (line, at, message) => {
  const frames = problemsIn(`  ${line}`).filter((frame) => frame.includes('no-floating-task'));
  expect(frames).toHaveLength(1);
  expect(frames[0]).toContain(message);
  const [, , text, carets] = frames[0].split('\n') as [string, string, string, string];
  expect(text.slice(carets.indexOf('^'))).toMatch(
    new RegExp(`^${at.replace(/[()[\]*]/g, '\\$&')}`),
  );
});

test.each([
  'const task = k.dput(dentry); yield* task;',
  'const lose = (d: Dentry): Task<void> => k.dput(d); yield* lose(dentry);',
  'const all = [k.dput(dentry)]; for (const task of all) yield* task;',
  'let task: Task<void> | null = null; if (task === null) task = k.dput(dentry); yield* task;',
])('a task that somebody runs in the end is fine: %s', (line) => {
  expect(problemsIn(`  ${line}`)).toEqual([]);
});

test('a function that its callers cannot call is told so at its name', () => {
  writeFileSync(
    path,
    HEAD.replace('stashed: Stash, dentry: Dentry', 'dentry: Dentry, stashed: Stash') +
      '  yield* cmpxchg(stashed, null, dentry);\n  return dentry;\n}\n',
  );
  const frames = warm.check().map((problem) => frameOf(problem));
  expect(frames).toHaveLength(1);
  expect(frames[0]).toContain("'stash_dentry' does not fit where the kernel calls it");
  expect(frames[0]).toMatch(/function\* stash_dentry.*\n {20}\^{12}$/);
});

test('a task that nobody runs is found in code without types', () => {
  const script = scratch('my.js');
  writeFileSync(
    script,
    'export function* dput(k, dentry) {\n  k.d_drop(dentry);\n  k.unknown(dentry);\n}\n',
  );
  const problems = new TypeChecker(script).check();
  expect(problems.map(({ code, start }) => [code, start])).toEqual([['no-floating-task', 37]]);
});
