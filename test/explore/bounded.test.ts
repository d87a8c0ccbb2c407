/** What cannot be exhausted: bounds and samples find what they promise, and never prove anything. */

import { describe, expect, test } from 'vitest';
import {
  explore,
  replay,
  type Built,
  type Decision,
  type Program,
} from '../../src/explore/index.js';
import { READ_ONCE, WARN, WRITE_ONCE, type Task } from '../../src/machine/index.js';
import { fromRecipe, randomRecipe } from '../support/random-program.js';
import { ainc, program, Vars } from '../support/programs.js';

const EXECUTIONS_MAX = 500;

/** Titles over all schedules with at most so many preemptions, one by one; null if too many. */
function enumerated(tested: Program, bound: number): string[] | null {
  const titles = new Set<string>();
  let executions = 0;
  const isOver = (): boolean => executions > EXECUTIONS_MAX;
  walk([], -1, 0);
  return isOver() ? null : [...titles].sort();

  function walk(schedule: readonly Decision[], last: number, preemptions: number): void {
    if (isOver()) return;
    const { machine, findings, ended } = replay(tested, schedule);
    for (const { title } of findings) titles.add(title);
    if (ended) {
      executions += 1;
      return;
    }
    const open = machine.tasks.filter((task) => machine.enabled(task));
    for (const task of open) {
      const preempts =
        !task.actor && last !== -1 && task.index !== last && open.some((t) => t.index === last);
      if (preempts && preemptions === bound) continue;
      for (let choice = 0; choice < machine.choices(task); choice += 1) {
        walk(
          [...schedule, { task: task.key, choice }],
          task.actor ? last : task.index,
          preemptions + (preempts ? 1 : 0),
        );
      }
    }
  }
}

describe('a bound on preemptions', () => {
  test.each([0, 1, 2])('finds exactly what the schedules with at most %i show', (bound) => {
    let compared = 0;
    for (let seed = 1; seed <= 12; seed += 1) {
      const tested = fromRecipe(randomRecipe(seed, 4));
      const expected = enumerated(tested, bound);
      if (expected === null) continue;
      compared += 1;
      const { bugs, verdict } = explore(tested, {
        engine: 'bounded',
        preemptions: bound,
        keepGoing: true,
        minimise: false,
      });
      expect({ seed, titles: bugs.map(({ title }) => title).sort() }).toEqual({
        seed,
        titles: expected,
      });
      expect(verdict).toBe(expected.length > 0 ? 'VIOLATED' : 'INCOMPLETE');
    }
    expect(compared).toBeGreaterThan(5);
  });

  test('is no proof even if no execution needs as many', () => {
    const { verdict, reason, guarantee } = explore(ainc(3), { engine: 'bounded', preemptions: 50 });
    expect({ verdict, reason, guarantee }).toEqual({
      verdict: 'INCOMPLETE',
      reason: 'only executions with at most 50 preemptions',
      guarantee: 'HOLDS for every schedule with at most 50 preemptions (not a proof)',
    });
  });
});

describe('samples', () => {
  test.each(['random', 'pct'] as const)('%s never proves anything', (engine) => {
    const { verdict, guarantee } = explore(ainc(2), { engine, budget: { executions: 2000 } });
    expect(verdict).toBe('INCOMPLETE');
    expect(guarantee).toMatch(engine === 'pct' ? /bug of depth 3/ : /distinct states/);
  });

  describe('PCT finds a bug at least as often as promised', () => {
    type Code = (x: Vars['x']) => Task<void>;
    const idle: Code = function* (x) {
      for (let i = 0; i < 3; i += 1) yield* READ_ONCE(x[1]);
    };
    const tested: readonly [depth: number, runs: number, tasks: readonly Code[]][] = [
      // One order: the last task of three goes first.
      [
        1,
        300,
        [
          function* (x) {
            yield* WRITE_ONCE(x[0], 1);
          },
          idle,
          function* (x) {
            if ((yield* READ_ONCE(x[0])) === 0) yield* WARN('first');
          },
        ],
      ],
      // Two: after the one store, before the other.
      [
        2,
        400,
        [
          function* (x) {
            yield* WRITE_ONCE(x[0], 1);
            yield* WRITE_ONCE(x[0], 0);
          },
          function* (x) {
            for (let i = 0; i < 4; i += 1) yield* READ_ONCE(x[1]);
            if ((yield* READ_ONCE(x[0])) === 1) yield* WARN('in between');
          },
        ],
      ],
      // Three: and the other store comes before the reader's next look.
      [
        3,
        1500,
        [
          function* (x) {
            yield* WRITE_ONCE(x[0], 1);
            yield* WRITE_ONCE(x[0], 0);
          },
          function* (x) {
            yield* READ_ONCE(x[1]);
            const first = yield* READ_ONCE(x[0]);
            const second = yield* READ_ONCE(x[0]);
            if (first === 1 && second === 0) yield* WARN('seen to change');
          },
        ],
      ],
    ];

    test.each(tested)('of depth %i, in %i runs', (depth, runs, codes) => {
      const buggy: Program = program(`depth ${depth}`, (machine) => {
        const { x } = machine.global(new Vars(2), 'v');
        for (const [i, code] of codes.entries()) machine.addTask({ name: `t${i}` }, () => code(x));
      });
      const { steps } = longestOf(buggy);
      const promised = 1 / (codes.length * steps ** (depth - 1));
      const deviation = Math.sqrt(runs * promised * (1 - promised));
      const foundWith = (used: number): number => {
        let found = 0;
        for (let seed = 1; seed <= runs; seed += 1) {
          const { bugs, guarantee } = explore(buggy, {
            engine: 'pct',
            seed,
            depth: used,
            // The first run learns how long runs are, so the second one keeps the promise.
            budget: { executions: 2 },
            minimise: false,
          });
          if (bugs.length > 0) found += 1;
          else if (used === depth) {
            expect(guarantee).toContain(
              `1/(${codes.length} tasks * ${steps} steps^${depth - 1}) = ${promised.toPrecision(2)}`,
            );
          }
        }
        return found;
      };
      // Seeds are fixed: what is within three deviations once is so every time.
      expect(foundWith(depth)).toBeGreaterThan(runs * promised - 3 * deviation);
      // The bug is of this depth and of no smaller one: fewer changes never find it.
      if (depth > 1) expect(foundWith(depth - 1)).toBe(0);
    });
  });
});

function longestOf(tested: Program): { steps: number } {
  const built: Built = tested.build({});
  let steps = 0;
  for (let task = next(); task !== undefined; task = next()) {
    built.machine.step(task);
    steps += 1;
  }
  return { steps };

  function next(): Built['machine']['tasks'][number] | undefined {
    return built.machine.tasks.find((t) => built.machine.enabled(t));
  }
}
