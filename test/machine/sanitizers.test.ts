/** Each sanitizer has a program that only it speaks up about. */

import { describe, expect, test } from 'vitest';
import { explore } from '../../src/explore/index.js';
import {
  await_until,
  cpu_relax,
  E,
  ERR_PTR,
  kmem_cache_alloc,
  kmem_cache_free,
  lock_bit,
  lockdep_assert_held,
  might_lock,
  might_sleep,
  MisuseError,
  read,
  READ_ONCE,
  section_enter,
  section_exit,
  Slab,
  spin_lock,
  spin_trylock,
  spin_unlock,
  Struct,
  WaitEntry,
  WaitQueue,
  wait_event,
  wake_up_all,
  write,
  WRITE_ONCE,
  unlock_bit,
  type Cell,
  type Machine,
  type Op,
  type Task,
} from '../../src/machine/index.js';
import { program } from '../support/programs.js';

class Shared extends Struct {
  readonly x = this.cell('x', 0);
  readonly p = this.cell<Thing | null>('p', null);
  readonly a = this.lockCell('a', 'a_lock');
  readonly b = this.lockCell('b', 'b_lock');
}

class Thing extends Struct {
  readonly value = this.cell('value', 0);
  constructor() {
    super('thing');
  }
}

function titles(setUp: (machine: Machine, shared: Shared) => void): string[] {
  const p = program('p', (machine) => setUp(machine, machine.global(new Shared('shared'))));
  return ['dpor' as const, 'states' as const].flatMap((engine, i) => {
    const found = explore(p, { engine, keepGoing: true, minimise: false }).bugs.map((b) => b.title);
    // Both engines must agree; their answer counts once.
    return i === 0 ? found : found.filter((title) => title === 'never');
  });
}

function task(machine: Machine, name: string, body: () => Task<void>): void {
  machine.addTask({ name }, body);
}

describe('only the sanitizer concerned reports', () => {
  test('KASAN: a use after free', () => {
    const found = titles((machine, shared) => {
      const slab = machine.global(new Slab<Thing, []>('thing', () => new Thing()));
      task(machine, 'a', function* () {
        const thing = (yield* kmem_cache_alloc(slab))!;
        yield* WRITE_ONCE(shared.p, thing);
        yield* kmem_cache_free(thing);
      });
      task(machine, 'b', function* () {
        const thing = yield* READ_ONCE(shared.p);
        if (thing !== null) yield* READ_ONCE(thing.value);
      });
    });
    expect(found).toEqual(['KASAN: slab-use-after-free Read in the task itself']);
  });

  test('KASAN: a double free', () => {
    const found = titles((machine) => {
      const slab = machine.global(new Slab<Thing, []>('thing', () => new Thing()));
      task(machine, 'a', function* () {
        const thing = (yield* kmem_cache_alloc(slab))!;
        yield* kmem_cache_free(thing);
        yield* kmem_cache_free(thing);
      });
    });
    expect(found).toEqual(['KASAN: double-free in the task itself']);
  });

  test('KCSAN: a plain store beside a load', () => {
    const found = titles((machine, shared) => {
      task(machine, 'a', function* () {
        yield* write(shared.x, 1);
      });
      task(machine, 'b', function* () {
        yield* READ_ONCE(shared.x);
      });
    });
    expect(found).toEqual(['KCSAN: data-race in the task itself / the task itself']);
  });

  test('KCSAN is quiet when a lock orders the two', () => {
    const found = titles((machine, shared) => {
      for (const name of ['a', 'b']) {
        task(machine, name, function* () {
          yield* spin_lock(shared.a);
          yield* write(shared.x, (yield* read(shared.x)) + 1);
          yield* spin_unlock(shared.a);
        });
      }
    });
    expect(found).toEqual([]);
  });

  test('lockdep: an inversion that this program never deadlocks on', () => {
    const found = titles((machine, shared) => {
      task(machine, 'a', function* () {
        yield* lock_bit(shared.a);
        yield* lock_bit(shared.b);
        yield* unlock_bit(shared.b);
        yield* unlock_bit(shared.a);
        yield* lock_bit(shared.b);
        yield* lock_bit(shared.a);
        yield* unlock_bit(shared.a);
        yield* unlock_bit(shared.b);
      });
    });
    expect(found).toEqual([
      'WARNING: possible circular locking dependency detected in the task itself',
    ]);
  });

  test('lockdep: releasing what one does not hold', () => {
    const found = titles((machine, shared) => {
      task(machine, 'a', function* () {
        yield* spin_unlock(shared.a);
      });
    });
    expect(found).toEqual(['WARNING: bad unlock balance in the task itself']);
  });

  test('lockdep: ending with a lock held', () => {
    const found = titles((machine, shared) => {
      task(machine, 'a', function* () {
        yield* spin_trylock(shared.a);
      });
    });
    expect(found).toEqual(['WARNING: lock held at task exit: a']);
  });

  test('sleeping under a spinlock', () => {
    const found = titles((machine, shared) => {
      task(machine, 'a', function* () {
        yield* spin_lock(shared.a);
        yield* might_sleep('dput');
        yield* spin_unlock(shared.a);
      });
    });
    expect(found).toEqual(['BUG: sleeping function called from invalid context in dput']);
  });

  test('sleeping inside a reader, and leaving one that was never entered', () => {
    const found = titles((machine) => {
      const rcu = machine.section({ name: 'RCU', impliedBySpinlock: true, atomic: true });
      task(machine, 'a', function* () {
        yield* section_enter(rcu);
        yield* might_sleep('iput');
        yield* section_exit(rcu);
        yield* section_exit(rcu);
      });
    });
    expect(found).toEqual([
      'BUG: sleeping function called from invalid context in iput',
      'WARNING: bad RCU read unlock balance in the task itself',
    ]);
  });

  test('a deadlock', () => {
    const found = titles((machine, shared) => {
      task(machine, 'a', function* () {
        yield* await_until(shared.x, (x) => x === 1);
      });
    });
    expect(found).toEqual(['INFO: task hung in the task itself']);
  });

  test('a NULL pointer dereference ends the task and is reported', () => {
    const found = titles((machine, shared) => {
      task(machine, 'a', function* () {
        yield* READ_ONCE((yield* READ_ONCE(shared.p))!.value);
      });
    });
    expect(found).toEqual([
      'BUG: unable to handle kernel NULL pointer dereference in the task itself',
    ]);
  });

  test.each([
    ['an access', (cell: Cell<number>) => READ_ONCE(cell)],
    ['a lock', (cell: Cell<number>) => lock_bit(cell)],
    ['a note of a lock', (cell: Cell<number>) => might_lock(cell)],
    ['an assertion', (cell: Cell<number>) => lockdep_assert_held(cell)],
  ])('%s of an error pointer ends the task and is reported', (_what, use) => {
    let goesOn = false;
    const found = titles((machine) => {
      const { value } = ERR_PTR(-E.ESRCH) as unknown as { value: Cell<number> };
      task(machine, 'a', function* () {
        yield* use(value) as Op<unknown>;
        goesOn = true;
      });
    });
    expect(found).toEqual(['BUG: unable to handle page fault in the task itself']);
    expect(goesOn).toBe(false);
  });
});

