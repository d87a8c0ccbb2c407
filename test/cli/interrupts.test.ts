/** Signals: once stops with what there is and says how to go on. */

import { existsSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { dlab, Running, scratch, versionOf } from '../support/dlab.js';

const ARGS = ['stash/close-vs-two-opens', '--engine', 'states', '-j', '1'];
const statesIn = (out: string): string => /([\d,]+) states, /.exec(out)![1];
/** What a check counts that nobody stops. */
let whole: string;

beforeAll(() => {
  whole = statesIn(dlab('check', ...ARGS).out);
}, 60_000);

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s: INCOMPLETE, exit 130, and the printed command ends the check',
  async (signal) => {
    const file = scratch('check.point');
    const run = new Running('check', ...ARGS, '--checkpoint', file, '--checkpoint-every', '50ms');
    expect(await run.until(() => versionOf(file) !== 0)).toBe(true);
    run.kill(signal);
    const { code, out, err } = await run.ended;
    expect({ code, err: err.includes('dlab: go on with: dlab check') }).toEqual({
      code: 130,
      err: true,
    });
    expect(out).toContain('INCOMPLETE');
    expect(out).toContain('not a proof: interrupted');
    expect(statesIn(out)).not.toBe(whole);
    expect(existsSync(file)).toBe(true);
    const words = /go on with: dlab (.*)/.exec(err)![1].split(' ');
    const resumed = dlab(...words);
    expect(resumed.code, resumed.err).toBe(0);
    expect(statesIn(resumed.out)).toBe(whole);
  },
);

test('a reader that is interrupted too does not make it a success', async () => {
  const file = scratch('check.point');
  const run = new Running(
    ...['check', 'stash/three-closers', '--checkpoint', file, '--checkpoint-every', '200ms'],
  );
  expect(await run.until(() => versionOf(file) !== 0)).toBe(true);
  run.child.stdout!.destroy();
  run.kill('SIGINT');
  expect((await run.ended).code).toBe(130);
});
