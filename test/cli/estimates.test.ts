/** Estimates of how much there is to do: within a factor of two of the truth, their error included. */

import { describe, expect, test } from 'vitest';
import { unitsOf } from '../../src/cli/run-units.js';
import {
  BugBook,
  exploreDpor,
  extrapolate,
  Limits,
  machineOptionsFor,
  Prng,
} from '../../src/explore/index.js';
import { findScenario, findVariant, programOf } from '../../src/scenario/index.js';

/** Parts that threads have finished, and those they are at, when so much of the work is done. */
function snapshot(
  order: readonly number[],
  threads: number,
  work: number,
): { finished: number[]; underWay: number[] } {
  const finished: number[] = [];
  const queue = [...order];
  let at = queue.splice(0, threads).map((size) => ({ size, soFar: 0 }));
  let done = 0;
  for (let turn = 0; done < work && at.length > 0; turn += 1) {
    const one = at[turn % at.length];
    // A part may be empty: everything in it is explored elsewhere.
    one.soFar += Math.min(1, one.size);
    done += Math.min(1, one.size);
    if (one.soFar < one.size) continue;
    finished.push(one.size);
    at = at.filter((other) => other !== one);
    if (queue.length > 0) at.push({ size: queue.shift()!, soFar: 0 });
  }
  return { finished, underWay: at.map(({ soFar }) => soFar) };
}

function shuffled(sizes: readonly number[], seed: number): number[] {
  const prng = new Prng(seed);
  const order = [...sizes];
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = prng.below(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

const PARTS = [0.1, 0.25, 0.5, 0.75, 1];

function check(sizes: readonly number[]): void {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let said = 0;
  for (let seed = 0; seed < 20; seed += 1) {
    // Seed 0 is the order that a check takes.
    const order = seed === 0 ? sizes : shuffled(sizes, seed);
    for (const threads of [1, 2, 8]) {
      for (const part of PARTS) {
        const { finished, underWay } = snapshot(
          order,
          threads,
          part === 1 ? Infinity : total * part,
        );
        const estimate = extrapolate(finished, underWay, sizes.length);
        if (estimate === null) continue;
        said += 1;
        const { executions, error } = estimate;
        const range = [(executions - error) / 2, 2 * (executions + error)];
        const where = { seed, threads, part, total, executions: Math.round(executions), range };
        expect(where).toSatisfy(() => range[0] <= total && total <= range[1]);
        if (part === 1) expect(estimate).toEqual({ executions: total, error: 0 });
      }
    }
  }
  // Not by saying nothing.
  expect(said).toBeGreaterThan(20 * 3 * PARTS.length * 0.75);
}

describe('within a factor of two of the truth, from a tenth of the work on', () => {
  test.each([['stash/close-vs-close', 'v7.3']])('%s @ %s', (name, variant) => {
    const scenario = findScenario(name);
    const program = programOf(scenario, { variant: findVariant(scenario, variant) });
    const machine = machineOptionsFor('dpor', {});
    const built = program.build(machine);
    check(
      unitsOf(program).map((unit) => {
        const limits = new Limits({});
        const book = new BugBook(built.machine);
        const options = { keepGoing: false, machine, unit, onEnd: () => undefined };
        exploreDpor(program, built, limits, book, options);
        return limits.executions;
      }),
    );
  });

  test('sizes that differ by two orders of magnitude', () => {
    const prng = new Prng(5);
    check(
      Array.from({ length: 256 }, () => Math.ceil(Math.exp(5 * (prng.below(1000) / 1000) ** 2))),
    );
  });
});

test('too little to go by says nothing', () => {
  expect(extrapolate([5, 5, 5], [1, 1, 1, 1, 1, 1], 256)).toBeNull();
  expect(extrapolate([5, 5, 5, 5], [1], 256)).toBeNull();
  expect(extrapolate([5, 5], [], 2)).toEqual({ executions: 10, error: 0 });
});
