/** Checkpoints: whatever kills a run, it goes on and ends as if nothing had happened. */

import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { Prng } from '../../src/explore/prng.js';
import {
  dlab,
  pause,
  resultOf,
  Running,
  scratch,
  shell,
  versionOf,
  type Ran,
} from '../support/dlab.js';

const OFTEN = ['--checkpoint-every', '50ms'];

/** What must not depend on how often a run was killed. */
function essence(ran: Ran): Record<string, unknown> {
  const { verdict, states, executions, neverTaken, engine } = resultOf(ran);
  return { code: ran.code, engine, verdict, states, executions, neverTaken };
}

describe('killed at random moments, a run ends with the same counts', () => {
  const cases = [
    { args: ['stash/close-vs-two-opens', '--engine', 'states'] },
    { args: ['stash/close-vs-close', '--engine', 'dpor'] },
  ];
  const whole = new Map<string, Record<string, unknown>>();
  beforeAll(() => {
    for (const { args } of cases) whole.set(args.join(), essence(dlab('check', ...args, '--json')));
  }, 60_000);

  test.each(
    cases.flatMap(({ args }) => [1, 2].map((jobs) => ({ args: [...args, '-j', `${jobs}`], jobs }))),
  )('$args', async ({ args, jobs }) => {
    const file = scratch('check.point');
    const prng = new Prng(jobs);
    let kills = 0;
    let attempts = 0;
    for (;;) {
      const before = versionOf(file);
      const go = before === 0 ? ['--checkpoint', file] : ['--resume', file];
      const run = new Running('check', ...args, ...go, ...OFTEN, '--json');
      // The last one is left alone.
      const isUp = kills < 3 && (await run.until(() => versionOf(file) !== before));
      if (isUp) {
        await pause(prng.below(120));
        run.kill('SIGKILL');
        kills += 1;
      }
      const ran = await run.ended;
      if (ran.code === null) continue;
      // Over before anything was saved: a fast machine. Once more.
      if (kills === 0 && attempts++ < 5) continue;
      expect(essence(ran), ran.err).toEqual(whole.get(args.slice(0, -2).join()));
      break;
    }
    expect(kills).toBeGreaterThan(0);
  });
});

describe('a checkpoint that does not fit', () => {
  const args = ['stash/close-vs-close', '-j', '1'];
  const saved = scratch('saved');
  let good: Buffer;

  /** Leave a checkpoint behind. */
  const leave = async (path: string, ...words: string[]): Promise<void> => {
    while (versionOf(path) === 0) {
      const run = new Running(
        'check',
        ...words,
        '--checkpoint',
        path,
        '--checkpoint-every',
        '10ms',
      );
      if (await run.until(() => versionOf(path) !== 0)) run.kill('SIGKILL');
      await run.ended;
    }
  };

  beforeAll(async () => {
    await leave(saved, ...args);
    good = readFileSync(saved);
  }, 60_000);

  const refused = (path: string, message: RegExp, ...others: string[]): void => {
    const before = readFileSync(path);
    const words = others.length > 0 ? others : args;
    const { code, out, err } = dlab('check', ...words, '--resume', path);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
    expect(readFileSync(path).equals(before)).toBe(true);
  };

  test('a flipped bit anywhere is seen', () => {
    const prng = new Prng(7);
    const places = [
      0,
      30,
      good.length - 1,
      ...Array.from({ length: 3 }, () => prng.below(good.length)),
    ];
    for (const at of places) {
      const path = scratch('flipped');
      const bytes = Buffer.from(good);
      bytes[at] ^= 1 << prng.below(8);
      writeFileSync(path, bytes);
      refused(path, at === 0 ? /is not a checkpoint/ : /is damaged/);
    }
  });

  test('truncated, empty, another file, a directory, none', () => {
    for (const length of [0, 40, good.length - 1]) {
      const path = scratch('short');
      writeFileSync(path, good);
      truncateSync(path, length);
      refused(path, length < 23 ? /is not a checkpoint/ : /is damaged/);
    }
    const other = scratch('notes.txt');
    writeFileSync(other, 'milk, bread\n');
    refused(other, /is not a checkpoint/);
    const missing = dlab('check', ...args, '--resume', scratch('none'));
    expect(missing.code).toBe(2);
    expect(missing.err).toMatch(/cannot read the checkpoint/);
  });

  test('of another check, or of other code', () => {
    refused(saved, /belongs to another check: stash\/close-vs-close/, 'stash/close-vs-open');
    refused(saved, /belongs to another check/, ...args, '--lockref', 'counter');
  });

  test('of a patch that was changed since', async () => {
    const patch = scratch('patch.ts');
    writeFileSync(patch, readFileSync('examples/my-stash.ts'));
    const path = scratch('patched');
    const words = ['stash/close-vs-close', '-j', '1', '--with', patch];
    await leave(path, ...words);
    writeFileSync(patch, `${readFileSync(patch, 'utf8')}\n// changed\n`);
    refused(path, /made by other code/, ...words);
  });
});

describe('a checkpoint that cannot be written', () => {
  const args = ['stash/close-vs-two-opens', '--engine', 'states', '-j', '1'];

  test('the disk is full: a warning, the run goes on, what was saved is whole', () => {
    const path = scratch('small');
    // Checkpoints grow with the states: the first ones fit under the limit, later ones do not.
    const ran = shell(
      `ulimit -f 400; $DLAB check ${args.join(' ')} --checkpoint ${path} ${OFTEN.join(' ')}`,
    );
    expect(ran.code).toBe(0);
    expect(ran.out).toContain('HOLDS');
    expect(ran.err).toMatch(/cannot write the checkpoint .*EFBIG/);
    const resumed = dlab('check', ...args, '--resume', path);
    expect(resumed.code, resumed.err).toBe(0);
    const count = (text: string): string => /[\d,]+ states/.exec(text)![0];
    expect(count(resumed.out)).toBe(count(ran.out));
  });

  test('no space left: the draft is lost, the checkpoint is not', () => {
    const path = scratch('full');
    symlinkSync('/dev/full', `${path}.tmp`);
    const small = ['stash/close-vs-close', '--engine', 'dpor', '-j', '1'];
    const ran = dlab('check', ...small, '--checkpoint', path, ...OFTEN);
    expect(ran.code).toBe(0);
    expect(ran.err).toMatch(/cannot write the checkpoint .*ENOSPC/);
  });

  test('places where none can be are refused at once', () => {
    const notes = scratch('notes.txt');
    writeFileSync(notes, 'milk, bread\n');
    const directory = scratch('directory');
    mkdirSync(directory);
    for (const [path, message] of [
      [scratch('none/check.point'), /no such directory/],
      [directory, /is not a regular file/],
      ['/dev/full', /is not a regular file/],
      [notes, /is not a checkpoint/],
    ] as const) {
      const { code, out, err } = dlab('check', ...args, '--checkpoint', path);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toMatch(message);
    }
    expect(readFileSync(notes, 'utf8')).toBe('milk, bread\n');
  });
});
