/**
 * Letting callbacks that only free memory go first: nothing that a stopping search reports is lost.
 *
 * The yardstick is the same search with every order of freeing, which oracle.test.ts compares with
 * brute force.
 */

import { describe, expect, test } from 'vitest';
import { explore, STALE_POINTER, type Program } from '../../src/explore/index.js';
import {
  await_until,
  kmem_cache_alloc,
  kmem_cache_free,
  READ_ONCE,
  section_await,
  section_enter,
  section_exit,
  section_snapshot,
  Slab,
  spawn,
  Struct,
  write,
  WRITE_ONCE,
  type Machine,
  type Section,
  type Task,
} from '../../src/machine/index.js';
import { differenceToFirst, explored } from '../support/compare.js';
import { program } from '../support/programs.js';
import { FREEING, fromRecipe, randomRecipe, type Recipe } from '../support/random-program.js';

const PROGRAMS = Number(process.env['ORACLE_PROGRAMS'] ?? 400);
const SEED = Number(process.env['ORACLE_SEED'] ?? 1);
const STATES_MAX = 20_000;

function recipeOf(seed: number): Recipe {
  const size = 3 + (seed % 4);
  return { ...randomRecipe(seed, size, FREEING), reuse: 'never', filled: true };
}

test('random programs end alike, and none of their bugs is missed', () => {
  const differences: string[] = [];
  let reduced = 0;
  let right = 0;
  let compared = 0;
  for (let seed = SEED; seed < SEED + PROGRAMS; seed += 1) {
    const tested = fromRecipe(recipeOf(seed));
    const budget = { executions: STATES_MAX };
    const all = explored(tested, 'states', { freesFirst: false, budget });
    const first = explored(tested, 'states', { keepGoing: false, budget });
    if (first.reduced) reduced += 1;
    if (all.titles.length === 0) right += 1;
    // Where the yardstick was cut off, it cannot tell.
    if (!all.complete) continue;
    compared += 1;
    const differs = differenceToFirst(all, first);
    if (differs !== null) differences.push(`seed ${seed} ${tested.name}\n${differs}`);
  }
  expect(differences).toEqual([]);
  expect(compared).toBeGreaterThan(PROGRAMS * 0.9);
  expect(reduced).toBeGreaterThan(PROGRAMS / 10);
  expect(right).toBeGreaterThan(PROGRAMS / 10);
  expect(right).toBeLessThan(PROGRAMS * 0.9);
});

class Thing extends Struct {
  readonly value = this.cell('value', 0);
  constructor() {
    super('thing');
  }
}

class World extends Struct {
  readonly p = this.cell<Thing | null>('p', null);
  readonly q = this.cell<Thing | null>('q', null);
  readonly done = this.cell('done', 0);
  readonly raced = this.cell('raced', 0);
  constructor() {
    super('world');
  }
}

interface Setting {
  readonly machine: Machine;
  readonly rcu: Section;
  readonly world: World;
  readonly thing: Thing;
}

/** A program around one object that the cell `p` holds. */
function around(name: string, tasks: (setting: Setting) => void): Program {
  return program(name, (machine) => {
    const rcu = machine.section({ name: 'RCU', impliedBySpinlock: true, atomic: true });
    const world = machine.global(new World(), 'world');
    const slab = machine.global(new Slab<Thing, []>('thing', () => new Thing(), 'never'));
    const thing = machine.boot(function* (): Task<Thing> {
      const made = (yield* kmem_cache_alloc(slab))!;
      yield* WRITE_ONCE(world.p, made);
      return made;
    });
    tasks({ machine, rcu, world, thing });
  });
}

function* free_later(rcu: Section, token: never, thing: Thing): Task<void> {
  yield* section_await(rcu, token);
  yield* kmem_cache_free(thing);
}

function* wait_later(rcu: Section, token: never, _thing: Thing): Task<void> {
  yield* section_await(rcu, token);
}

function* queue(rcu: Section, thing: Thing, callback = free_later): Task<void> {
  const token = yield* section_snapshot(rcu);
  const options = { name: 'rcu', actor: true, head: thing };
  yield* spawn(options, callback as never, ...([rcu, token, thing] as never));
}

const searched = (tested: Program, freesFirst: boolean): ReturnType<typeof explore> =>
  explore(tested, { engine: 'states', freesFirst, minimise: false });

