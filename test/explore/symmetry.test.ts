/** Exploring symmetric tasks up to renaming, against the search that does not. */

import { describe, expect, test } from 'vitest';
import { explore, Prng, type ExploreOptions, type Program } from '../../src/explore/index.js';
import {
  atomic_fetch_add,
  atomic_step,
  await_until,
  call,
  cmpxchg,
  kmem_cache_alloc,
  kmem_cache_free,
  lock_bit,
  Machine,
  MisuseError,
  READ_ONCE,
  Slab,
  Struct,
  trylock_bit,
  unlock_bit,
  WARN,
  WRITE_ONCE,
  xchg,
  type Cell,
  type Task,
} from '../../src/machine/index.js';

type Instruction = readonly [op: string, v: number, value: number];

class Thing extends Struct {
  readonly value = this.cell('value', 0);

  constructor() {
    super('thing');
  }
}

class Shared extends Struct {
  readonly x = [0, 1].map((i) => this.cell(`x${i}`, 0));
  readonly lock = [0, 1].map((i) => this.lockCell(`lock${i}`, `lock${i}`));
  readonly slot = this.cell<Thing | null>('slot', null);
  readonly seen = this.cell('seen', 0);

  constructor() {
    super('shared');
  }
}

function randomCode(seed: number): Instruction[] {
  const prng = new Prng(seed);
  const ops = ['load', 'store', 'add', 'cas', 'lock', 'try', 'publish', 'take'];
  return Array.from({ length: 3 }, () => [ops[prng.below(8)], prng.below(2), prng.below(3)]);
}

function* run(s: Shared, slab: Slab<Thing, []>, code: readonly Instruction[]): Task<void> {
  let seen = 1;
  for (const [op, v, value] of code) {
    switch (op) {
      case 'load':
        seen = seen * 5 + (yield* READ_ONCE(s.x[v]));
        break;
      case 'store':
        yield* WRITE_ONCE(s.x[v], value);
        break;
      case 'add':
        seen = seen * 5 + (yield* atomic_fetch_add(s.x[v], 1));
        break;
      case 'cas':
        seen = seen * 5 + (yield* cmpxchg(s.x[v], 0, value));
        break;
      case 'lock':
        // In an order that depends on what was seen, so that some programs deadlock.
        yield* lock_bit(s.lock[seen % 2]);
        yield* lock_bit(s.lock[1 - (seen % 2)]);
        yield* unlock_bit(s.lock[0]);
        yield* unlock_bit(s.lock[1]);
        break;
      case 'try':
        if (yield* trylock_bit(s.lock[v])) {
          yield* atomic_fetch_add(s.x[v], 1);
          yield* unlock_bit(s.lock[v]);
        } else seen += 2;
        break;
      case 'publish': {
        const thing = (yield* kmem_cache_alloc(slab))!;
        yield* WRITE_ONCE(thing.value, seen);
        yield* xchg(s.slot, thing);
        break;
      }
      case 'take': {
        const thing = yield* READ_ONCE(s.slot);
        if (thing === null) break;
        seen = seen * 5 + (yield* READ_ONCE(thing.value));
        yield* kmem_cache_free(thing);
        break;
      }
    }
  }
  yield* atomic_fetch_add(s.seen, seen);
}

function symmetric(code: readonly Instruction[], tasks: number, extra: boolean): Program {
  return {
    name: JSON.stringify(code),
    branches: [],
    build(options) {
      const machine = new Machine(options);
      const s = machine.global(new Shared(), 'shared');
      const slab = machine.global(new Slab<Thing, []>('thing', () => new Thing()));
      if (extra) {
        machine.addTask({ name: 'other' }, function* () {
          yield* WRITE_ONCE(s.x[0], 1);
          yield* WRITE_ONCE(s.x[1], 2);
        });
      }
      for (let i = 0; i < tasks; i += 1) {
        machine.addTask({ name: `t${i}`, symmetric: 'same' }, () => run(s, slab, code));
      }
      return { machine, atEnd: () => undefined };
    },
  };
}

