/**
 * A small race with everything that renderers draw: a lock, a stale pointer, a grace period, a
 * use after free. It does not change when the kernel does, so its pictures can be kept.
 */

import type { Program, Schedule } from '../../src/explore/index.js';
import {
  call,
  kmem_cache_alloc,
  kmem_cache_free,
  lock_bit,
  READ_ONCE,
  read,
  section_await,
  section_enter,
  section_exit,
  section_snapshot,
  Slab,
  spawn,
  Struct,
  unlock_bit,
  WRITE_ONCE,
  xchg,
  type Section,
  type SectionToken,
  type Task,
} from '../../src/machine/index.js';
import { program } from './programs.js';

class Item extends Struct {
  readonly value = this.cell('value', 7);
  constructor() {
    super('item');
  }
}

class Shelf extends Struct {
  readonly lock = this.lockCell('lock', 'shelf_lock');
  readonly item = this.cell<Item | null>('item', null);
  readonly count = this.cell('count', 0);
  constructor() {
    super('shelf');
  }
}

function* free_item(section: Section, token: SectionToken, item: Item): Task<void> {
  yield* section_await(section, token);
  yield* kmem_cache_free(item);
}

function* remove_item(shelf: Shelf, rcu: Section): Task<void> {
  yield* lock_bit(shelf.lock);
  yield* WRITE_ONCE(shelf.count, (yield* READ_ONCE(shelf.count)) + 1);
  const item = yield* xchg(shelf.item, null);
  yield* unlock_bit(shelf.lock);
  if (item === null) return;
  const token = yield* section_snapshot(rcu);
  yield* spawn({ name: 'rcu', actor: true }, free_item, rcu, token, item);
}

function* read_item(shelf: Shelf, rcu: Section): Task<number> {
  const item = yield* read(shelf.item);
  yield* section_enter(rcu);
  const value = item === null ? 0 : yield* READ_ONCE(item.value);
  yield* section_exit(rcu);
  return value;
}

/** `tasks` readers and one who removes. */
export function smallRace(readers = 1): Program {
  return program('small-race', (machine) => {
    const rcu = machine.section({ name: 'RCU', impliedBySpinlock: true, atomic: true });
    const shelf = machine.global(new Shelf(), 'shelf');
    const slab = machine.global(new Slab<Item, []>('item', () => new Item()));
    machine.boot(function* (): Task<void> {
      yield* WRITE_ONCE(shelf.item, yield* kmem_cache_alloc(slab));
    });
    for (let i = 1; i <= readers; i += 1) {
      machine.addTask({ name: i === 1 ? 'reader' : `reader${i}` }, function* (): Task<void> {
        yield* call(read_item, shelf, rcu);
      });
    }
    machine.addTask({ name: 'remover' }, function* (): Task<void> {
      yield* call(remove_item, shelf, rcu);
    });
  });
}

/** A long run of one task, for memory: so many loads and stores of the objects it allocates. */
export function longRun(steps: number, objects: number): { program: Program; schedule: Schedule } {
  const long = program('long-run', (machine) => {
    const shelf = machine.global(new Shelf(), 'shelf');
    const slab = machine.global(new Slab<Item, []>('item', () => new Item()));
    machine.addTask({ name: 'worker' }, function* (): Task<void> {
      for (let i = 0; i < steps; i += 1) {
        if (i % Math.ceil(steps / objects) === 0) {
          yield* WRITE_ONCE(shelf.item, yield* kmem_cache_alloc(slab));
        }
        yield* WRITE_ONCE(shelf.count, i);
      }
    });
  });
  const { machine } = long.build({});
  const schedule: { task: string; choice: number }[] = [];
  const [task] = machine.tasks;
  while (machine.enabled(task)) {
    machine.step(task);
    schedule.push({ task: task.key, choice: 0 });
  }
  return { program: long, schedule };
}
