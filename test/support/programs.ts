/**
 * Small programs for testing the explorer: the DPOR literature's, and a builder for one's own.
 */

import {
  atomic_fetch_add,
  Machine,
  READ_ONCE,
  Struct,
  WRITE_ONCE,
  type Cell,
  type MachineOptions,
  type Task,
} from '../../src/machine/index.js';
import type { Built, Program } from '../../src/explore/index.js';

/** Shared variables x0, x1, … */
export class Vars extends Struct {
  readonly x: readonly Cell<number>[];

  constructor(count: number, initial = 0) {
    super('vars');
    this.x = Array.from({ length: count }, (_, i) => this.cell(`x${i}`, initial));
  }
}

/** A program from a function that adds tasks to a fresh machine. */
export function program(
  name: string,
  setUp: (machine: Machine) => void,
  atEnd: (machine: Machine) => void = () => undefined,
): Program {
  return {
    name,
    branches: [],
    build(options: MachineOptions): Built {
      const machine = new Machine(options);
      setUp(machine);
      return { machine, atEnd: () => atEnd(machine) };
    },
  };
}

function withVars(
  name: string,
  count: number,
  tasks: (x: readonly Cell<number>[]) => [string, () => Task<unknown>][],
): Program {
  return program(name, (machine) => {
    const { x } = machine.global(new Vars(count), 'v');
    for (const [task, body] of tasks(x)) machine.addTask({ name: task }, body);
  });
}

/** N tasks increment one counter atomically: N! traces. */
export function ainc(n: number): Program {
  return withVars(`ainc(${n})`, 1, (x) =>
    Array.from({ length: n }, (_, i) => [
      `t${i}`,
      function* (): Task<void> {
        yield* atomic_fetch_add(x[0], 1);
      },
    ]),
  );
}

/** One writer, N readers of one variable: 2^N traces. */
export function readers(n: number): Program {
  return withVars(`readers(${n})`, 1, (x) => [
    ...Array.from({ length: n }, (_, i): [string, () => Task<unknown>] => [
      `r${i}`,
      function* (): Task<void> {
        yield* READ_ONCE(x[0]);
      },
    ]),
    [
      'w',
      function* (): Task<void> {
        yield* WRITE_ONCE(x[0], 1);
      },
    ],
  ]);
}

/** Last zero of an array that N tasks fill: (N+3) * 2^(N-2) traces. */
export function lastzero(n: number): Program {
  return withVars(`lastzero(${n})`, n + 1, (x) => [
    [
      'r',
      function* (): Task<void> {
        for (let i = n; (yield* READ_ONCE(x[i])) !== 0; i -= 1);
      },
    ],
    ...Array.from({ length: n }, (_, j): [string, () => Task<unknown>] => [
      `w${j}`,
      function* (): Task<void> {
        yield* WRITE_ONCE(x[j + 1], (yield* READ_ONCE(x[j])) + 1);
      },
    ]),
  ]);
}
