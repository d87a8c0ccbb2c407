/** Lost wakeups: told from other deadlocks, by every engine alike, and never by mistake. */

import { describe, expect, test } from 'vitest';
import { brute, explore, replay, type Program } from '../../src/explore/index.js';
import {
  call,
  complete,
  Completion,
  finish_wait,
  kmem_cache_alloc,
  kmem_cache_free,
  prepare_to_wait,
  READ_ONCE,
  schedule,
  Slab,
  spin_lock,
  spin_unlock,
  Struct,
  wait_event,
  wait_for_completion,
  WaitEntry,
  WaitQueue,
  wake_up_all,
  WRITE_ONCE,
  type Cell,
  type Spinlock,
  type Task,
} from '../../src/machine/index.js';
import { program } from '../support/programs.js';

class World extends Struct {
  readonly ready = this.cell('ready', 0);
  readonly looked = this.cell('looked', 0);
  readonly queue = new WaitQueue();
  readonly entries = [new WaitEntry(), new WaitEntry()];
  readonly lock: Spinlock = this.lockCell('lock', 'a');
  readonly other: Spinlock = this.lockCell('other', 'b');
  readonly completion = new Completion();

  constructor() {
    super('world');
  }
}

type Code = (world: World) => Task<void>;

function programOf(name: string, ...tasks: readonly Code[]): Program {
  return program(name, (machine) => {
    const world = machine.global(new World(), 'world');
    const { queue, entries, completion } = world;
    for (const part of [queue, ...entries, completion]) machine.global(part);
    for (const [i, code] of tasks.entries()) {
      machine.addTask({ name: `t${i}` }, () => code(world));
    }
  });
}

/** The deadlocks, which all engines and brute force must agree on. */
function hangsIn(tested: Program): string[] {
  const isHang = (title: string): boolean => /^(lost wakeup|INFO): /.test(title);
  const [first, ...others] = [
    brute(tested).titles,
    ...(['states', 'dpor'] as const).map((engine) => {
      const { bugs } = explore(tested, { engine, keepGoing: true });
      for (const bug of bugs.filter(({ title }) => isHang(title))) {
        const titles = replay(tested, bug.schedule).findings.map(({ title }) => title);
        expect(titles).toContain(bug.title);
      }
      return bugs.map(({ title }) => title);
    }),
  ].map((titles) => titles.filter(isHang).sort()) as [string[], ...string[][]];
  for (const other of others) expect(other).toEqual(first);
  return first;
}

const LOST = 'lost wakeup: the task itself sleeps for what is true already';
const HUNG = 'INFO: task hung in the task itself';

function* is_set(cell: Cell<number>): Task<boolean> {
  return (yield* READ_ONCE(cell)) !== 0;
}

function* set_and_wake({ ready, queue }: World): Task<void> {
  yield* WRITE_ONCE(ready, 1);
  yield* wake_up_all(queue);
}

function* nothing(): Task<void> {}

/** Waits as it should: on the queue first, then the look. */
function waiter(entry = 0): Code {
  return function* wait_until_ready({ ready, queue, entries }) {
    yield* wait_event(queue, entries[entry], () => is_set(ready));
  };
}

/** Looks first and goes on the queue then. */
const careless: Code = function* wait_until_ready({ ready, queue, entries }) {
  if (yield* is_set(ready)) return;
  yield* prepare_to_wait(queue, entries[0]);
  yield* schedule(entries[0], () => is_set(ready));
  yield* finish_wait(queue, entries[0]);
};

describe('a lost wakeup is called one', () => {
  test('looked before being on the queue', () => {
    expect(hangsIn(programOf('careless', careless, set_and_wake))).toEqual([LOST]);
  });

  test('woken before the condition is set', () => {
    const wake_and_set: Code = function* ({ ready, queue }) {
      yield* wake_up_all(queue);
      yield* WRITE_ONCE(ready, 1);
    };
    expect(hangsIn(programOf('early', waiter(), wake_and_set))).toEqual([LOST]);
  });

  test('in a function that was called, on the way of calls', () => {
    const called: Code = function* (world) {
      yield* call(careless, world);
    };
    expect(hangsIn(programOf('called', called, set_and_wake))).toEqual([LOST]);
  });

  test('beside a task that hangs because of it', () => {
    const holding: Code = function* (world) {
      yield* spin_lock(world.lock);
      yield* spin_unlock(world.lock);
      yield* careless(world);
      yield* complete(world.completion);
    };
    const behind: Code = function* wait_for_the_waiter({ completion }) {
      yield* wait_for_completion(completion);
    };
    const tested = programOf('behind', holding, set_and_wake, behind);
    expect(hangsIn(tested)).toEqual([LOST]);
    const [bug] = explore(tested).bugs;
    expect(bug.detail).toBe('t0 was not woken in the task itself; t2 waits in the task itself');
  });
});

