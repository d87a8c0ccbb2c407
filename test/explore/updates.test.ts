/** A compare-exchange loop is one step for the exhaustive engines, and two for whoever looks. */

import { describe, expect, test } from 'vitest';
import { brute, explore, replay, type Engine } from '../../src/explore/index.js';
import {
  cmpxchg,
  cmpxchg_loop,
  GAVE_UP,
  READ_ONCE,
  WARN,
  write,
  WRITE_ONCE,
  type Cell,
  type Task,
} from '../../src/machine/index.js';
import { program, Vars } from '../support/programs.js';

const ENGINES: readonly Engine[] = ['states', 'dpor', 'brute'];

function withVars(...tasks: ((x: readonly Cell<number>[]) => Task<unknown>)[]) {
  return program('updates', (machine) => {
    const { x } = machine.global(new Vars(2), 'v');
    for (const [i, body] of tasks.entries()) machine.addTask({ name: `t${i}` }, () => body(x));
  });
}

function* increment([x]: readonly Cell<number>[]): Task<void> {
  yield* cmpxchg_loop(x, (value) => value + 1);
}

describe('one step', () => {
  test('n updates of one cell have n! traces, and brute force has more interleavings', () => {
    const three = withVars(increment, increment, increment);
    expect(explore(three, { engine: 'dpor' })).toMatchObject({ executions: 6, verdict: 'HOLDS' });
    const brute = explore(three, { engine: 'brute' });
    expect(brute.verdict).toBe('HOLDS');
    expect(brute.executions).toBeGreaterThan(6);
  });

  test('a loop that leaves the cell alone is a load: it commutes with other loads', () => {
    const look = ([x]: readonly Cell<number>[]): Task<number> => cmpxchg_loop(x, () => undefined);
    const result = explore(withVars(look, look, look), { engine: 'dpor' });
    expect(result.executions).toBe(1);
  });

  test('whether a loop stops depends on what came before, in both orders', () => {
    // One of the two brings the count to 1; the other finds that and stops.
    const once = function* ([x, y]: readonly Cell<number>[]): Task<void> {
      const old = yield* cmpxchg_loop(x, (value) => (value === 0 ? 1 : undefined));
      if (old !== 0) yield* WRITE_ONCE(y, (yield* READ_ONCE(y)) + 1);
    };
    for (const engine of ENGINES) {
      const finals = new Set<number>();
      explore(withVars(once, once, once), {
        engine,
        onEnd: (machine) => finals.add((machine.globals.at(-1) as Vars).x[1].value),
      });
      if (engine !== 'brute') expect([...finals].sort()).toEqual([1, 2]);
    }
  });
});

describe('nothing is lost', () => {
  test.each(ENGINES)(
    '%s: another task may come between a load and an exchange of its own',
    (engine) => {
      // Not a loop: an exchange that loses is noticed, so it must be tried.
      const notALoop = function* ([x]: readonly Cell<number>[]): Task<void> {
        const value = yield* READ_ONCE(x);
        if ((yield* cmpxchg(x, value, value + 1)) !== value) yield* WARN('lost');
      };
      const { bugs } = explore(withVars(notALoop, notALoop), { engine });
      expect(bugs.map(({ title }) => title)).toEqual(['lost in the task itself']);
    },
  );

  test.each(ENGINES)('%s: a plain store races with an update', (engine) => {
    const store = function* plain_store([x]: readonly Cell<number>[]): Task<void> {
      yield* write(x, 5);
    };
    const { bugs } = explore(withVars(increment, store), { engine, minimise: false });
    expect(bugs.map(({ kind }) => kind)).toEqual(['KCSAN']);
  });

  test('a loop with a limit gives up only where others are quicker that often', () => {
    const limited = function* ([x, y]: readonly Cell<number>[]): Task<void> {
      const old = yield* cmpxchg_loop(x, (value) => value + 1, 'relaxed', 1);
      if (old === GAVE_UP) yield* WRITE_ONCE(y, 1);
    };
    const finals = new Set<string>();
    brute(withVars(limited, increment), {
      finalState: (machine) => {
        finals.add((machine.globals.at(-1) as Vars).x.map(({ value }) => value).join());
        return '';
      },
    });
    expect([...finals].sort()).toEqual(['1,1', '2,0']);
  });
});

describe('what is shown has one access a step', () => {
  test.each(['states', 'dpor'] as const)('%s: the schedule replays to the same bug', (engine) => {
    const noticed = function* ([x, y]: readonly Cell<number>[]): Task<void> {
      const old = yield* cmpxchg_loop(x, (value) => value + 1);
      if (old === 1 && (yield* READ_ONCE(y)) === 0) yield* WARN('second');
    };
    const two = withVars(noticed, noticed);
    for (const minimise of [true, false]) {
      const [bug] = explore(two, { engine, minimise }).bugs;
      const replayed = replay(two, bug.schedule);
      expect(replayed.diverged).toBeNull();
      expect(replayed.findings.map(({ title }) => title)).toContain(bug.title);
      // Load and exchange of both, and the look at y.
      expect(bug.steps).toBe(5);
    }
  });
});
