/** `--watch`: every save is answered, an old one never after a newer one, and Ctrl-C ends it. */

import { rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { dlab, pause, Running, scratch } from '../../support/dlab.js';

const GOOD = `import { cmpxchg } from 'dentrylab';
export function* stash_dentry(k, stashed, dentry) {
  yield* k.rcu_read_lock();
  const old = yield* cmpxchg(stashed, null, dentry);
  const live = old !== null && (yield* k.lockref_get_not_dead(old.d_lockref));
  yield* k.rcu_read_unlock();
  return live ? old : dentry;
}
`;
/** Starting threads and the compiler takes long on a busy machine. */
const PATIENCE = 180_000;
const BLIND = `import { WRITE_ONCE } from 'dentrylab';
export function* stash_dentry(k, stashed, dentry) {
  yield* WRITE_ONCE(stashed, dentry);
  return dentry;
}
`;

test(
  'saves are answered one after the other, right or wrong; Ctrl-C: 130',
  async () => {
    const path = scratch('p.js');
    writeFileSync(path, BLIND);
    const run = new Running('check', 'race/b08-dput-in-rcu', '--with', path, '--watch');
    const answered = (save: number): Promise<boolean> =>
      run.until(() =>
        new RegExp(
          `save ${save} of [^]*(\\n {2}save ${save}: |mistake|error TS|no such file)`,
        ).test(run.out),
      );
    const textOf = (save: number): string => run.out.slice(run.out.indexOf(`save ${save} of `));
    try {
      expect(await answered(1)).toBe(true);
      expect(textOf(1)).toMatch(/✗ VIOLATED +race\/b08-dput-in-rcu @ fixed .*\(was HOLDS\)/);
      expect(textOf(1)).toContain('show  dlab show dlab1/');

      writeFileSync(path, GOOD.replace('yield* k.rcu_read_lock', 'k.rcu_read_lock'));
      expect(await answered(2)).toBe(true);
      expect(textOf(2)).toContain('3:3 - error no-floating-task');
      expect(textOf(2)).not.toMatch(/HOLDS|VIOLATED/);

      writeFileSync(path, 'export function* stash_dentry( {');
      expect(await answered(3)).toBe(true);
      expect(textOf(3)).toContain('error TS1005');

      rmSync(path);
      expect(await answered(4)).toBe(true);
      expect(textOf(4)).toContain('no such file');

      writeFileSync(path, GOOD);
      expect(await answered(5)).toBe(true);
      expect(textOf(5)).toMatch(/✓ HOLDS +race\/b08-dput-in-rcu/);

      run.kill('SIGINT');
      expect((await run.ended).code).toBe(130);
    } finally {
      run.kill('SIGKILL');
    }
  },
  PATIENCE,
);

test(
  'a newer save ends the check of the one before, whose results are not shown any more',
  async () => {
    const path = scratch('p.js');
    writeFileSync(path, GOOD);
    // More than can be explored while the test looks on.
    const run = new Running(
      'patch',
      path,
      'stash/three-closers',
      '--budget',
      '1h',
      '--watch',
      '--no-typecheck',
    );
    try {
      expect(await run.until(() => run.out.includes('save 1 of '))).toBe(true);
      // The first save may not have been read before.
      for (let i = 0; !run.out.includes('save 2 of ') && !run.isOver; i += 1) {
        writeFileSync(path, `${BLIND}// ${i}\n`);
        await pause(1000);
      }
      expect(run.out).toContain('save 1 given up: there is a newer one');
      run.kill('SIGINT');
      const { code, out } = await run.ended;
      expect(code).toBe(130);
      expect(out.slice(out.indexOf('save 2 of '))).not.toContain('save 1');
    } finally {
      run.kill('SIGKILL');
    }
  },
  PATIENCE,
);

test('--watch needs a file', () => {
  const { code, err } = dlab('check', 'stash/close-vs-open', '--watch');
  expect(code).toBe(2);
  expect(err).toContain('--watch needs a file: --with FILE.ts');
});
