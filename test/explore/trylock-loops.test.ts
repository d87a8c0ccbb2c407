/** Loops of a failed trylock and cpu_relax() wait for the lock: no more, no less than a lock does. */

import { describe, expect, test } from 'vitest';
import { explore, type Program } from '../../src/explore/index.js';
import {
  atomic_fetch_or,
  cpu_relax,
  lock_bit,
  READ_ONCE,
  trylock_bit,
  unlock_bit,
  WRITE_ONCE,
  Struct,
  type Task,
} from '../../src/machine/index.js';
import { program } from '../support/programs.js';

class Shared extends Struct {
  readonly a = this.lockCell('a', 'a');
  readonly b = this.lockCell('b', 'b');
  readonly x = this.cell('x', 0);
  readonly order = this.cell('order', 0);

  constructor() {
    super('shared');
  }
}

type Code = (s: Shared) => Task<void>;

function programOf(...tasks: readonly Code[]): Program {
  return program('trylock', (machine) => {
    const s = machine.global(new Shared(), 's');
    for (const [i, code] of tasks.entries()) machine.addTask({ name: `t${i}` }, () => code(s));
  });
}

function* spin(lock: Shared['a']): Task<void> {
  while (!(yield* trylock_bit(lock))) yield* cpu_relax();
}

function* lock(cell: Shared['a']): Task<void> {
  yield* lock_bit(cell);
}

/** Final contents and hung tasks, the same for both engines. */
function outcomeOf(tested: Program): { finals: string[]; hangs: boolean; complete: boolean } {
  const [states, dpor] = (['states', 'dpor'] as const).map((engine) => {
    const finals = new Set<string>();
    const { bugs, complete } = explore(tested, {
      engine,
      keepGoing: true,
      minimise: false,
      budget: { steps: 100_000 },
      onEnd: (machine) => {
        const s = machine.globals.find((global) => global instanceof Shared)!;
        finals.add(JSON.stringify([s.a.value, s.b.value, s.x.value, s.order.value]));
      },
    });
    return {
      finals: [...finals].sort(),
      hangs: bugs.some(({ kind }) => kind === 'deadlock'),
      complete,
    };
  });
  expect(dpor).toEqual(states);
  return states;
}

/** Notes who came when, under the lock. */
function critical(take: (cell: Shared['a']) => Task<void>, me: number): Code {
  return function* (s) {
    yield* take(s.a);
    yield* WRITE_ONCE(s.order, (yield* READ_ONCE(s.order)) * 10 + me);
    yield* unlock_bit(s.a);
  };
}

describe('a loop of trylock', () => {
  test('is as good as taking the lock: the same outcomes, all of them covered', () => {
    const spinning = outcomeOf(programOf(critical(spin, 1), critical(spin, 2), critical(spin, 3)));
    const locking = outcomeOf(programOf(critical(lock, 1), critical(lock, 2), critical(lock, 3)));
    expect(spinning).toEqual(locking);
    expect(spinning.finals.length).toBe(6);
    expect(spinning.complete).toBe(true);
  });

  test('whose lock is never given back hangs', () => {
    const keeps: Code = function* (s) {
      yield* lock_bit(s.a);
    };
    const { hangs, complete } = outcomeOf(programOf(keeps, critical(spin, 1)));
    expect({ hangs, complete }).toEqual({ hangs: true, complete: true });
  });

  test('sleeps on when other bits of the word change, and wakes when the lock is free', () => {
    const marks: Code = function* (s) {
      yield* lock_bit(s.a);
      yield* atomic_fetch_or(s.a, 2);
      yield* atomic_fetch_or(s.a, 4);
      yield* unlock_bit(s.a);
    };
    const reads: Code = function* (s) {
      yield* spin(s.a);
      yield* WRITE_ONCE(s.x, yield* READ_ONCE(s.a));
      yield* unlock_bit(s.a);
    };
    const { finals, hangs, complete } = outcomeOf(programOf(marks, reads));
    // Before the marks or after both: never in between.
    expect(finals).toEqual(['[6,0,1,0]', '[6,0,7,0]']);
    expect({ hangs, complete }).toEqual({ hangs: false, complete: true });
  });

  test('also looks at what else its round has read', () => {
    // The lock is never free again, but x ends the loop.
    const keeps: Code = function* (s) {
      yield* lock_bit(s.a);
      yield* WRITE_ONCE(s.x, 1);
    };
    const gives_up: Code = function* (s) {
      while (!(yield* trylock_bit(s.a))) {
        if ((yield* READ_ONCE(s.x)) === 1) {
          yield* WRITE_ONCE(s.order, 1);
          return;
        }
        yield* cpu_relax();
      }
      yield* unlock_bit(s.a);
    };
    const { finals, hangs, complete } = outcomeOf(programOf(keeps, gives_up));
    expect(finals).toEqual(['[1,0,1,0]', '[1,0,1,1]']);
    expect({ hangs, complete }).toEqual({ hangs: false, complete: true });
  });

  test('two that each hold what the other tries hang', () => {
    const takes = (first: 'a' | 'b', second: 'a' | 'b'): Code =>
      function* (s) {
        yield* lock_bit(s[first]);
        while (!(yield* trylock_bit(s[second]))) yield* cpu_relax();
        yield* unlock_bit(s[second]);
        yield* unlock_bit(s[first]);
      };
    expect(outcomeOf(programOf(takes('a', 'b'), takes('b', 'a'))).hangs).toBe(true);
    expect(outcomeOf(programOf(takes('a', 'b'), takes('a', 'b'))).hangs).toBe(false);
  });
});