/** Two tasks with the same code, but that one does something else if it has seen a certain sum. */
function deviating(seed: number): Program {
  const code = randomCode(seed);
  const prng = new Prng(seed);
  const sum = 1 + prng.below(8);
  return {
    name: JSON.stringify(code),
    branches: [],
    build(options) {
      const machine = new Machine(options);
      const s = machine.global(new Shared(), 'shared');
      const slab = machine.global(new Slab<Thing, []>('thing', () => new Thing()));
      const deviate = function* (me: number): Task<void> {
        const seen = yield* READ_ONCE(s.seen);
        if (me === 1 && seen === sum) yield* WRITE_ONCE(s.x[0], 7);
      };
      for (const me of [0, 1]) {
        machine.addTask({ name: `t${me}`, symmetric: 'same' }, function* () {
          yield* run(s, slab, code);
          yield* deviate(me);
        });
      }
      return { machine, atEnd: () => undefined };
    },
  };
}

/** A final state without the names of the tasks: how many wait, and what is in memory. */
function outcomeOf(tested: Program, options: ExploreOptions): unknown {
  const finals = new Set<string>();
  const result = explore(tested, {
    engine: 'states',
    keepGoing: true,
    minimise: false,
    onEnd: (machine) => {
      const s = machine.globals.find((global) => global instanceof Shared)!;
      const { value } = s.slot;
      const rest = [value === null ? null : [value.value.value, value.life.value], s.seen.value];
      const waiting = machine.tasks.filter((task) => !task.ended.value).length;
      finals.add(JSON.stringify([s.x.map((x) => x.value), rest, waiting]));
    },
    ...options,
  });
  return {
    states: result.states,
    guarantee: result.guarantee,
    finals: [...finals].sort(),
    titles: result.bugs.map(({ title }) => title).sort(),
  };
}

interface Outcome {
  readonly states: number;
  readonly guarantee: string | null;
  readonly finals: readonly string[];
  readonly titles: readonly string[];
}

