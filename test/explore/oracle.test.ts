/**
 * The explorers against brute force, on random programs over everything the machine offers.
 *
 * ORACLE_PROGRAMS=100000 npx vitest run test/explore/oracle.test.ts runs for as long as one likes;
 * ORACLE_SEED starts elsewhere.
 */

import { describe, expect, test } from 'vitest';
import type { Engine, ExploreOptions } from '../../src/explore/index.js';
import { difference, explored, oracle } from '../support/compare.js';
import { fromRecipe, randomRecipe } from '../support/random-program.js';

const PROGRAMS = Number(process.env['ORACLE_PROGRAMS'] ?? 240);
const SEED = Number(process.env['ORACLE_SEED'] ?? 1);
const INSTRUCTIONS = 5;
const EXECUTIONS_MAX = 6000;

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
  const TIMEOUT = 600_000;

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

  test.each(['ignore-read-write', 'ignore-free', 'ignore-grace-period'] as const)(
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
});
