/** Budgets by count: where they stop a check does not depend on the number of threads. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UnitBudget, type UnitAnswer } from '../../src/cli/unit-budget.js';
import { explore } from '../../src/explore/index.js';
import { dlab, resultOf, scratch } from '../support/dlab.js';
import { ainc } from '../support/programs.js';

/** A unit that ends, or finds a bug, after so many executions. */
interface Unit {
  readonly executions: number;
  readonly bug: boolean;
}

function answerOf(unit: Unit, most: number): UnitAnswer {
  const executions = Math.min(unit.executions, most);
  const cut = executions === most ? `budget of ${most} executions used up` : null;
  const reason = unit.bug && unit.executions <= most ? 'a bug was found' : cut;
  const none = { blocked: 0, states: 0, steps: 0, depth: 0, bugs: [], taken: [] };
  return { reason, found: { ...none, executions } };
}

/** Explore with threads that finish in the order of `turns`. */
function outcomeOf(units: readonly Unit[], most: number, turns: readonly number[]): unknown {
  const budget = new UnitBudget([...units.keys()], most);
  const threads = new Map<number, number>();
  let begun = 0;
  for (const turn of [...turns, ...turns, 0, 0, 0, 1, 2, 3].concat(units.map((_, i) => i % 4))) {
    const unit = threads.get(turn % 4);
    if (unit !== undefined) budget.add(unit, answerOf(units[unit], most));
    threads.delete(turn % 4);
    if (budget.isOpen && begun < units.length) threads.set(turn % 4, begun++);
  }
  for (const unit of threads.values()) budget.add(unit, answerOf(units[unit], most));
  for (; budget.isOpen; begun += 1) budget.add(begun, answerOf(units[begun], most));
  const { last } = budget;
  if (last !== null) budget.add(last.unit, answerOf(units[last.unit], last.most));
  return budget.outcome();
}

describe('a budget over units', () => {
  const unit = fc.record({ executions: fc.integer({ min: 1, max: 20 }), bug: fc.boolean() });
  const units = fc.array(unit, { minLength: 1, maxLength: 12 });

  test('ends at the same place whoever finishes first', () => {
    const turns = fc.array(fc.nat(3), { maxLength: 30 });
    fc.assert(
      fc.property(units, fc.integer({ min: 1, max: 80 }), turns, (all, most, order) => {
        expect(outcomeOf(all, most, order)).toEqual(outcomeOf(all, most, []));
      }),
    );
  });

  test('counts exactly what it says, or everything, or up to the first bug', () => {
    fc.assert(
      fc.property(units, fc.integer({ min: 1, max: 80 }), (all, most) => {
        const budget = new UnitBudget([...all.keys()], most);
        for (const [i, one] of all.entries()) budget.add(i, answerOf(one, most));
        const { last } = budget;
        if (last !== null) budget.add(last.unit, answerOf(all[last.unit], last.most));
        const { counted, reason } = budget.outcome();
        const total = counted.reduce((sum, { executions }) => sum + executions, 0);
        const firstBug = all.findIndex(({ bug }) => bug);
        const upTo = firstBug === -1 ? all : all.slice(0, firstBug + 1);
        const whole = upTo.reduce((sum, { executions }) => sum + executions, 0);
        expect(total).toBe(Math.min(most, whole));
        if (total < whole) expect(reason).toBe(`budget of ${most} executions used up`);
      }),
    );
  });
});

test.each([
  ['dpor', 'executions'],
  ['states', 'states'],
] as const)('the engine %s stops at exactly so many %s', (engine, count) => {
  for (const budget of [1, 50, 119]) {
    const result = explore(ainc(5), { engine, budget: { executions: budget } });
    expect(result[count]).toBe(Math.min(budget, engine === 'states' ? 32 : 120));
    expect(result.verdict).toBe(engine === 'states' && budget > 32 ? 'HOLDS' : 'INCOMPLETE');
  }
});

describe('dlab check --budget with a count', () => {
  const run = (...args: string[]): Record<string, unknown> => {
    const result = resultOf(dlab('check', ...args, '--json'));
    delete result['seconds'];
    return result;
  };

  test.each([
    ['dpor', '3k', 'executions'],
    ['states', '3k', 'states'],
  ])(
    'engine %s, %s: the same report with one, two and three threads',
    (engine, budget, what) => {
      const args = ['stash/close-vs-close-reopen', '--engine', engine, '--budget', budget];
      const [one, two, three] = ['1', '2', '3'].map((jobs) => run(...args, '-j', jobs));
      const count = Number.parseInt(budget) * 1000;
      expect(one).toMatchObject({
        verdict: 'INCOMPLETE',
        [what]: count,
        reason: `budget of ${count} ${what} used up`,
      });
      expect(two).toEqual(one);
      expect(three).toEqual(one);
    },
    120_000,
  );

  test('counts what was done before --resume, too', () => {
    const path = scratch('check.point');
    const args = ['stash/close-vs-close', '--engine', 'states'];
    const first = run(...args, '--budget', '500', '--checkpoint', path);
    expect(first['states']).toBe(500);
    expect(run(...args, '--budget', '500', '--resume', path)['states']).toBe(500);
    expect(run(...args, '--budget', '900', '--resume', path)['states']).toBe(900);
  }, 120_000);
});
