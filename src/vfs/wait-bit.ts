/**
 * Sleeping until a bit of an inode's state changes.
 *
 * Invariant: a sleeper is on the list before it lets go of the lock under which it looked; so a
 * wake-up that follows cannot miss it. The list is outside the inodes, since a sleeper leaves it
 * after the inode may be gone, and what a queue does under its own lock is one step here.
 * Mirrors kernel/sched/wait_bit.c.
 */

import {
  atomic_step,
  might_sleep,
  sleep_until,
  Struct,
  type Cell,
  type List,
  type Task,
} from '../machine/index.js';
import type { VfsKernel } from './kernel.js';

/** A sleeper: what it sleeps on, a number among those who do, and whether it was woken. */
type Sleeper = List<Struct | number | boolean>;

export class BitWaitTable extends Struct {
  readonly sleepers = this.cell<List<Sleeper> | null>('sleepers', null);

  constructor() {
    super('bit_wait_table');
  }
}

function sleepersIn(value: List<Sleeper> | null): readonly Sleeper[] {
  return value === null ? [] : value.items;
}

/** Put oneself on the list, about to sleep. Never sleeps. @returns one's number, to hand back */
export function* prepare_to_wait_bit(k: VfsKernel, key: Struct): Task<number> {
  const { sleepers } = k.bit_wait_table;
  return yield* atomic_step({
    label: 'prepare_to_wait_bit',
    reads: [],
    writes: [sleepers as Cell],
    run: (set) => {
      const present = sleepersIn(sleepers.value);
      const taken = present.filter(({ items }) => items[0] === key).map(({ items }) => items[1]);
      let number = 0;
      while (taken.includes(number)) number += 1;
      set(sleepers, k.bag([...present, k.list<Struct | number | boolean>([key, number, false])]));
      return number;
    },
  });
}

/**
 * Sleep until woken, then leave the list. May sleep.
 * @param condition what the caller sleeps for, as kernel code that only looks
 */
export function* schedule_and_finish_wait(
  k: VfsKernel,
  key: Struct,
  number: number,
  condition?: () => Task<boolean>,
): Task<void> {
  yield* might_sleep('schedule');
  const isWoken = ({ items }: Sleeper): boolean =>
    items[0] === key && items[1] === number && items[2] === true;
  yield* sleep_until(k.bit_wait_table.sleepers, (now) => sleepersIn(now).some(isWoken), condition);
  yield* k.finish_wait_bit(key, number);
}

/** Leave the list, woken or not. Never sleeps. */
export function* finish_wait_bit(k: VfsKernel, key: Struct, number: number): Task<void> {
  const { sleepers } = k.bit_wait_table;
  const isMine = ({ items }: Sleeper): boolean => items[0] === key && items[1] === number;
  yield* atomic_step({
    label: 'finish_wait',
    reads: [],
    writes: [sleepers as Cell],
    run: (set) => {
      const left = sleepersIn(sleepers.value).filter((sleeper) => !isMine(sleeper));
      set(sleepers, left.length === 0 ? null : k.bag(left));
    },
  });
}

/** Wake everybody who sleeps on this object. Never sleeps. */
export function* wake_up_bit(k: VfsKernel, key: Struct): Task<void> {
  const { sleepers } = k.bit_wait_table;
  yield* atomic_step({
    label: 'wake_up_bit',
    reads: [],
    writes: [sleepers as Cell],
    run: (set) => {
      const now = sleepersIn(sleepers.value);
      if (!now.some(({ items }) => items[0] === key)) return;
      const woken = now.map((sleeper) =>
        sleeper.items[0] === key
          ? k.list<Struct | number | boolean>([key, sleeper.items[1] as number, true])
          : sleeper,
      );
      set(sleepers, k.bag(woken));
    },
  });
}
