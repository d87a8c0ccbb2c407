/**
 * Programs that papers on partial-order reduction count: Flanagan and Godefroid (POPL 2005), Abdulla
 * et al. (POPL 2014, JACM 2017), Kokologiannakis et al. (POPL 2018), and the litmus tests.
 */

import type { Program } from '../../src/explore/index.js';
import {
  atomic_fetch_add,
  await_until,
  cmpxchg,
  cpu_relax,
  lock_bit,
  type Machine,
  READ_ONCE,
  Struct,
  try_cmpxchg,
  unlock_bit,
  WRITE_ONCE,
  type Cell,
  type Task,
} from '../../src/machine/index.js';
import { program, Vars } from './programs.js';

type Body = () => Task<void>;

function over(
  name: string,
  cells: number,
  bodies: (x: readonly Cell<number>[]) => readonly Body[],
  initial = 0,
): Program {
  return program(name, (machine) => {
    const { x } = machine.global(new Vars(cells, initial), 'v');
    for (const [i, body] of bodies(x).entries()) machine.addTask({ name: `t${i}` }, body);
  });
}

const times = <T>(n: number, make: (i: number) => T): T[] =>
  Array.from({ length: n }, (_, i) => make(i));

/** N tasks put four messages each into one hash table of 128 (Flanagan and Godefroid). */
export function indexer(n: number): Program {
  const size = 128;
  return over(`indexer(${n})`, size, (table) =>
    times(
      n,
      (tid) =>
        function* (): Task<void> {
          for (let m = 1; m <= 4; m += 1) {
            const w = m * 11 + tid;
            let h = (w * 7) % size;
            while (!(yield* try_cmpxchg(table[h], 0, w))) h = (h + 1) % size;
          }
        },
    ),
  );
}

class Disk extends Struct {
  readonly locki = times(32, (i) => this.lockCell(`locki${i}`, 'locki'));
  readonly inode = times(32, (i) => this.cell(`inode${i}`, 0));
  readonly lockb = times(26, (i) => this.lockCell(`lockb${i}`, 'lockb'));
  readonly busy = times(26, (i) => this.cell(`busy${i}`, 0));
}

/** N tasks give a block each to an inode of their own (Flanagan and Godefroid). */
export function filesystem(n: number): Program {
  return program(`filesystem(${n})`, (machine: Machine) => {
    const { locki, inode, lockb, busy } = machine.global(new Disk('disk'));
    for (const tid of times(n, (i) => i)) {
      machine.addTask({ name: `t${tid}` }, function* (): Task<void> {
        const i = tid % 32;
        yield* lock_bit(locki[i]);
        if ((yield* READ_ONCE(inode[i])) === 0) {
          for (let b = (i * 2) % 26; ; b = (b + 1) % 26) {
            yield* lock_bit(lockb[b]);
            if ((yield* READ_ONCE(busy[b])) === 0) {
              yield* WRITE_ONCE(busy[b], 1);
              yield* WRITE_ONCE(inode[i], b + 1);
              yield* unlock_bit(lockb[b]);
              break;
            }
            yield* unlock_bit(lockb[b]);
          }
        }
        yield* unlock_bit(locki[i]);
      });
    }
  });
}

/** Store buffering in a ring: task i writes x[i] and reads x[i+1]. */
export function storeBuffering(n: number): Program {
  return over(`SB(${n})`, n, (x) =>
    times(
      n,
      (i) =>
        function* (): Task<void> {
          yield* WRITE_ONCE(x[i], 1);
          yield* READ_ONCE(x[(i + 1) % n]);
        },
    ),
  );
}

/** Load buffering in a ring: task i reads x[i] and writes x[i+1]. */
export function loadBuffering(n: number): Program {
  return over(`LB(${n})`, n, (x) =>
    times(
      n,
      (i) =>
        function* (): Task<void> {
          yield* READ_ONCE(x[i]);
          yield* WRITE_ONCE(x[(i + 1) % n], 1);
        },
    ),
  );
}

/** 2+2W in a ring: task i writes x[i] and then x[i+1]. */
export function writesInARing(n: number): Program {
  return over(`2+2W(${n})`, n, (x) =>
    times(
      n,
      (i) =>
        function* (): Task<void> {
          yield* WRITE_ONCE(x[i], 1);
          yield* WRITE_ONCE(x[(i + 1) % n], 2);
        },
    ),
  );
}

/** Independent reads of independent writes. */
export function iriw(): Program {
  return over('IRIW', 2, ([x, y]) => [
    function* (): Task<void> {
      yield* WRITE_ONCE(x, 1);
    },
    function* (): Task<void> {
      yield* WRITE_ONCE(y, 1);
    },
    function* (): Task<void> {
      yield* READ_ONCE(x);
      yield* READ_ONCE(y);
    },
    function* (): Task<void> {
      yield* READ_ONCE(y);
      yield* READ_ONCE(x);
    },
  ]);
}

/** Compare-exchanges that rotate a value: task i takes i to i+1. */
export function casrot(n: number): Program {
  return over(`casrot(${n})`, 1, ([x]) =>
    times(
      n,
      (i) =>
        function* (): Task<void> {
          yield* cmpxchg(x, i, i + 1);
        },
    ),
  );
}

/** Compare-exchanges of which the first wins: all from 0. */
export function casw(n: number): Program {
  return over(`casw(${n})`, 1, ([x]) =>
    times(
      n,
      (i) =>
        function* (): Task<void> {
          yield* cmpxchg(x, 0, i + 1);
        },
    ),
  );
}

/** Two tasks add to each other's variable, K times each (SV-COMP's fib_bench). */
export function fib(k: number): Program {
  const adds = (x: Cell<number>, y: Cell<number>): Body =>
    function* (): Task<void> {
      for (let i = 0; i < k; i += 1) {
        yield* WRITE_ONCE(x, (yield* READ_ONCE(x)) + (yield* READ_ONCE(y)));
      }
    };
  return over(`fib(${k})`, 2, ([x, y]) => [adds(x, y), adds(y, x)], 1);
}

/** Mutual exclusion by Peterson (1981) for two tasks, with the waits as waits. */
export function peterson(): Program {
  const enter = (mine: Cell<number>, other: Cell<number>, turn: Cell<number>, me: number): Body =>
    function* (): Task<void> {
      yield* WRITE_ONCE(mine, 1);
      yield* WRITE_ONCE(turn, 1 - me);
      while ((yield* READ_ONCE(other)) === 1 && (yield* READ_ONCE(turn)) !== me) {
        yield* cpu_relax();
      }
      yield* WRITE_ONCE(mine, 0);
    };
  return over('peterson', 3, ([a, b, turn]) => [enter(a, b, turn, 0), enter(b, a, turn, 1)]);
}

/** A ticket lock: N tasks draw a number, wait for it and pass the lock on. */
export function ticket(n: number): Program {
  return over(`ticket(${n})`, 2, ([next, serving]) =>
    times(
      n,
      () =>
        function* (): Task<void> {
          const mine = yield* atomic_fetch_add(next, 1);
          yield* await_until(serving, (value) => value === mine);
          yield* WRITE_ONCE(serving, mine + 1);
        },
    ),
  );
}

/** N writers of one variable and one reader that reads it twice: coherence of reads. */
export function coherence(n: number): Program {
  return over(`CoRR(${n})`, 1, ([x]) => [
    ...times(
      n,
      (i) =>
        function* (): Task<void> {
          yield* WRITE_ONCE(x, i + 1);
        },
    ),
    function* (): Task<void> {
      yield* READ_ONCE(x);
      yield* READ_ONCE(x);
    },
  ]);
}
