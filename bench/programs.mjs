/** The programs that explorers are compared on, as in the DPOR literature, and a stash in 40 lines. */

import {
  atomic_fetch_add,
  cmpxchg,
  cmpxchg_loop,
  Machine,
  READ_ONCE,
  Struct,
  WRITE_ONCE,
} from '../dist/index.js';

class Vars extends Struct {
  constructor(count, initial) {
    super('vars');
    this.x = Array.from({ length: count }, (_, i) => this.cell(`x${i}`, initial));
  }
}

function program(name, count, initial, tasks) {
  return {
    name,
    branches: [],
    build(options) {
      const machine = new Machine(options);
      const { x } = machine.global(new Vars(count, initial), 'v');
      tasks(x).forEach((body, i) => machine.addTask({ name: `t${i}` }, body));
      return { machine, atEnd: () => undefined };
    },
  };
}

const times = (n, make) => Array.from({ length: n }, (_, i) => make(i));

export const ainc = (n) =>
  program(`ainc(${n})`, 1, 0, (x) =>
    times(
      n,
      () =>
        function* () {
          yield* atomic_fetch_add(x[0], 1);
        },
    ),
  );

export const readers = (n) =>
  program(`readers(${n})`, 1, 0, (x) => [
    ...times(
      n,
      () =>
        function* () {
          yield* READ_ONCE(x[0]);
        },
    ),
    function* () {
      yield* WRITE_ONCE(x[0], 1);
    },
  ]);

export const lastzero = (n) =>
  program(`lastzero(${n})`, n + 1, 0, (x) => [
    function* () {
      for (let i = n; (yield* READ_ONCE(x[i])) !== 0; i -= 1);
    },
    ...times(
      n,
      (j) =>
        function* () {
          yield* WRITE_ONCE(x[j + 1], (yield* READ_ONCE(x[j])) + 1);
        },
    ),
  ]);

const DEAD = -128;

/**
 * N tasks open and close one stashed dentry, access by access as the C program that the peers were
 * measured with: counts only, no locks, no RCU, no memory.
 */
export const stash = (n) =>
  program(`stash(${n})`, n + 1, 0, (cells) => {
    const [stashed, ...counts] = cells;
    // A dentry is a number from 1; counts[d - 1] is its reference count.
    const count = (dentry) => counts[dentry - 1];
    function* get_not_dead(dentry) {
      const value = yield* cmpxchg_loop(count(dentry), (v) => (v < 0 ? undefined : v + 1));
      return value >= 0;
    }
    function* open(mine) {
      const found = yield* READ_ONCE(stashed);
      if (found !== 0 && (yield* get_not_dead(found))) return found;
      yield* WRITE_ONCE(count(mine), 1);
      for (;;) {
        const old = yield* cmpxchg(stashed, 0, mine);
        if (old === 0) return mine;
        if (yield* get_not_dead(old)) return old;
        if ((yield* cmpxchg(stashed, old, mine)) === old) return mine;
      }
    }
    function* dput(dentry) {
      const value = yield* cmpxchg_loop(count(dentry), (v) => (v === 1 ? DEAD : v - 1));
      if (value === 1) yield* cmpxchg(stashed, dentry, 0);
    }
    return times(
      n,
      (i) =>
        function* () {
          yield* dput(yield* open(i + 1));
        },
    );
  });
