/** `dlab check` with --liveness and --symmetry: what is printed, and the exit codes. */

import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;

async function dlab(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [MAIN, ...args]);
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

describe('dlab check', () => {
  test('--liveness: the loop is lock-free on a lockref that is a counter', async () => {
    const scenario = ['check', 'stash/close-vs-open', '--liveness', '--lockref', 'counter'];
    const { code, out } = await dlab(...scenario);
    expect(code).toBe(0);
    expect(out).toContain('no livelock');
    expect(out).toContain('retries: at most 1 in stash_dentry');
    expect(out).toContain('lock-free: stash_dentry: yes');
    expect(out).toContain('nobody ever waits for anybody');
  }, 60_000);

  test('--symmetry: fewer states, and the verdict says so', async () => {
    const states = ({ out }: { out: string }): number =>
      Number(/([\d,]+) states/.exec(out)![1].replaceAll(',', ''));
    const full = await dlab('check', 'stash/close-vs-close');
    const reduced = await dlab('check', 'stash/close-vs-close', '--symmetry');
    expect(reduced.code).toBe(0);
    expect(reduced.out).toContain('up to renaming of 2 symmetric tasks');
    expect(full.out).not.toContain('renaming');
    expect(states(reduced)).toBeLessThan(states(full));
  }, 60_000);

  test('--symmetry is for the search of states', async () => {
    const { code, err } = await dlab('check', 'stash/close-vs-close', '--symmetry', '--pct', '1');
    expect(code).toBe(2);
    expect(err).toContain('--symmetry needs the engine states');
  });

  describe('a patch that goes round for ever', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'dlab-')), 'round.mjs');
    const machine = new URL('../../dist/machine/index.js', import.meta.url).href;
    writeFileSync(
      file,
      `import { AGAIN, retry, spin_lock, spin_unlock } from '${machine}';
       function* round(lock) {
         yield* spin_lock(lock);
         yield* spin_unlock(lock);
         return AGAIN;
       }
       export function* d_delete(k, dentry) {}
       export function* stash_dentry(k, stashed, dentry) {
         return yield* retry(round, dentry.d_lockref);
       }\n`,
    );
    const args = ['check', 'stash/close-vs-open', '--with', file];
    const tokenIn = (out: string): string => /dlab show (dlab1\S+)/.exec(out)![1];

    test('is found without being asked, and its token shows the way there and the round', async () => {
      const { code, out } = await dlab(...args);
      expect(out).toContain('livelock: stash_dentry retries for ever');
      expect(code).toBe(1);
      expect(tokenIn(out)).toMatch(/\/[^/:]*:[^/:]+~/);
      const shown = await dlab('show', tokenIn(out), '--with', file);
      expect({ code: shown.code, err: shown.err }).toEqual({ code: 1, err: '' });
      expect(shown.out).toContain('~ from here on round and round, for ever:');
      const [, last, first] = /after step (\d+) all is as it was after step (\d+)/.exec(shown.out)!;
      expect(Number(first)).toBeLessThan(Number(last));
      const json = await dlab('show', tokenIn(out), '--with', file, '--json');
      expect((JSON.parse(json.out) as { cycleFrom: number }).cycleFrom).toBe(Number(first));
    }, 120_000);

    test('is found after --resume as well, whatever part of it was explored before', async () => {
      for (const budget of ['5', '15']) {
        const path = join(mkdtempSync(join(tmpdir(), 'dlab-')), 'check.point');
        const cut = await dlab(...args, '--budget', budget, '--checkpoint', path);
        expect({ code: cut.code, livelock: cut.out.includes('livelock') }).toEqual({
          code: 3,
          livelock: false,
        });
        const resumed = await dlab(...args, '--resume', path);
        expect(resumed.out).toContain('livelock: stash_dentry retries for ever');
        expect(resumed.code).toBe(1);
      }
    }, 120_000);
  });
});
