/**
 * Scenarios of the lessons: a handful of cells, functions short enough to print, and variants that
 * differ in one of them.
 *
 * Invariant: there is no more kernel than lockref and RCU around them, so that every object that a
 * trace shows is one that the lesson is about.
 */

import { lockref_ops, type LockrefOps } from '../../../lockref/index.js';
import {
  call,
  type Bound,
  type Branch,
  type KernelFunction,
  type Machine,
  type Section,
  type Task,
} from '../../../machine/index.js';
import { rcu_functions, rcu_section, type RcuOps } from '../../../rcu/index.js';
import { machineFor, type Scenario, type ScenarioOptions } from '../../scenario.js';

type Own = Readonly<Record<string, KernelFunction>>;

/** What the functions of a lesson can call. */
export type LessonKernel = LockrefOps & RcuOps & { readonly rcu: Section };

interface Lesson<F extends Own, S> {
  /** One word. */
  readonly name: string;
  readonly title: string;
  /** The functions that the tasks call, as in the newest variant. */
  readonly own: F;
  /** Each a name, what it is, and the functions that it has of its own; the last is the newest. */
  readonly variants: readonly (readonly [name: string, summary: string, functions: Own])[];
  readonly branches?: readonly Branch[];
  /** The objects that all tasks share. */
  readonly objects: (machine: Machine) => S;
  readonly tasks: Readonly<
    Record<string, (k: LessonKernel & Bound<F>, objects: S) => Task<unknown>>
  >;
  /** Checked when every task has ended: what is wrong, or null. */
  readonly atRest?: (objects: S) => string | null;
  /** The name of what is checked. */
  readonly checks: string;
}

/** The scenario of a lesson. */
export function lesson<F extends Own, S>({
  name,
  title,
  own,
  variants,
  branches = [],
  objects,
  tasks,
  atRest = () => null,
  checks,
}: Lesson<F, S>): Scenario {
  return {
    name: `lesson/${name}`,
    title,
    variants: variants.map(([variant, summary, functions]) => ({
      name: variant,
      summary,
      version: 'v6.9',
      functions,
    })),
    newest: variants.at(-1)![0],
    invariants: [checks],
    branches: () => branches,
    build: (options, machineOptions) => {
      const machine = machineFor(options, machineOptions);
      const k = kernelOf(machine, options, own);
      const shared = objects(machine);
      for (const [task, body] of Object.entries(tasks)) {
        machine.addTask({ name: task }, () => body(k, shared));
      }
      const atEnd = (): void => {
        const detail = atRest(shared);
        if (detail !== null) {
          machine.addFinding({ kind: 'invariant', title: `invariant: ${checks}`, detail });
        }
      };
      return { machine, atEnd };
    },
  };
}

function kernelOf<F extends Own>(
  machine: Machine,
  { variant, lockref, functions }: ScenarioOptions,
  own: F,
): LessonKernel & Bound<F> {
  const k: Record<string, unknown> = { rcu: rcu_section(machine) };
  const bodies: Own = {
    ...(rcu_functions as unknown as Own),
    ...own,
    ...variant.functions,
    ...functions,
  };
  for (const [fn, body] of Object.entries(bodies)) {
    k[fn] = (...args: unknown[]): unknown => call(body as never, k, ...args);
  }
  return Object.assign(k, lockref_ops(lockref ?? 'faithful')) as unknown as LessonKernel & Bound<F>;
}
