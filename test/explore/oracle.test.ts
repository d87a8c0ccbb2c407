/**
 * The explorers against brute force, on random programs over everything the machine offers.
 *
 * `npm run oracle -- --seed 1 --programs 100000` runs them for as long as one likes.
 */

import { describe, expect, test } from 'vitest';
import { explore, type Engine, type ExploreOptions } from '../../src/explore/index.js';
import {
  READ_ONCE,
  section_await,
  section_enter,
  section_exit,
  section_snapshot,
  WRITE_ONCE,
  type Task,
} from '../../src/machine/index.js';
import { program, Vars } from '../support/programs.js';
import { difference, explored, oracle } from '../support/compare.js';
import { fromRecipe, randomRecipe } from '../support/random-program.js';

const PROGRAMS = Number(process.env['ORACLE_PROGRAMS'] ?? 150);
const SEED = Number(process.env['ORACLE_SEED'] ?? 1);
const INSTRUCTIONS = 5;
const EXECUTIONS_MAX = 1000;

/** What differs from brute force with every operation a step of its own, by seed. */
function compare(
  run: (program: ReturnType<typeof fromRecipe>) => ReturnType<typeof explored> | null,
  programs: number,
): { compared: number; differences: string[] } {
  const differences: string[] = [];
  let compared = 0;
  for (let seed = SEED; seed < SEED + programs; seed += 1) {
    const recipe = randomRecipe(seed, INSTRUCTIONS);
    const program = fromRecipe(recipe);
    const expected = oracle(program, EXECUTIONS_MAX, false);
    if (expected === null) continue;
    const actual = run(program);
    if (actual === null) continue;
    compared += 1;
    const differs = difference(expected, actual);
    if (differs !== null) differences.push(`seed ${seed} ${JSON.stringify(recipe)}\n${differs}`);
  }
  return { compared, differences };
}

function engine(name: Engine, options: ExploreOptions = {}) {
  return (program: ReturnType<typeof fromRecipe>): ReturnType<typeof explored> =>
    explored(program, name, options);
}

describe('same final states and same bugs as brute force', () => {
  const TIMEOUT = 0;

  test(
    'joining a step with its invisible neighbours loses nothing',
    () => {
      const { compared, differences } = compare((p) => oracle(p, 100_000, true), PROGRAMS);
      expect(differences).toEqual([]);
      expect(compared).toBeGreaterThan(PROGRAMS / 2);
    },
    TIMEOUT,
  );

  test.each([
    ['states', engine('states')],
    ['dpor', engine('dpor')],
    ['dpor, every operation a step', engine('dpor', { machine: { fuse: false } })],
  ] as const)(
    '%s',
    (_name, run) => {
      const { compared, differences } = compare(run, PROGRAMS);
      expect(differences).toEqual([]);
      expect(compared).toBeGreaterThan(PROGRAMS / 2);
    },
    TIMEOUT,
  );

  test.each(['ignore-read-write', 'ignore-free'] as const)(
    'an explorer that is made to %s is caught',
    (fault) => {
      let caught = false;
      for (let seed = 1; seed < 4000 && !caught; seed += 1) {
        const program = fromRecipe(randomRecipe(seed, INSTRUCTIONS));
        const expected = oracle(program, 2000, true);
        if (expected === null) continue;
        caught = difference(expected, explored(program, 'dpor', { fault })) !== null;
      }
      expect(caught).toBe(true);
    },
    TIMEOUT,
  );

  test('an explorer that is made to ignore-grace-period is caught', () => {
    // Only the order of entering and of asking for a grace period decides what the waiter sees.
    const waiter = program('waiter', (machine) => {
      const rcu = machine.section({ name: 'RCU', impliedBySpinlock: true, atomic: true });
      const { x } = machine.global(new Vars(3), 'v');
      machine.addTask({ name: 'reader' }, function* (): Task<void> {
        yield* section_enter(rcu);
        yield* READ_ONCE(x[1]);
        yield* WRITE_ONCE(x[0], 1);
        yield* section_exit(rcu);
      });
      machine.addTask({ name: 'waiter' }, function* (): Task<void> {
        const token = yield* section_snapshot(rcu);
        yield* section_await(rcu, token);
        yield* WRITE_ONCE(x[2], 1 + (yield* READ_ONCE(x[0])));
      });
    });
    const seen = (fault: 'none' | 'ignore-grace-period'): number[] => {
      const values = new Set<number>();
      explore(waiter, {
        engine: 'dpor',
        fault,
        onEnd: (machine) => {
          for (const object of machine.globals) {
            if (object instanceof Vars) values.add(object.x[2].value);
          }
        },
      });
      return [...values].sort();
    };
    expect(seen('none')).toEqual([1, 2]);
    expect(seen('ignore-grace-period')).not.toEqual([1, 2]);
  });
});
