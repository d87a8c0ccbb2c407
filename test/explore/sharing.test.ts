/** Searches that share their work find together what one finds alone. */

import { expect, test } from 'vitest';
import {
  BugBook,
  explore,
  Limits,
  machineOptionsFor,
  StateSearch,
  type Decision,
  type Program,
} from '../../src/explore/index.js';
import { WRITE_ONCE } from '../../src/machine/index.js';
import { StateTable } from '../../src/explore/state-table.js';
import { findScenario, findVariant, programOf } from '../../src/scenario/index.js';
import { program, Vars } from '../support/programs.js';

/** Search states, and give away a decision whenever that is possible; then follow what was given. */
function shared(searched: Program): { titles: string[]; executions: number; given: number } {
  const built = searched.build(machineOptionsFor('states', {}));
  const limits = new Limits({});
  const book = new BugBook(built.machine);
  const paths: (readonly Decision[])[] = [];
  let given = 0;
  const search = new StateSearch(built, limits, book, {
    visited: new StateTable(),
    keepGoing: false,
    sharing: {
      wanted: () => true,
      give: (path) => {
        given += 1;
        paths.push([...path]);
        return true;
      },
    },
  });
  search.start();
  for (;;) {
    search.run();
    const path = paths.shift();
    if (path === undefined || limits.stopped !== null) break;
    search.rewind();
    search.follow(path);
  }
  return { titles: book.bugs.map(({ title }) => title), executions: limits.executions, given };
}

test('a task on its way is never taken for one that hangs', () => {
  const alone = program('alone', (machine) => {
    const { x } = machine.global(new Vars(1), 'v');
    machine.addTask({ name: 'writer' }, function* () {
      for (let i = 0; i < 200; i += 1) yield* WRITE_ONCE(x[0], i);
    });
  });
  expect(shared(alone)).toEqual({ titles: [], executions: 1, given: 0 });
});

test('shared work ends in the same final states', () => {
  const scenario = findScenario('race/b06-eagain');
  const fixed = programOf(scenario, { variant: findVariant(scenario, 'fixed') });
  const { titles, executions, given } = shared(fixed);
  expect(given).toBeGreaterThan(0);
  expect({ titles, executions }).toEqual({ titles: [], executions: explore(fixed).executions });
});
