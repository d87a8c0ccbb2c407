/** Small scenarios with known answers, for testing the matchers. */

import {
  branch,
  cover,
  READ_ONCE,
  Struct,
  WRITE_ONCE,
  type Task,
} from '../../src/machine/index.js';
import { scenario } from '../../src/scenario/index.js';

class Counter extends Struct {
  readonly value = this.cell('value', 0);
  readonly other = this.cell('other', 0);

  constructor() {
    super('counter');
  }
}

export const LATE = branch('increment', 'comes second');
export const THIRD = branch('increment', 'comes third');

/** The textbook's lost update. */
function* increment(counter: Counter): Task<number> {
  const value = yield* READ_ONCE(counter.value);
  if (value === 1) yield* cover(LATE);
  if (value === 2) yield* cover(THIRD);
  yield* WRITE_ONCE(counter.value, value + 1);
  return value;
}

/** Two increments; `strict` says that none may be lost. */
export const increments = (strict: boolean) =>
  scenario({
    name: 'test/increments',
    objects: () => ({ counter: new Counter() }),
    tasks: {
      a: (_k, { counter }) => increment(counter),
      b: (_k, { counter }) => increment(counter),
    },
    branches: [LATE, THIRD],
    atRest: {
      'no update is lost': ({ counter }) => !strict || counter.value.value === 2,
    },
  });

/** Each writes a cell of its own; an invariant tells the orders apart. */
export const twoCells = scenario({
  name: 'test/two-cells',
  objects: () => ({ counter: new Counter() }),
  tasks: {
    *a(_k, { counter }) {
      yield* WRITE_ONCE(counter.value, 1);
    },
    *b(_k, { counter }) {
      yield* WRITE_ONCE(counter.other, 1);
    },
  },
  invariants: {
    'other is never ahead': ({ counter }) =>
      counter.other.value <= counter.value.value || 'other is ahead',
  },
});

/** Two tasks that never meet. */
export const apart = scenario({
  name: 'test/apart',
  objects: () => ({ one: new Counter(), two: new Counter() }),
  tasks: {
    *a(_k, { one }) {
      yield* WRITE_ONCE(one.value, 1);
    },
    *b(_k, { two }) {
      yield* WRITE_ONCE(two.value, 1);
    },
  },
});
