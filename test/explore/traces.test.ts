/** Every Mazurkiewicz trace is run, and no trace twice, on random programs. */

import { describe, expect, test } from 'vitest';
import { allTraces, tracesOfDpor } from '../support/trace-sets.js';
import { fromRecipe, randomRecipe } from '../support/random-program.js';

const PROGRAMS = Number(process.env['ORACLE_PROGRAMS'] ?? 300);
const SEED = Number(process.env['ORACLE_SEED'] ?? 1);
const INTERLEAVINGS_MAX = 800;

describe('one execution per Mazurkiewicz trace', () => {
  test.each([5, 6])(
    'random programs of %i instructions',
    (instructions) => {
      const missed: string[] = [];
      const repeated: string[] = [];
      const blocked: string[] = [];
      let compared = 0;
      for (let seed = SEED; seed < SEED + PROGRAMS; seed += 1) {
        const recipe = randomRecipe(seed, instructions);
        const program = fromRecipe(recipe);
        const all = allTraces(program, INTERLEAVINGS_MAX);
        if (all === null) continue;
        compared += 1;
        const run = tracesOfDpor(program);
        const distinct = new Set(run.traces);
        const where = `seed ${seed}: ${distinct.size} of ${all.size}, ${run.traces.length} runs, ${run.blocked} blocked`;
        if ([...all].some((trace) => !distinct.has(trace))) missed.push(where);
        if (distinct.size < run.traces.length) repeated.push(where);
        if (run.blocked > 0) blocked.push(where);
      }
      expect({ missed, repeated, blocked }).toEqual({ missed: [], repeated: [], blocked: [] });
      expect(compared).toBeGreaterThan(PROGRAMS / 3);
    },
    0,
  );
});