describe('symmetric tasks', () => {
  test('have the same reports and final states up to renaming, from fewer states', () => {
    const seen = { titles: 0, full: 0, reduced: 0 };
    for (let seed = 1; seed <= 24; seed += 1) {
      const tested = symmetric(randomCode(seed), 2 + (seed % 2), seed % 3 === 0);
      const full = outcomeOf(tested, {}) as Outcome;
      const reduced = outcomeOf(tested, { symmetry: true }) as Outcome;
      const { finals, titles } = full;
      expect({ seed, finals: reduced.finals, titles: reduced.titles }).toEqual({
        seed,
        finals,
        titles,
      });
      seen.titles += titles.length;
      seen.full += full.states;
      seen.reduced += reduced.states;
    }
    expect(seen.titles).toBeGreaterThan(5);
    expect(seen.reduced).toBeLessThan(seen.full * 0.7);
  });

  test('are named in the verdict', () => {
    const { guarantee } = outcomeOf(symmetric([['add', 0, 0]], 3, true), {
      symmetry: true,
    }) as Outcome;
    expect(guarantee).toBe('up to renaming of 3 symmetric tasks');
    expect((outcomeOf(symmetric([['add', 0, 0]], 3, true), {}) as Outcome).guarantee).toBeNull();
  });

  test('are refused if they do not do the same', () => {
    const different: Program = {
      name: 'different',
      branches: [],
      build(options) {
        const machine = new Machine(options);
        const s = machine.global(new Shared(), 'shared');
        for (const i of [0, 1]) {
          machine.addTask({ name: `t${i}`, symmetric: 'same' }, function* () {
            yield* WRITE_ONCE(s.x[i], 1);
          });
        }
        return { machine, atEnd: () => undefined };
      },
    };
    const search = (): unknown => explore(different, { engine: 'states', symmetry: true });
    expect(search).toThrow(MisuseError);
    expect(search).toThrow(/leave `symmetric` out/);
  });

  describe('are refused if they differ only in what others make them do', () => {
    type Code = (s: Shared, me: number) => Task<void>;
    const pair = (code: Code): Program => ({
      name: 'pair',
      branches: [],
      build(options) {
        const machine = new Machine(options);
        const s = machine.global(new Shared(), 'shared');
        for (const me of [0, 1]) {
          machine.addTask({ name: `t${me}`, symmetric: 'same' }, () => code(s, me));
        }
        return { machine, atEnd: () => undefined };
      },
    });
    /** Sees what the other stores last; alone, it never does. */
    const meets = function* (s: Shared): Task<boolean> {
      const seen = yield* READ_ONCE(s.x[0]);
      yield* WRITE_ONCE(s.x[0], 1);
      return seen === 1;
    };
    const codes: [string, Code][] = [
      [
        'a warning',
        function* (s, me) {
          if ((yield* meets(s)) && me === 0) yield* WARN('only the first');
        },
      ],
      [
        'a value stored',
        function* (s, me) {
          if (yield* meets(s)) yield* WRITE_ONCE(s.x[1], me);
        },
      ],
      [
        'a cell',
        function* (s, me) {
          if (yield* meets(s)) yield* WRITE_ONCE(s.lock[me], 0);
        },
      ],
      [
        'the condition of a wait',
        function* (s, me) {
          if (yield* meets(s)) yield* await_until(s.x[0], (x) => x === 1 - me);
        },
      ],
      [
        'an atomic step',
        function* (s, me) {
          const cell = s.seen;
          const run = (set: (c: typeof cell, v: number) => void): void => set(cell, me);
          if (yield* meets(s)) {
            yield* atomic_step({ label: 'step', reads: [], writes: [cell as Cell], run });
          }
        },
      ],
      [
        'a function that is called',
        function* (s, me) {
          const store = function* (): Task<void> {
            yield* WRITE_ONCE(s.x[1], me);
          };
          if (yield* meets(s)) yield* call(store);
        },
      ],
      [
        'the end',
        function* (s, me) {
          if ((yield* meets(s)) && me === 1) return;
          yield* READ_ONCE(s.x[1]);
        },
      ],
    ];

    test.each(codes)('%s', (_what, code) => {
      const tested = pair(code);
      const full = explore(tested, { engine: 'states', keepGoing: true, minimise: false });
      expect(full.complete).toBe(true);
      expect(() => explore(tested, { symmetry: true })).toThrow(/do not do the same/);
    });

    test('not if they only look up who they are and do nothing with it', () => {
      const tested = pair(function* (s, me) {
        if (yield* meets(s)) yield* WRITE_ONCE(s.x[1], me - me);
      });
      expect(explore(tested, { symmetry: true }).verdict).toBe('HOLDS');
    });
  });

  test('random ones with one deviation: refused, or the same as without symmetry', () => {
    const seen = { refused: 0, same: 0 };
    for (let seed = 1; seed <= 40; seed += 1) {
      const tested = deviating(seed);
      const full = outcomeOf(tested, {}) as Outcome;
      let reduced: Outcome;
      try {
        reduced = outcomeOf(tested, { symmetry: true }) as Outcome;
      } catch (error) {
        expect(error).toBeInstanceOf(MisuseError);
        seen.refused += 1;
        continue;
      }
      expect({ seed, ...reduced, states: 0, guarantee: null }).toEqual({
        seed,
        ...full,
        states: 0,
        guarantee: null,
      });
      seen.same += 1;
    }
    expect(seen.refused).toBeGreaterThan(2);
    expect(seen.same).toBeGreaterThan(5);
  });

  test('are for the search of states only', () => {
    const tested = symmetric([['add', 0, 0]], 2, false);
    expect(() => explore(tested, { engine: 'dpor', symmetry: true })).toThrow(/engine states/);
  });
});