describe('cpu_relax', () => {
  test('does not take what the task itself stored earlier for a repetition', () => {
    // The waiter sets x, then waits for it to become 0 again, which was its first value.
    const found = titles((machine, shared) => {
      task(machine, 'waiter', function* () {
        yield* READ_ONCE(shared.x);
        yield* WRITE_ONCE(shared.x, 1);
        while ((yield* READ_ONCE(shared.x)) !== 0) yield* cpu_relax();
      });
      task(machine, 'clearer', function* () {
        yield* await_until(shared.x, (x) => x === 1);
        yield* WRITE_ONCE(shared.x, 0);
      });
    });
    expect(found).toEqual([]);
  });

  test('a loop that nobody can end is a task that hangs', () => {
    const found = titles((machine, shared) => {
      task(machine, 'waiter', function* () {
        while ((yield* READ_ONCE(shared.x)) !== 1) yield* cpu_relax();
      });
    });
    expect(found).toEqual(['INFO: task hung in the task itself']);
  });
});

describe('wait queues', () => {
  function sleeper(machine: Machine, shared: Shared, wake: boolean): void {
    const queue = machine.global(new WaitQueue());
    const entry = machine.global(new WaitEntry());
    task(machine, 'sleeper', function* () {
      yield* wait_event(queue, entry, function* () {
        return (yield* READ_ONCE(shared.x)) === 1;
      });
    });
    task(machine, 'waker', function* () {
      yield* WRITE_ONCE(shared.x, 1);
      if (wake) yield* wake_up_all(queue);
    });
  }

  test('a sleeper that is woken after the condition is set never sleeps for ever', () => {
    expect(titles((machine, shared) => sleeper(machine, shared, true))).toEqual([]);
  });

  test('a wake-up that is forgotten leaves a task asleep for what is true', () => {
    expect(titles((machine, shared) => sleeper(machine, shared, false))).toEqual([
      'lost wakeup: the task itself sleeps for what is true already',
    ]);
  });
});

test('an object that another task reaches without a store is refused with the mend', () => {
  const p = program('escape', (machine) => {
    const slab = machine.global(new Slab<Thing, []>('thing', () => new Thing()));
    let leaked: Thing | null = null;
    const shared = machine.global(new Shared('shared'));
    machine.addTask({ name: 'a' }, function* (): Task<void> {
      leaked = yield* kmem_cache_alloc(slab);
      yield* WRITE_ONCE(shared.x, 1);
    });
    machine.addTask({ name: 'b' }, function* (): Task<void> {
      yield* READ_ONCE(shared.x);
      if (leaked !== null) yield* READ_ONCE(leaked.value);
    });
  });
  expect(() => explore(p)).toThrow(MisuseError);
});

test('undoing steps restores every cell', () => {
  const p = program('undo', (machine) => {
    const shared = machine.global(new Shared('shared'));
    task(machine, 'a', function* () {
      yield* spin_lock(shared.a);
      yield* WRITE_ONCE(shared.x, 5);
      yield* spin_unlock(shared.a);
    });
  });
  const { machine } = p.build({});
  const picture = (): unknown[] => machine.globals.flatMap((g) => g.cells.map((c) => c.value));
  const before = picture();
  const mark = machine.mark();
  while (machine.tasks.some((t) => machine.enabled(t))) machine.step(machine.tasks[0]);
  expect(picture()).not.toEqual(before);
  machine.undo(mark);
  expect(picture()).toEqual(before);
});
