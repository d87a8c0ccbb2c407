/**
 * Inode numbers: from counters that never repeat, and from an allocator that reuses at once.
 *
 * A number identifies the object behind a file, an inode object only one period of its being open;
 * both are reused by rules of their own, which tests must be able to tell apart.
 * Mirrors fs/inode.c, lib/idr.c and the number rules of fs/pidfs.c and fs/nsfs.c.
 */

import { atomic_fetch_add, atomic_step, Struct, type Cell, type Task } from '../machine/index.js';

/** Numbers that count up for ever: pidfs on 64 bit, where the first one is 301. */
export class InoCounter extends Struct {
  readonly last: Cell<number>;

  constructor(last: number) {
    super('ino_counter');
    this.last = this.cell('last', last);
  }
}

/** The next number; never repeats. Never sleeps. */
export function* ino_next(counter: InoCounter): Task<number> {
  return (yield* atomic_fetch_add(counter.last, 1)) + 1;
}

/** Numbers that are handed out lowest free first: nsfs, and pidfs on 32 bit in v6.9. */
export class Ida extends Struct {
  readonly first: number;
  /** Bit i: is number first + i in use? */
  readonly used = this.cell('used', 0);

  constructor(first: number) {
    super('ida');
    this.first = first;
  }
}

const IDA_SIZE = 30;

/** The lowest free number, or -1 if all are in use. Takes the allocator's own lock: one step here. */
export function* ida_alloc(ida: Ida): Task<number> {
  return yield* atomic_step({
    label: 'ida_alloc',
    reads: [],
    writes: [ida.used],
    run: (set) => {
      for (let i = 0; i < IDA_SIZE; i += 1) {
        if ((ida.used.value & (1 << i)) !== 0) continue;
        set(ida.used, ida.used.value | (1 << i));
        return ida.first + i;
      }
      return -1;
    },
  });
}

/** Give a number back; the next caller may get it. */
export function* ida_free(ida: Ida, number: number): Task<void> {
  yield* atomic_step({
    label: 'ida_free',
    reads: [],
    writes: [ida.used],
    run: (set) => set(ida.used, ida.used.value & ~(1 << (number - ida.first))),
  });
}
