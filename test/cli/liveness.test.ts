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

  test('a patch that goes round for ever is found without being asked', async () => {
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
    const { code, out } = await dlab('check', 'stash/close-vs-open', '--with', file);
    expect(out).toContain('livelock: stash_dentry retries for ever');
    expect(code).toBe(1);
  }, 60_000);
});
