/**
 * Random small programs, explored and run in every order one by one: the same outcomes, the same
 * verdict. By call with a loop of our own; by access with the explorer's run of every interleaving.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createKernel, O, type Body, type FsReport, type Kernel, type Process } from 'dentrylab/fs';

type Call = readonly [name: string, ...args: unknown[]];

const SEED = 20_261_125;
const path = fc.constantFrom('/a', '/b', '/d/a');

/** Calls that see and change what others see and change. */
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.tuple(fc.constantFrom('unlink', 'rmdir', 'mkdir', 'readlink', 'access'), path),
  fc.tuple(fc.constantFrom('rename', 'link'), path, path),
  fc.tuple(fc.constant('symlink'), fc.constant('a'), path),
  fc.tuple(fc.constant('open'), path, fc.constantFrom(O.RDWR, O.RDWR | O.CREAT | O.EXCL)),
  fc.tuple(fc.constant('write'), fc.constant(0), fc.constantFrom('x', 'yz')),
  fc.tuple(fc.constant('pread'), fc.constant(0), fc.constant(9), fc.constant(0)),
  fc.tuple(fc.constant('close'), fc.constant(0)),
);

function bodyOf(calls: readonly Call[]): Body {
  return function* (sys) {
    const answers: unknown[] = [];
    for (const [name, ...args] of calls) {
      const body = Reflect.get(sys, name) as (...args: unknown[]) => ReturnType<Body>;
      answers.push(yield* body(...args));
    }
    return answers;
  };
}

const FILES = { '/a': 'text', '/d/': '' };

function kernelOf(programs: readonly (readonly Call[])[], threads: boolean): Kernel {
  const k = createKernel({ files: FILES });
  for (const [i, calls] of programs.entries()) {
    k.spawn('abc'[i], bodyOf(calls), threads && i > 0 ? { threadOf: 'a' } : {});
  }
  return k;
}

/** Outcomes of every order of the calls, each run on a kernel of its own; and how many orders. */
function inEveryOrder(
  programs: readonly (readonly Call[])[],
  threads: boolean,
): { outcomes: Set<string>; orders: number } {
  const outcomes = new Set<string>();
  let orders = 0;
  const visit = (order: readonly number[]): void => {
    const next = programs.map((calls, i) => calls.length > order.filter((p) => p === i).length);
    if (next.includes(true)) {
      for (const [i, isLeft] of next.entries()) if (isLeft) visit([...order, i]);
      return;
    }
    orders += 1;
    const { init } = createKernel({ files: FILES, dhash_entries: 16 });
    const processes: Process[] = [];
    for (const i of programs.keys()) {
      processes.push(threads && i > 0 ? processes[0].threadSync() : init.forkSync());
    }
    const answers: unknown[][] = programs.map(() => []);
    for (const i of order) {
      const [name, ...args] = programs[i][answers[i].length];
      const body = Reflect.get(processes[i], `${name}Sync`) as (...args: unknown[]) => unknown;
      answers[i].push(body(...args));
    }
    for (const [i, all] of answers.entries()) outcomes.add(`${'abc'[i]}: ${JSON.stringify(all)}`);
  };
  visit([]);
  return { outcomes, orders };
}

const sorted = (report: FsReport): string[] => Object.keys(report.outcomes).sort();

test('by call: outcomes and the number of interleavings are those of every order', async () => {
  const programs = fc.oneof(
    fc.array(fc.array(call, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 2 }),
    fc.array(fc.array(call, { minLength: 1, maxLength: 2 }), { minLength: 3, maxLength: 3 }),
  );
  await fc.assert(
    fc.asyncProperty(programs, fc.boolean(), async (calls, threads) => {
      const report = await kernelOf(calls, threads).explore();
      const { outcomes, orders } = inEveryOrder(calls, threads);
      expect(report.complete).toBe(true);
      expect(sorted(report)).toEqual([...outcomes].sort());
      expect(report.interleavings).toBe(orders);
    }),
    { numRuns: 12, seed: SEED },
  );
});

test('by access: two engines and every interleaving of short calls agree', async () => {
  const short = fc.oneof(
    fc.tuple(fc.constant('clockGettime')),
    fc.tuple(fc.constant('clockGettime')),
    fc.tuple(fc.constant('clockSettime'), fc.nat(9)),
  ) as fc.Arbitrary<Call>;
  const programs = fc.tuple(
    fc.array(short, { minLength: 1, maxLength: 3 }),
    fc.array(short, { minLength: 1, maxLength: 2 }),
  );
  const deciding: unknown[] = [];
  await fc.assert(
    fc.asyncProperty(programs, async (calls) => {
      const all = await kernelOf(calls, true).explore({ granularity: 'access', engine: 'brute' });
      expect(all.complete).toBe(true);
      for (const engine of ['states', 'dpor'] as const) {
        const report = await kernelOf(calls, true).explore({ granularity: 'access', engine });
        expect([engine, report.complete, sorted(report)]).toEqual([engine, true, sorted(all)]);
      }
      if (sorted(all).length > 2) deciding.push(calls);
    }),
    { numRuns: 6, seed: SEED },
  );
  // Some of them must have outcomes that depend on the order.
  expect(deciding.length).toBeGreaterThan(0);
});

test('by access: what two preemptions reach of calls on names is part of what is reached at all', async () => {
  const one = fc.oneof(
    fc.tuple(fc.constantFrom('unlink', 'readlink', 'access', 'mkdir'), fc.constantFrom('/a', '/d')),
    fc.tuple(fc.constant('write'), fc.constant(0), fc.constant('x')),
  ) as fc.Arbitrary<Call>;
  await fc.assert(
    fc.asyncProperty(fc.tuple(fc.tuple(one), fc.tuple(one)), async (calls) => {
      const [states, bounded] = await Promise.all(
        (['states', 'bounded'] as const).map((engine) =>
          kernelOf(calls, false).explore({ granularity: 'access', engine }),
        ),
      );
      expect(states.complete).toBe(true);
      // What two preemptions reach is part of what is reached at all.
      for (const outcome of sorted(bounded)) expect(sorted(states)).toContain(outcome);
    }),
    { numRuns: 2, seed: SEED },
  );
});
