/** Exploring at every access: proven on small programs against every interleaving, one by one. */

import { describe, expect, test } from 'vitest';
import { createKernel, O, type Body, type Kernel } from 'dentrylab/fs';

/** A kernel with threads a, b, … that share descriptors and place, and /f open as 0. */
function threads(...bodies: Body[]): Kernel {
  const k = createKernel({ files: { '/f': 'text' } });
  k.spawn('a', bodies[0]);
  for (const [i, body] of bodies.slice(1).entries()) {
    k.spawn('bc'[i], body, { threadOf: 'a' });
  }
  return k;
}

const umask = (mask: number): Body =>
  function* (sys) {
    return yield* sys.umask(mask);
  };

describe('small programs: the same outcomes as every interleaving, one by one', () => {
  test.each<[string, () => Kernel]>([
    ['two set the umask', () => threads(umask(1), umask(2))],
    [
      'one moves, one asks where it is',
      () =>
        threads(
          function* (sys) {
            return yield* sys.clockSettime(5);
          },
          function* (sys) {
            return (yield* sys.clockGettime()) * 10 + (yield* sys.clockGettime());
          },
        ),
    ],
  ])('%s', async (_name, kernel) => {
    const all = await kernel().explore({ granularity: 'access', engine: 'brute' });
    expect(all.complete).toBe(true);
    expect(Object.keys(all.outcomes).length).toBeGreaterThan(2);
    for (const engine of ['states', 'dpor'] as const) {
      const report = await kernel().explore({ granularity: 'access', engine });
      expect(report.verdict).toBe('HOLDS');
      expect(Object.keys(report.outcomes).sort()).toEqual(Object.keys(all.outcomes).sort());
    }
  });

  test('an answer that no order of calls gives: a umask is not exchanged in one step', async () => {
    const k = threads(umask(1), umask(2));
    const calls = await k.explore();
    const accesses = await k.explore({ granularity: 'access' });
    // Both are told the first mask.
    expect(calls.outcomes['a: 18']).toBe('sometimes');
    k.finally(function* (sys) {
      return (yield* sys.getpid()) === 1 ? null : 'another process';
    });
    expect(accesses.verdict).toBe('HOLDS');
    expect(Object.keys(accesses.outcomes).sort()).toEqual(['a: 18', 'a: 2', 'b: 1', 'b: 18']);
  });
});

/** Programs that take a lock and find out whether they are alone. */
const critical = (lock: Body): Kernel => {
  const k = createKernel();
  for (const name of ['a', 'b']) {
    k.spawn(name, function* (sys) {
      if ((yield* lock(sys) as ReturnType<typeof sys.getpid>) !== 0) return 'outside';
      if ((yield* sys.link('/lock', '/inside')) !== 0) throw new Error('two are inside');
      return 'inside';
    });
  }
  return k;
};

describe('a lock file', () => {
  const right: Body = function* (sys) {
    const fd = yield* sys.open('/lock', O.CREAT | O.EXCL | O.WRONLY);
    return fd < 0 ? fd : 0;
  };
  const wrong: Body = function* (sys) {
    if ((yield* sys.access('/lock')) === 0) return -1;
    const fd = yield* sys.open('/lock', O.CREAT | O.WRONLY);
    return fd < 0 ? fd : 0;
  };

  test.each(['call', 'access'] as const)('O_EXCL lets one in, by %s', async (granularity) => {
    const report = await critical(right).explore({ granularity, states: 500_000 });
    expect(report.text).toContain('HOLDS');
    expect(report.outcomes).toEqual({
      'a: "inside"': 'sometimes',
      'a: "outside"': 'sometimes',
      'b: "inside"': 'sometimes',
      'b: "outside"': 'sometimes',
    });
  });

  test.each([{ granularity: 'call' }, { granularity: 'access', engine: 'bounded' }] as const)(
    'a look before lets two in, by %o',
    async (options) => {
      const report = await critical(wrong).explore(options);
      expect(report.verdict).toBe('VIOLATED');
      expect(report.bugs[0].title).toContain('two are inside');
      expect(report.bugs[0].switches).toBeLessThanOrEqual(5);
      expect(report.text).toMatch(/access\("\/lock"\).*/u);
    },
  );
});
