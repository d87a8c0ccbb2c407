/** Queueing one object for a grace period twice is seen in whichever order it can happen. */

import { expect, test } from 'vitest';
import { explore, type Engine } from '../../src/explore/index.js';
import { spawn, Struct, type Task } from '../../src/machine/index.js';
import { create_kernel, type VfsKernel } from '../../src/vfs/index.js';
import { program } from '../support/programs.js';

class Thing extends Struct {
  readonly value = this.cell('value', 0);
}

function* nothing(): Task<void> {
  // What runs after the grace period does not matter here.
}

function* queue(k: VfsKernel, thing: Thing): Task<void> {
  yield* k.call_rcu(thing, nothing);
}

/** A task queues an object, and so does one that it starts after that; `again` the same object? */
function queued(again: boolean): ReturnType<typeof program> {
  return program('queued twice', (machine) => {
    const k = create_kernel(machine);
    const [a, b] = [machine.global(new Thing('a')), machine.global(new Thing('b'))];
    machine.addTask({ name: 'first' }, function* () {
      yield* k.call_rcu(a, nothing);
      yield* spawn({ name: 'second' }, queue as never, ...([k, again ? a : b] as never));
    });
  });
}

function titles(engine: Engine, again: boolean): string[] {
  const result = explore(queued(again), { engine, keepGoing: true, minimise: false });
  expect(result.complete).toBe(true);
  return result.bugs.map(({ title }) => title);
}

test.each(['states', 'dpor', 'brute'] as const)(
  '%s sees it, if only some orders show it',
  (engine) => {
    expect(titles(engine, true)).toEqual([
      'ODEBUG: activate active (active state 1) object: rcu_head in call_rcu',
    ]);
  },
);

test.each(['states', 'dpor', 'brute'] as const)('%s: two objects may wait at once', (engine) => {
  expect(titles(engine, false)).toEqual([]);
});
