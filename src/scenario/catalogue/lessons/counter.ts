/** Two tasks add one to a counter: the smallest program in which the order of steps matters. */

import {
  atomic_fetch_add,
  read,
  READ_ONCE,
  Struct,
  write,
  WRITE_ONCE,
  type Task,
} from '../../../machine/index.js';
import { lesson } from './lesson.js';

class Counter extends Struct {
  readonly value = this.cell('value', 0);

  constructor() {
    super('counter');
  }
}

const plain = function* increment(_k: unknown, counter: Counter): Task<void> {
  const seen = yield* read(counter.value);
  yield* write(counter.value, seen + 1);
};

const once = function* increment(_k: unknown, counter: Counter): Task<void> {
  const seen = yield* READ_ONCE(counter.value);
  yield* WRITE_ONCE(counter.value, seen + 1);
};

/** One step that reads, adds and writes. */
function* increment(_k: unknown, counter: Counter): Task<void> {
  yield* atomic_fetch_add(counter.value, 1);
}

const TASKS = 2;

export const counter = lesson({
  name: 'counter',
  title: 'two tasks add one to the same counter',
  own: { increment },
  variants: [
    ['plain', 'counter = counter + 1', { increment: plain }],
    ['once', 'the same with READ_ONCE and WRITE_ONCE', { increment: once }],
    ['atomic', 'one atomic addition', {}],
  ],
  objects: (machine) => machine.global(new Counter(), 'counter'),
  tasks: {
    *first(k, shared) {
      yield* k.increment(shared);
    },
    *second(k, shared) {
      yield* k.increment(shared);
    },
  },
  atRest: ({ value }) =>
    value.value === TASKS ? null : `${TASKS} increments, but the counter is ${value.value}`,
  checks: 'no increment is lost',
});