describe('orders that matter are kept', () => {
  test('a right program has fewer states, the same branches and the same verdict', () => {
    const right = around('right', ({ machine, rcu, world, thing }) => {
      machine.addTask({ name: 'reader' }, function* (): Task<void> {
        for (let i = 0; i < 3; i += 1) {
          yield* section_enter(rcu);
          const seen = yield* READ_ONCE(world.p);
          if (seen !== null) yield* READ_ONCE(seen.value);
          yield* section_exit(rcu);
        }
      });
      machine.addTask({ name: 'updater' }, function* (): Task<void> {
        yield* WRITE_ONCE(world.p, null);
        yield* queue(rcu, thing);
      });
    });
    const all = searched(right, false);
    const first = searched(right, true);
    expect([all.verdict, first.verdict]).toEqual(['HOLDS', 'HOLDS']);
    expect(first.states).toBeLessThan(all.states);
    expect(all.interleavings).toBeGreaterThan(0);
    expect(first.interleavings).toBeNull();
  });

  test('a use after the grace period is caught though the user could have been quicker', () => {
    const late = around('late', ({ machine, rcu, world, thing }) => {
      machine.addTask({ name: 'reader' }, function* (): Task<void> {
        const seen = yield* READ_ONCE(world.p);
        if (seen !== null) yield* READ_ONCE(seen.value);
      });
      machine.addTask({ name: 'updater' }, function* (): Task<void> {
        yield* WRITE_ONCE(world.p, null);
        yield* queue(rcu, thing);
      });
    });
    expect(searched(late, true).bugs.map(({ kind }) => kind)).toEqual(['KASAN']);
  });

  test('a callback that frees nothing may still be queued twice', () => {
    const twice = around('twice', ({ machine, rcu, thing }) => {
      for (const name of ['one', 'other']) {
        machine.addTask({ name }, () => queue(rcu, thing, wait_later));
      }
    });
    const { bugs } = searched(twice, true);
    expect(bugs[0]?.title).toMatch(/^ODEBUG: activate active/);
  });

  test('where a pointer to freed memory is stored, every order is searched', () => {
    const stale = around('stale', ({ machine, rcu, world, thing }) => {
      // A data race beside it stops no search, and must not stop this one from going on.
      for (const name of ['one', 'other']) {
        machine.addTask({ name }, function* (): Task<void> {
          yield* write(world.raced, 1);
        });
      }
      // What is freed must be in no cell by then: a rule that sees it only if the store was quicker.
      thing.life.rule = (write) => {
        if (world.q.value === thing) write.broken('not in q', 'freed while in q');
      };
      machine.addTask({ name: 'updater' }, function* (): Task<void> {
        yield* queue(rcu, thing);
        yield* WRITE_ONCE(world.done, 1);
      });
      machine.addTask({ name: 'storer' }, function* (): Task<void> {
        yield* await_until(world.done, (done) => done === 1);
        yield* WRITE_ONCE(world.q, thing);
      });
    });
    const { bugs, reason } = searched(stale, true);
    expect(reason).not.toBe(STALE_POINTER);
    expect(bugs.map(({ title }) => title)).toContain('invariant: not in q');
    expect(bugs.map(({ kind }) => kind)).toContain('KCSAN');
  });

  test('memory whose life an invariant watches is freed in every order', () => {
    const watched = (watches: boolean): Program =>
      around('watched', ({ machine, rcu, world, thing }) => {
        thing.life.watched = watches;
        world.done.watched = true;
        machine.invariants.push({
          name: 'it is gone by then',
          check: () => (world.done.value === 1 && thing.life.value === 1 ? 'it lives' : null),
        });
        machine.addTask({ name: 'updater' }, function* (): Task<void> {
          yield* queue(rcu, thing);
          yield* WRITE_ONCE(world.done, 1);
        });
      });
    expect(searched(watched(true), true).verdict).toBe('VIOLATED');
    expect(searched(watched(false), false).verdict).toBe('VIOLATED');
  });

  test('nothing is left out when every bug is asked for', () => {
    const right = around('right', ({ machine, rcu, thing }) => {
      machine.addTask({ name: 'updater' }, () => queue(rcu, thing));
      machine.addTask({ name: 'other' }, function* (): Task<void> {
        yield* section_enter(rcu);
        yield* section_exit(rcu);
      });
    });
    const all = explore(right, { engine: 'states', keepGoing: true });
    expect(all.interleavings).not.toBeNull();
    expect(all.states).toBe(explore(right, { engine: 'states', freesFirst: false }).states);
  });
});
