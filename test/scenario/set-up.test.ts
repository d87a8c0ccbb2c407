/** Set-up code is kernel code too: what it does wrong is reported, and objects have one name. */

import { expect, test } from 'vitest';
import { explore } from '../../src/explore/index.js';
import {
  kmem_cache_alloc,
  kmem_cache_free,
  MisuseError,
  READ_ONCE,
  Slab,
  Struct,
  WRITE_ONCE,
  type Task,
} from '../../src/machine/index.js';
import { record } from '../../src/scenario/index.js';
import { program } from '../support/programs.js';

class Box extends Struct {
  readonly value = this.cell('value', 0);
  constructor() {
    super('box');
  }
}

class Shelf extends Struct {
  readonly box = this.cell<Box | null>('box', null);
  constructor() {
    super('shelf');
  }
}

test('a use after free in set-up code is found, though later set-up code does nothing wrong', () => {
  const wrong = program('wrong', (machine) => {
    const slab = machine.global(new Slab<Box, []>('box', () => new Box()));
    const shelf = machine.global(new Shelf(), 'shelf');
    machine.boot(function* set_up(): Task<void> {
      const box = yield* kmem_cache_alloc(slab);
      if (box === null) throw new MisuseError('no memory');
      yield* kmem_cache_free(box);
      yield* READ_ONCE(box.value);
    });
    machine.boot(function* (): Task<void> {
      yield* READ_ONCE(shelf.box);
    });
    for (const name of ['one', 'two']) {
      machine.addTask({ name }, function* (): Task<void> {
        yield* WRITE_ONCE(shelf.box, null);
      });
    }
  });
  const { verdict, bugs } = explore(wrong);
  expect(verdict).toBe('VIOLATED');
  expect(bugs.map(({ title }) => title)).toEqual([
    expect.stringMatching(/^KASAN: slab-use-after-free Read in /),
  ]);
  const { findings } = record(wrong, bugs[0].schedule).trace;
  expect(findings.map(({ title }) => title)).toEqual([bugs[0].title]);
});

test('what is said of an object calls it as the rest of the trace does', () => {
  const boxes = program('boxes', (machine) => {
    const slab = machine.global(new Slab<Box, []>('box', () => new Box()));
    const shelf = machine.global(new Shelf(), 'shelf');
    const check = (): string | null => {
      const box = shelf.box.value;
      return box === null || box.value.value < 2 ? null : `${box.toString()} has too much`;
    };
    machine.invariants.push({ name: 'little', check });
    machine.boot(function* (): Task<void> {
      // Boxes that no trace of the tasks ever mentions.
      for (let i = 0; i < 5; i += 1) yield* kmem_cache_alloc(slab);
      yield* WRITE_ONCE(shelf.box, yield* kmem_cache_alloc(slab));
    });
    for (const name of ['one', 'two']) {
      machine.addTask({ name }, function* (): Task<void> {
        const box = yield* READ_ONCE(shelf.box);
        yield* WRITE_ONCE(box!.value, (yield* READ_ONCE(box!.value)) + 1);
      });
    }
  });
  const watched = {
    ...boxes,
    build: (options: object) => boxes.build({ ...options, watchAll: true }),
  };
  const [bug] = explore(watched).bugs;
  const { trace, snapshots } = record(watched, bug.schedule);
  const [{ detail, operation }] = trace.findings;
  const { object } = trace.operations[operation - 1];
  expect(object).not.toBeNull();
  expect(detail).toBe(`${object} has too much`);
  expect(snapshots[0]['shelf']['box']).toBe(object);
});