describe('no other deadlock is called one', () => {
  test('a condition that nobody makes true', () => {
    expect(hangsIn(programOf('never', waiter(), nothing))).toEqual([HUNG]);
  });

  test('a condition that somebody has taken back, woken or not', () => {
    for (const wakes of [true, false]) {
      const sets_and_clears: Code = function* ({ ready, queue }) {
        yield* WRITE_ONCE(ready, 1);
        if (wakes) yield* wake_up_all(queue);
        yield* WRITE_ONCE(ready, 0);
      };
      expect(hangsIn(programOf('taken back', waiter(), sets_and_clears))).toEqual([HUNG]);
    }
  });

  test('a completion that nobody completes', () => {
    const code: Code = function* wait_until_ready({ completion }) {
      yield* wait_for_completion(completion);
    };
    expect(hangsIn(programOf('completion', code, nothing))).toEqual([HUNG]);
  });

  test('two locks in two orders', () => {
    const takes = (first: 'lock' | 'other', second: 'lock' | 'other'): Code =>
      function* wait_until_ready(world) {
        yield* spin_lock(world[first]);
        yield* spin_lock(world[second]);
        yield* spin_unlock(world[second]);
        yield* spin_unlock(world[first]);
      };
    expect(hangsIn(programOf('order', takes('lock', 'other'), takes('other', 'lock')))).toEqual([
      HUNG,
    ]);
  });

  test('a wait without a condition', () => {
    const bare: Code = function* wait_until_ready({ queue, entries }) {
      yield* prepare_to_wait(queue, entries[0]);
      yield* schedule(entries[0]);
      yield* finish_wait(queue, entries[0]);
    };
    expect(hangsIn(programOf('bare', bare, set_and_wake))).toEqual([HUNG]);
  });

  test('a condition that takes more than looking', () => {
    const writes: Code = function* wait_until_ready({ ready, looked, queue, entries }) {
      yield* wait_event(queue, entries[0], function* () {
        yield* WRITE_ONCE(looked, 1);
        return (yield* READ_ONCE(ready)) !== 0;
      });
    };
    const sets: Code = function* ({ ready }) {
      yield* WRITE_ONCE(ready, 1);
    };
    expect(hangsIn(programOf('writes', writes, sets))).toEqual([HUNG]);
  });

  test('a condition that would touch freed memory', () => {
    class Thing extends Struct {
      readonly done = this.cell('done', 0);
      constructor() {
        super('thing');
      }
    }
    const tested = program('freed', (machine) => {
      const queue = machine.global(new WaitQueue());
      const entry = machine.global(new WaitEntry());
      const things = machine.global(new Slab<Thing, []>('thing', () => new Thing(), 'never'));
      machine.addTask({ name: 't0' }, function* (): Task<void> {
        const thing = (yield* kmem_cache_alloc(things))!;
        yield* WRITE_ONCE(thing.done, 1);
        yield* kmem_cache_free(thing);
        yield* prepare_to_wait(queue, entry);
        yield* schedule(entry, () => is_set(thing.done));
      });
    });
    expect(hangsIn(tested)).toEqual([HUNG]);
  });

  test('what a task does after the sleep does not change what it slept for', () => {
    // The second wait is for more than the first; its count must not be read into the first.
    const twice: Code = function* wait_until_ready({ ready, queue, entries }) {
      let wanted = 1;
      for (let i = 0; i < 2; i += 1) {
        yield* wait_event(queue, entries[0], function* () {
          return (yield* READ_ONCE(ready)) === wanted;
        });
        wanted = 0;
      }
    };
    const sets: Code = function* ({ ready, queue }) {
      yield* WRITE_ONCE(ready, 1);
      yield* wake_up_all(queue);
      yield* WRITE_ONCE(ready, 2);
    };
    expect(hangsIn(programOf('twice', twice, sets))).toEqual([HUNG]);
  });
});

test('who waits as it should and is woken as it should never hangs', () => {
  expect(hangsIn(programOf('right', waiter(), set_and_wake))).toEqual([]);
  expect(explore(programOf('two', waiter(0), waiter(1), set_and_wake)).verdict).toBe('HOLDS');
});
