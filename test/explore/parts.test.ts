/**
 * Explorations in parts: a stopped search of states that is taken up again, and units. Whatever is
 * cut where, the parts together must be the whole.
 */

import { describe, expect, test } from 'vitest';
import {
  BugBook,
  explore,
  Limits,
  machineOptionsFor,
  SharedStateTable,
  splitUnits,
  StateSearch,
  TABLE_FULL,
  type Frontier,
  type Program,
} from '../../src/explore/index.js';
import { finalState, fromRecipe, randomRecipe } from '../support/random-program.js';
import { ainc, lastzero, readers } from '../support/programs.js';

interface Whole {
  readonly states: number;
  readonly executions: number;
  readonly steps: number;
  readonly finals: readonly string[];
  readonly titles: readonly string[];
}

/** Search states, giving the search up for a new one after every `every` steps. */
function inParts(program: Program, every: number): Whole {
  const table = SharedStateTable.allocate(1 << 16);
  const finals = new Set<string>();
  const titles = new Set<string>();
  const total = { states: 0, executions: 0, steps: 0 };
  let frontier: Frontier | null = null;
  let first = true;
  do {
    const built = program.build(machineOptionsFor('states', { keepGoing: true }));
    const limits = new Limits({});
    const step = limits.step.bind(limits);
    limits.step = (depth) => {
      const goOn = step(depth);
      if (limits.steps >= every) limits.stopped ??= 'interrupted';
      return goOn && limits.stopped === null;
    };
    const book = new BugBook(built.machine);
    const search = new StateSearch(built, limits, book, {
      visited: new SharedStateTable(table),
      keepGoing: true,
      onEnd: (machine) => finals.add(finalState(machine)),
    });
    if (first) search.start();
    else search.resume(JSON.parse(JSON.stringify(frontier)) as Frontier);
    first = false;
    search.run();
    frontier = search.frontier();
    total.states += limits.states;
    total.executions += limits.executions;
    total.steps += limits.steps;
    for (const { title } of book.bugs) titles.add(title);
  } while (frontier !== null);
  return { ...total, finals: [...finals].sort(), titles: [...titles].sort() };
}

describe('a search of states that is stopped and taken up again', () => {
  test.each([1, 2, 3, 7])('after every %i steps: the union is the whole', (every) => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const program = fromRecipe(randomRecipe(seed, 5));
      expect(inParts(program, every), program.name).toEqual(
        inParts(program, Number.POSITIVE_INFINITY),
      );
    }
  });

  test('a full table stops it, and what is open goes on in a larger one', () => {
    const program = ainc(6);
    const built = program.build(machineOptionsFor('states', {}));
    const limits = new Limits({});
    const small = new SharedStateTable(SharedStateTable.allocate(1 << 6));
    const search = new StateSearch(built, limits, new BugBook(built.machine), {
      visited: {
        enter: (a, b, c) => small.enter(a, b, c),
        finish: () => undefined,
        get full() {
          return small.added >= 40;
        },
      },
      keepGoing: false,
    });
    search.go();
    expect(limits.stopped).toBe(TABLE_FULL);
    const frontier = search.frontier()!;
    const again = program.build(machineOptionsFor('states', {}));
    const rest = new Limits({});
    const large = new SharedStateTable(SharedStateTable.allocate(1 << 12));
    large.restore(small.dump());
    const second = new StateSearch(again, rest, new BugBook(again.machine), {
      visited: large,
      keepGoing: false,
    });
    second.resume(frontier);
    second.run();
    expect(rest.stopped).toBeNull();
    expect(limits.states + rest.states).toBe(explore(program, { engine: 'states' }).states);
  });
});

/** All units of a program, each explored on its own. */
function byUnits(program: Program, target: number): Omit<Whole, 'states' | 'steps'> {
  const finals = new Set<string>();
  const titles = new Set<string>();
  let executions = 0;
  for (const unit of splitUnits(program, target)) {
    const result = explore(program, {
      engine: 'dpor',
      keepGoing: true,
      minimise: false,
      unit,
      onEnd: (machine) => finals.add(finalState(machine)),
    });
    executions += result.executions;
    for (const { title } of result.bugs) titles.add(title);
  }
  return { executions, finals: [...finals].sort(), titles: [...titles].sort() };
}

describe('units', () => {
  test.each([ainc(5), readers(6), lastzero(6)])('$name: every trace once', (program) => {
    let executions = 0;
    for (const unit of splitUnits(program, 40)) {
      executions += explore(program, { engine: 'dpor', unit }).executions;
    }
    expect(executions).toBe(explore(program, { engine: 'dpor' }).executions);
  });

  test('random programs: the same final states and titles as in one go', () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const program = fromRecipe(randomRecipe(seed, 5));
      const finals = new Set<string>();
      const { executions, bugs } = explore(program, {
        engine: 'dpor',
        keepGoing: true,
        minimise: false,
        onEnd: (machine) => finals.add(finalState(machine)),
      });
      const parts = byUnits(program, 12);
      expect(parts, program.name).toEqual({
        executions,
        finals: [...finals].sort(),
        titles: bugs.map(({ title }) => title).sort(),
      });
    }
  });
});
