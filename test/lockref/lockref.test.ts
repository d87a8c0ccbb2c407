/**
 * Every operation under every model: alone against a specification, and two at once, where what
 * comes out is what one after the other would give.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explore } from '../../src/explore/index.js';
import {
  CMPXCHG_BUDGET,
  count_of,
  is_locked,
  LOCKREF_DEAD,
  lockref_ops,
  lockref_word,
  type LockrefModel,
} from '../../src/lockref/index.js';
import {
  KIND,
  Machine,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Reply,
  type Task,
} from '../../src/machine/index.js';

class Thing extends Struct {
  readonly lockref;
  readonly results = [0, 1].map((i) => this.cell<number | null>(`result${i}`, null));

  constructor(count: number) {
    super('thing');
    this.lockref = this.lockCell('lockref', 'lock', lockref_word(count));
  }
}

const MODELS: readonly LockrefModel[] = ['faithful', 'spinlock', 'counter'];

const OPERATIONS = [
  'get',
  'get_not_zero',
  'get_not_dead',
  'put_return',
  'put_not_zero',
  'put_or_lock',
  'mark_dead',
] as const;
type Operation = (typeof OPERATIONS)[number];

/** The specification: what an operation answers, and the count afterwards. */
function specified(model: LockrefModel, name: Operation, count: number): [number, number] {
  const unless = (least: number, change: number): [number, number] =>
    count >= least ? [1, count + change] : [0, count];
  switch (name) {
    case 'get':
      return [0, count + 1];
    case 'get_not_zero':
      return unless(1, 1);
    case 'get_not_dead':
      return unless(0, 1);
    case 'put_return':
      return model === 'spinlock' || count <= 0 ? [-1, count] : [count - 1, count - 1];
    case 'put_not_zero':
    case 'put_or_lock':
      return unless(2, -1);
    case 'mark_dead':
      return count === 0 ? [1, LOCKREF_DEAD] : [0, count];
  }
}

/** May kernel code call it on this count? */
function isLegal(name: Operation, count: number): boolean {
  if (name === 'get') return count > 0;
  return name.startsWith('put') ? count > 0 : true;
}

/** Call an operation, with the lock where it must be held, and given back where it is left held. */
function* run(model: LockrefModel, name: Operation, { lockref }: Thing): Task<number> {
  const ops = lockref_ops(model);
  switch (name) {
    case 'get':
      yield* ops.lockref_get(lockref);
      return 0;
    case 'put_return':
      return yield* ops.lockref_put_return(lockref);
    case 'put_or_lock': {
      const put = yield* ops.lockref_put_or_lock(lockref);
      if (!put) yield* spin_unlock(lockref);
      return Number(put);
    }
    case 'mark_dead': {
      yield* spin_lock(lockref);
      const may = model === 'counter' || count_of(yield* READ_ONCE(lockref)) === 0;
      const dead = may && (yield* ops.lockref_mark_dead(lockref));
      yield* spin_unlock(lockref);
      return Number(dead);
    }
    default:
      return Number(yield* ops[`lockref_${name}`](lockref));
  }
}

describe.each(MODELS)('%s', (model) => {
  test('alone, every sequence of operations does as specified', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3 }),
        fc.array(fc.constantFrom(...OPERATIONS), { maxLength: 12 }),
        (start, names) => {
          const machine = new Machine();
          const thing = machine.global(new Thing(start));
          let count = start;
          machine.boot(function* () {
            for (const name of names) {
              if (!isLegal(name, count)) continue;
              const [answer, after] = specified(model, name, count);
              expect([name, yield* run(model, name, thing)]).toEqual([name, answer]);
              expect(count_of(thing.lockref.value)).toBe(after);
              expect(is_locked(thing.lockref.value)).toBe(false);
              count = after;
            }
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  const pairs = OPERATIONS.flatMap((a, i) => OPERATIONS.slice(i).map((b) => [a, b] as const));

  test.each(pairs)('%s beside %s comes out as one after the other', (a, b) => {
    for (const start of [0, 1, 2]) {
      const orders = new Set<string>();
      for (const [first, second, swapped] of [
        [a, b, false],
        [b, a, true],
      ] as const) {
        if (!isLegal(first, start)) continue;
        const [one, between] = specified(model, first, start);
        if (!isLegal(second, between)) continue;
        const [two, end] = specified(model, second, between);
        orders.add((swapped ? [two, one, end] : [one, two, end]).join());
      }
      // Both callers must own what they use, in either order.
      if (!isLegal(a, start) || !isLegal(b, start)) continue;
      const references = [a, b].filter((name) => name.startsWith('put')).length;
      if (references > start || references + Number(a === 'get' || b === 'get') > start) continue;
      const seen = outcomes(model, start, [a, b]);
      for (const order of orders) expect(seen).toContain(order);
      for (const outcome of seen) {
        const refused = outcome.split(',').slice(0, 2).includes('-1');
        // Who meets the lock in put_return gives up, and that is all it may do besides.
        if (!refused) expect([...orders]).toContain(outcome);
      }
    }
  });
});

function outcomes(model: LockrefModel, start: number, names: readonly Operation[]): Set<string> {
  const seen = new Set<string>();
  let thing: Thing;
  explore(
    {
      name: names.join(' '),
      branches: [],
      build(options) {
        const machine = new Machine(options);
        thing = machine.global(new Thing(start), 'thing');
        const here = thing;
        for (const [i, name] of names.entries()) {
          machine.addTask({ name: `${i}` }, function* () {
            yield* WRITE_ONCE(here.results[i], yield* run(model, name, here));
          });
        }
        return { machine, atEnd: () => undefined };
      },
    },
    {
      engine: 'dpor',
      keepGoing: true,
      minimise: false,
      onEnd: () => {
        const [one, two] = thing.results.map(({ value }) => value);
        seen.add([one, two, count_of(thing.lockref.value)].join());
      },
    },
  );
  return seen;
}

test('the fast path gives up after a hundred exchanges that failed, and takes the lock', () => {
  const { lockref } = new Thing(1);
  const task = lockref_ops('faithful').lockref_get(lockref);
  const reply: Reply = { done: true, value: undefined };
  let step = task.next(undefined as never);
  let failed = 0;
  let count = 1;
  while (step.done !== true && step.value.kind !== KIND.lock) {
    if (step.value.kind === KIND.cmpxchg) failed += 1;
    // Whoever looks finds another count, and the lock free.
    count += 1;
    reply.value = step.value.kind === KIND.note ? undefined : lockref_word(count);
    step = task.next(reply);
  }
  expect(step.done).toBe(false);
  expect(failed).toBe(CMPXCHG_BUDGET);
});

test('without a fast path the lock is taken at once', () => {
  const { lockref } = new Thing(1);
  const task = lockref_ops('spinlock').lockref_get(lockref);
  const step = task.next(undefined as never);
  expect(step.done === true ? null : step.value.kind).toBe(KIND.lock);
});
