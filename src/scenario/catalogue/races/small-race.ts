/**
 * Races in parts of the kernel that are small enough to bring along: their objects, the functions
 * that touch them, and what each task calls.
 *
 * Invariant: functions keep the kernel's names and are called through the kernel, so that a variant
 * replaces one by its name; the objects are made before the first task.
 */

import type { Bound, Invariant, KernelFunction, Machine, Task } from '../../../machine/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { machineFor, type Scenario } from '../../scenario.js';
import { kernelWith, race, type Race } from './race.js';

type Own = Readonly<Record<string, KernelFunction>>;

interface SmallRace<F extends Own, S> extends Omit<
  Race,
  'build' | 'invariants' | 'buggy' | 'fixed'
> {
  /** The functions of the repaired kernel. */
  readonly own: F;
  /** Those that were wrong. */
  readonly buggy: Own;
  /** Names of invariants that those break, which keep silent to show what comes of it. */
  readonly unruled?: readonly string[];
  /** The objects that all tasks share, static or made by set-up code. */
  readonly objects: (machine: Machine, k: VfsKernel & Bound<F>) => S;
  readonly tasks: Readonly<Record<string, (k: VfsKernel & Bound<F>, objects: S) => Task<void>>>;
  /** Checked after each step that writes a cell that is watched. */
  readonly invariants?: (objects: S) => readonly Invariant[];
  /** Checked at rest: what is wrong, by the invariant's name. */
  readonly atRest?: (objects: S, machine: Machine) => readonly { name: string; detail: string }[];
  /** The names of all that is checked. */
  readonly checks?: readonly string[];
}

/** A race in a part of the kernel of its own. */
export function smallRace<F extends Own, S>({
  own,
  buggy,
  unruled = [],
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
    buggy: { functions: buggy, unruled },
    fixed: {},
    build: (options, machineOptions) => {
      const machine = machineFor(options, machineOptions);
      const k = kernelWith(machine, options, own);
      const shared = objects(machine, k);
      machine.invariants.push(...(invariants?.(shared) ?? []));
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
