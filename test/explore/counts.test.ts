/** Known counts: how many executions the DPOR literature's programs have, and no more are run. */

import { describe, expect, test } from 'vitest';
import { brute, explore, type Program } from '../../src/explore/index.js';
import {
  atomic_fetch_add,
  cmpxchg,
  lock_bit,
  READ_ONCE,
  unlock_bit,
  WRITE_ONCE,
  Struct,
  type Task,
} from '../../src/machine/index.js';
import { ainc, lastzero, program, readers, Vars } from '../support/programs.js';

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));

function dpor(p: Program): { executions: number; blocked: number; verdict: string } {
  const { executions, blocked, verdict } = explore(p, { engine: 'dpor' });
  return { executions, blocked, verdict };
}

describe('one execution per Mazurkiewicz trace', () => {
  test.each([1, 2, 3, 4, 5, 6, 7])('N atomic increments have N! (N = %i)', (n) => {
    const verdict = n === 1 ? 'HOLDS' : 'HOLDS';
    expect(dpor(ainc(n))).toEqual({ executions: factorial(n), blocked: 0, verdict });
  });

  test.each([1, 2, 5, 10])('N readers and a writer have 2^N (N = %i)', (n) => {
    expect(dpor(readers(n))).toEqual({ executions: 2 ** n, blocked: 0, verdict: 'HOLDS' });
  });

  test.each([2, 3, 5, 8])('lastzero has (N+3) * 2^(N-2) (N = %i)', (n) => {
    expect(dpor(lastzero(n))).toEqual({
      executions: (n + 3) * 2 ** (n - 2),
      blocked: 0,
      verdict: 'HOLDS',
    });
  });

  test('N writers of one variable have N! orders of writing', () => {
    const writers = program('writers(5)', (machine) => {
      const { x } = machine.global(new Vars(1), 'v');
      for (let i = 0; i < 5; i += 1) {
        machine.addTask({ name: `w${i}` }, function* (): Task<void> {
          yield* WRITE_ONCE(x[0], i);
        });
      }
    });
    expect(dpor(writers)).toEqual({ executions: 120, blocked: 0, verdict: 'HOLDS' });
  });

  test('independent tasks have one execution, which is no concurrency at all', () => {
    const independent = program('independent', (machine) => {
      const { x } = machine.global(new Vars(4), 'v');
      for (let i = 0; i < 4; i += 1) {
        machine.addTask({ name: `t${i}` }, function* (): Task<void> {
          yield* WRITE_ONCE(x[i], 1);
          yield* READ_ONCE(x[i]);
        });
      }
    });
    expect(dpor(independent)).toEqual({ executions: 1, blocked: 0, verdict: 'VACUOUS' });
  });

  test('store buffering: one of the four outcomes is impossible under sequential consistency', () => {
    const sb = program('SB', (machine) => {
      const { x } = machine.global(new Vars(2), 'v');
      for (const [mine, other] of [
        [0, 1],
        [1, 0],
      ] as const) {
        machine.addTask({ name: `t${mine}` }, function* (): Task<void> {
          yield* WRITE_ONCE(x[mine], 1);
          yield* READ_ONCE(x[other]);
        });
      }
    });
    expect(dpor(sb)).toEqual({ executions: 3, blocked: 0, verdict: 'HOLDS' });
  });

  test('message passing has three outcomes', () => {
    const mp = program('MP', (machine) => {
      const { x } = machine.global(new Vars(2), 'v');
      machine.addTask({ name: 'w' }, function* (): Task<void> {
        yield* WRITE_ONCE(x[0], 1);
        yield* WRITE_ONCE(x[1], 1);
      });
      machine.addTask({ name: 'r' }, function* (): Task<void> {
        yield* READ_ONCE(x[1]);
        yield* READ_ONCE(x[0]);
      });
    });
    expect(dpor(mp)).toEqual({ executions: 3, blocked: 0, verdict: 'HOLDS' });
  });

  test('critical sections of N tasks have N! orders, and nobody spins', () => {
    class Locked extends Struct {
      readonly lock = this.lockCell('lock', 'lock');
      readonly x = this.cell('x', 0);
    }
    const locked = program('locked(4)', (machine) => {
      const shared = machine.global(new Locked('shared'));
      for (let i = 0; i < 4; i += 1) {
        machine.addTask({ name: `t${i}` }, function* (): Task<void> {
          yield* lock_bit(shared.lock);
          yield* WRITE_ONCE(shared.x, (yield* READ_ONCE(shared.x)) + 1);
          yield* unlock_bit(shared.lock);
        });
      }
    });
    expect(dpor(locked)).toEqual({ executions: 24, blocked: 0, verdict: 'HOLDS' });
  });

  test('compare-exchange: only the first of N takes a slot, and failing ones commute', () => {
    const claim = program('claim(4)', (machine) => {
      const { x } = machine.global(new Vars(1), 'v');
      for (let i = 1; i <= 4; i += 1) {
        machine.addTask({ name: `t${i}` }, function* (): Task<void> {
          yield* cmpxchg(x[0], 0, i);
        });
      }
    });
    expect(dpor(claim)).toEqual({ executions: 4, blocked: 0, verdict: 'HOLDS' });
  });

  test('two increments that are not atomic have the interleavings that brute force counts', () => {
    const racy = program('racy', (machine) => {
      const { x } = machine.global(new Vars(1), 'v');
      for (let i = 0; i < 2; i += 1) {
        machine.addTask({ name: `t${i}` }, function* (): Task<void> {
          yield* WRITE_ONCE(x[0], (yield* READ_ONCE(x[0])) + 1);
        });
      }
    });
    // Steps r and w of a and b: rwRW rRwW rRWw RrwW RrWw RWrw.
    expect(brute(racy).executions).toBe(6);
    // The two reads commute: rRwW = RrwW and rRWw = RrWw.
    expect(dpor(racy)).toEqual({ executions: 4, blocked: 0, verdict: 'HOLDS' });
  });

  test('a fetch-and-add that is read afterwards is ordered with every other', () => {
    const mixed = program('mixed', (machine) => {
      const { x } = machine.global(new Vars(1), 'v');
      machine.addTask({ name: 'a' }, function* (): Task<void> {
        yield* atomic_fetch_add(x[0], 1);
        yield* READ_ONCE(x[0]);
      });
      machine.addTask({ name: 'b' }, function* (): Task<void> {
        yield* atomic_fetch_add(x[0], 1);
      });
    });
    expect(dpor(mixed)).toEqual({ executions: 3, blocked: 0, verdict: 'HOLDS' });
  });
});

describe('searching states', () => {
  test.each([3, 5, 6])('counts the same interleavings as running them all (ainc %i)', (n) => {
    expect(explore(ainc(n), { engine: 'states' }).interleavings).toBe(factorial(n));
  });

  test('counts interleavings, not traces', () => {
    // Two readers and a writer of one step each: 3! orders.
    expect(explore(readers(2), { engine: 'states' }).interleavings).toBe(6);
  });
});
