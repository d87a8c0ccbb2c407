/**
 * Races of functions that tasks call on objects made beforehand: the kernel's own functions, and
 * those of parts that are small enough to bring along.
 *
 * Invariant: functions keep the kernel's names and are called through the kernel, so that a variant
 * replaces one by its name; the objects are made before the first task.
 */

import type { Bound, Invariant, KernelFunction, Machine, Task } from '../../../machine/index.js';
import type { Version as KernelVersion, VfsKernel } from '../../../vfs/index.js';
import { machineFor, type Scenario } from '../../scenario.js';
import { kernelWith, race, type Race } from './race.js';

type Own = Readonly<Record<string, KernelFunction>>;

interface SmallRace<F extends Own, S> extends Omit<
  Race,
  'build' | 'invariants' | 'buggy' | 'fixed'
> {
  /** Whose steps the kernel takes (default v6.9). */
  readonly version?: KernelVersion;
  /** The functions of the repaired kernel that the kernel does not have. */
  readonly own?: F;
  /** Those of `own` that take the place of a kernel function of the same name. */
  readonly replaces?: readonly string[];
  /** Those that were wrong: of `own`, or of the kernel. */
  readonly buggy: Own;
  /** Names of invariants that those break, which keep silent to show what comes of it. */
  readonly unruled?: readonly string[];
  /** Functions of the kernel that the repaired one has in another shape. */
  readonly fixed?: Own;
  /** The objects that all tasks share, static or made by set-up code. */
  readonly objects: (machine: Machine, k: VfsKernel & Bound<F>) => S;
  readonly tasks: Readonly<Record<string, (k: VfsKernel & Bound<F>, objects: S) => Task<void>>>;
  /** Checked after each step that writes a cell that is watched. */
  readonly invariants?: (objects: S, machine: Machine, k: VfsKernel) => readonly Invariant[];
  /** Checked at rest: what is wrong, by the invariant's name. */
  readonly atRest?: (objects: S, machine: Machine) => readonly { name: string; detail: string }[];
  /** The names of all that is checked. */
  readonly checks?: readonly string[];
}

/** A race of functions on a few objects. */
export function smallRace<F extends Own = Readonly<Record<never, KernelFunction>>, S = null>({
  version = 'v6.9',
  own = {} as F,
  replaces,
  buggy,
  unruled = [],
  fixed = {},
  objects,
  tasks,
  invariants,
  atRest,
  checks = [],
  ...rest
}: SmallRace<F, S>): Scenario {
  return race({
    ...rest,
    invariants: checks,
    buggy: { version, functions: { ...fixed, ...buggy }, unruled },
    fixed: { version, functions: fixed },
    build: (options, machineOptions) => {
      const machine = machineFor(options, machineOptions);
      const k = kernelWith(machine, options, own, replaces);
      const shared = objects(machine, k);
      machine.invariants.push(...(invariants?.(shared, machine, k) ?? []));
      for (const [name, body] of Object.entries(tasks)) {
        machine.addTask({ name }, () => body(k, shared));
      }
      const atEnd = (): void => {
        for (const { name, detail } of atRest?.(shared, machine) ?? []) {
          machine.addFinding({ kind: 'invariant', title: `invariant: ${name}`, detail });
        }
      };
      return { machine, atEnd };
    },
  });
}
