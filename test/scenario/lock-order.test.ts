/** An inversion whose two orders never meet in one interleaving: the report says where the other is. */

import { expect, test } from 'vitest';
import { explore, replay } from '../../src/explore/index.js';
import {
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Task,
} from '../../src/machine/index.js';
import { program } from '../support/programs.js';

class Shared extends Struct {
  readonly x = this.cell('x', 0);
  readonly a = this.lockCell('a', 'a_lock');
  readonly b = this.lockCell('b', 'b_lock');
}

function* a_then_b({ a, b }: Shared): Task<void> {
  yield* spin_lock(a);
  yield* spin_lock(b);
  yield* spin_unlock(b);
  yield* spin_unlock(a);
}

function* b_then_a({ a, b }: Shared): Task<void> {
  yield* spin_lock(b);
  yield* spin_lock(a);
  yield* spin_unlock(a);
  yield* spin_unlock(b);
}

const inversion = (both: boolean): ReturnType<typeof program> =>
  program('inversion', (machine) => {
    const shared = machine.global(new Shared('shared'), 'shared');
    machine.addTask({ name: 'one' }, function* () {
      const early = (yield* READ_ONCE(shared.x)) === 0;
      if (early || both) yield* a_then_b(shared);
      if (!early || both) yield* b_then_a(shared);
    });
    machine.addTask({ name: 'other' }, function* () {
      yield* WRITE_ONCE(shared.x, 1);
    });
  });

const TITLE = /^WARNING: possible circular locking dependency detected in (a_then_b|b_then_a)$/;
const other = (fn: string): string => (fn === 'a_then_b' ? 'b_then_a' : 'a_then_b');

test('two orders in two interleavings: the report says so', () => {
  const [{ title, detail, schedule }] = explore(inversion(false)).bugs;
  const [, fn] = TITLE.exec(title)!;
  expect(detail).toContain(
    `the other order was seen first in ${other(fn)}, in another interleaving: a replay of this one`,
  );
  // A replay learns one order only.
  expect(replay(inversion(false), schedule).findings).toEqual([]);
});

test('two orders in one interleaving: its replay shows them', () => {
  const [{ title, detail, schedule }] = explore(inversion(true)).bugs;
  expect(title).toMatch(TITLE);
  expect(detail).toMatch(/-> .*; the other order was seen first in a_then_b$/);
  expect(replay(inversion(true), schedule).findings.map((found) => found.title)).toContain(title);
});
