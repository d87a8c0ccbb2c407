/** When a number comes back: the rule of each allocator, alone and with two CPUs at once. */

import { describe, expect, test } from 'vitest';
import { explore } from '../../src/explore/index.js';
import { E, Machine, WRITE_ONCE, type Task } from '../../src/machine/index.js';
import {
  BatchedNumbers,
  create_kernel,
  CyclicNumbers,
  Ida,
  ida_alloc,
  ida_free,
  InoCounter,
  ino_next,
  NUMBER_BRANCHES,
  SuperBlock,
  UniqueNumbers,
  type VfsKernel,
} from '../../src/vfs/index.js';
import { program, Vars } from '../support/programs.js';

const TWO_32 = 2 ** 32;

/** Run one function alone. */
function run<T>(body: (k: VfsKernel, machine: Machine) => Task<T>): T {
  const machine = new Machine();
  const k = create_kernel(machine);
  return machine.boot(() => body(k, machine));
}

/** The pairs of numbers that two tasks get, over all interleavings. */
function pairs(
  make: (machine: Machine, k: VfsKernel) => (cpu: number) => Task<number>,
): [number, number][] {
  const seen = new Map<string, [number, number]>();
  const p = program('numbers', (machine) => {
    const k = create_kernel(machine);
    const { x } = machine.global(new Vars(2), 'got');
    const next = make(machine, k);
    for (const cpu of [0, 1]) {
      machine.addTask({ name: `cpu${cpu}` }, function* () {
        yield* WRITE_ONCE(x[cpu], yield* next(cpu));
      });
    }
  });
  explore(p, {
    engine: 'dpor',
    onEnd: (machine) => {
      for (const object of machine.globals) {
        if (!(object instanceof Vars)) continue;
        const [a, b] = object.x.map(({ value }) => value);
        seen.set(`${a},${b}`, [a, b]);
      }
    },
  });
  return [...seen.values()];
}

describe('never again', () => {
  test('a counter: pidfs of v6.9 on 64 bit begins at 301', () => {
    expect(
      run(function* (k) {
        return [yield* ino_next(k.pidfs_ino), yield* ino_next(k.pidfs_ino)].join();
      }),
    ).toBe('301,302');
    const got = pairs((machine) => {
      const counter = machine.global(new InoCounter(300));
      return () => ino_next(counter);
    });
    expect(got.map((pair) => pair.sort().join())).toEqual(['301,302', '301,302']);
  });

  test('cookies: unique, but each CPU has a batch of 4096', () => {
    const got = pairs((machine, k) => {
      const cookies = machine.global(new BatchedNumbers('cookie', 0, 2));
      return (cpu) => k.gen_cookie_next(cookies, cpu);
    });
    expect(got.map((pair) => pair.sort((a, b) => a - b))).toEqual([
      [1, 4097],
      [1, 4097],
    ]);
    const order = run(function* (k, machine) {
      const cookies = machine.global(new BatchedNumbers('cookie', 0, 2));
      const first = yield* k.gen_cookie_next(cookies, 1);
      const later = yield* k.gen_cookie_next(cookies, 0);
      const last = yield* k.gen_cookie_next(cookies, 1);
      let end = last;
      for (let i = 0; i < 4095; i += 1) end = yield* k.gen_cookie_next(cookies, 1);
      return [first, later, last, end].join();
    });
    // The batch from 1 to 4096 ends, and the next one begins after the other CPU's.
    expect(order).toBe('1,4097,2,8193');
  });
});

describe('again at once', () => {
  test('an IDA hands out the lowest free number', () => {
    expect(
      run(function* (_k, machine) {
        const ida = machine.global(new Ida(301));
        const first = yield* ida_alloc(ida);
        const second = yield* ida_alloc(ida);
        yield* ida_free(ida, first);
        return [first, second, yield* ida_alloc(ida)].join();
      }),
    ).toBe('301,302,301');
  });

  test('an IDA gives one number to one owner', () => {
    const got = pairs((machine) => {
      const ida = machine.global(new Ida(301));
      return () => ida_alloc(ida);
    });
    expect(got.every(([a, b]) => a !== b)).toBe(true);
    expect(got).toHaveLength(2);
  });
});

describe('again after a wrap', () => {
  test('get_next_ino: 32 bits, batches of 1024, never zero', () => {
    const got = run(function* (k, machine) {
      const numbers = machine.global(new BatchedNumbers('last_ino', 0, 2));
      const first = yield* k.get_next_ino(numbers, 0);
      const other = yield* k.get_next_ino(numbers, 1);
      const second = yield* k.get_next_ino(numbers, 0);
      const end = machine.global(new BatchedNumbers('last_ino', TWO_32 - 1024, 1));
      let last = 0;
      for (let i = 0; i < 1023; i += 1) last = yield* k.get_next_ino(end, 0);
      return [first, other, second, last, yield* k.get_next_ino(end, 0)].join();
    });
    expect(got).toBe(`1,1025,2,${TWO_32 - 1},1`);
  });

  test('process numbers go in circles from 300', () => {
    const got = run(function* (k, machine) {
      // Small numbers stand for 1, 300 and pid_max.
      const idr = machine.global(new CyclicNumbers(1, 3, 6));
      const ids: number[] = [];
      for (let i = 0; i < 4; i += 1) ids.push(yield* k.idr_alloc_cyclic(idr));
      yield* k.idr_remove(idr, 2);
      yield* k.idr_remove(idr, 4);
      ids.push(yield* k.idr_alloc_cyclic(idr));
      ids.push(yield* k.idr_alloc_cyclic(idr));
      ids.push(yield* k.idr_alloc_cyclic(idr));
      return ids.join();
    });
    // 5 is next after 4; then 4 is free again; 2 is below the lowest one and never comes back.
    expect(got).toBe(`1,2,3,4,5,4,${-E.ENOSPC}`);
  });
});

test('iunique passes by numbers that inodes in the hash have', () => {
  const p = program('iunique', (machine) => {
    const k = create_kernel(machine);
    const sb = machine.global(new SuperBlock('testfs', {}, {}, 0, null as never));
    const numbers = machine.global(new UniqueNumbers());
    const vars = machine.global(new Vars(1), 'got');
    machine.addTask({ name: 't' }, function* () {
      const inode = (yield* k.iget_locked(sb, 11))!;
      yield* k.unlock_new_inode(inode);
      yield* WRITE_ONCE(vars.x[0], yield* k.iunique(numbers, sb, 10));
    });
  });
  let got = 0;
  const result = explore(
    { ...p, branches: NUMBER_BRANCHES },
    {
      onEnd: (machine) => {
        for (const object of machine.globals) {
          if (object instanceof Vars) got = object.x[0].value;
        }
      },
    },
  );
  expect(result.bugs).toEqual([]);
  expect(got).toBe(12);
  expect(result.taken.map(({ fn }) => fn)).toEqual(['iunique']);
});
