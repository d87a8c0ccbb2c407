/**
 * A scenario of one's own: shared objects, set-up, tasks, invariants.
 *
 * Invariants: every build makes fresh objects, so runs share nothing; what the caller says must
 * hold is looked at after every step that changes shared memory, whichever cells it reads.
 */

import type { Built } from '../explore/index.js';
import { dcache_at_rest } from '../dcache/index.js';
import {
  MisuseError,
  Slab,
  Struct,
  type Branch,
  type Machine,
  type MachineOptions,
  type Task,
} from '../machine/index.js';
import type { VfsKernel } from '../vfs/index.js';
import { kernelFor, machineFor, type Scenario, type ScenarioOptions } from './scenario.js';

/** A scenario whose objects are known to its predicates. */
export interface OwnScenario<W> extends Scenario {
  readonly build: (
    options: ScenarioOptions,
    machineOptions: MachineOptions,
  ) => Built & { readonly world: W };
}

/** True or null if all is well; false, or what is wrong in words, if not. */
export type Check<W> = (world: W, k: VfsKernel) => boolean | string | null;

/** What {@link scenario} is made from. `S` are the shared objects, `W` is what set-up adds. */
export interface ScenarioParts<S extends object, W extends object> {
  /** `my/two-puts`: letters, digits, `.`, `-`, `_`, and `/` between parts. */
  readonly name: string;
  /** What happens, in one line. */
  readonly title?: string;
  /**
   * What all tasks share, made anew for each machine: structs and slabs become its static objects
   * under the names given here. Called before there is any task.
   */
  readonly objects?: (k: VfsKernel) => S;
  /** Runs alone and to its end before the tasks begin; what it returns is added to the world. */
  readonly setup?: (k: VfsKernel, objects: S) => Task<W>;
  /** One CPU each, by name: what it runs. Process context, no lock held. */
  readonly tasks: Readonly<Record<string, (k: VfsKernel, world: S & W) => Task<unknown>>>;
  /** What must hold after every step that changes shared memory. Reads `cell.value`, writes nothing. */
  readonly invariants?: Readonly<Record<string, Check<S & W>>>;
  /** What must hold once all tasks have ended and all grace periods are over. */
  readonly atRest?: Readonly<Record<string, Check<S & W>>>;
  /** Branches, as given to `cover`, whose coverage is reported. */
  readonly branches?: readonly Branch[];
}

const NAME = /^[\w.-]+(\/[\w.-]+)*$/;
const TASKS_MAX = 23;

/**
 * A scenario from its parts. It runs on the kernel's dcache of 7.3 (the default) and of 6.9.
 * @throws MisuseError that names what is missing
 */
export function scenario<S extends object = object, W extends object = object>(
  parts: ScenarioParts<S, W>,
): OwnScenario<S & W> {
  validate(parts);
  const { name, title = '', invariants = {}, atRest = {}, branches = [] } = parts;
  return {
    name,
    title,
    variants: (['v6.9', 'v7.3'] as const).map((version) => ({
      name: version,
      summary: `the kernel's dcache of ${version}`,
      version,
      functions: {},
    })),
    newest: 'v7.3',
    invariants: [...Object.keys(invariants), ...Object.keys(atRest)],
    branches: () => branches,
    build: (options, machineOptions) => build(parts, options, machineOptions),
  };
}

function validate<S extends object, W extends object>(parts: ScenarioParts<S, W>): void {
  // Plain JavaScript can hand over anything.
  const { name, tasks } = parts as { name: unknown; tasks: unknown };
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new MisuseError(
      `a scenario needs a name like my/two-puts (letters, digits, . - _ and /); not '${String(name)}'`,
    );
  }
  const bodies = Object.entries((tasks ?? {}) as Record<string, unknown>);
  if (bodies.length === 0 || bodies.length > TASKS_MAX) {
    throw new MisuseError(
      `scenario ${name} has ${bodies.length} tasks: tasks: { one: function* (k, world) { … } }, ` +
        `up to ${TASKS_MAX} of them`,
    );
  }
  const checks = { ...parts.invariants, ...parts.atRest };
  for (const [task, body] of [...bodies, ...Object.entries(checks)]) {
    if (typeof body !== 'function') {
      throw new MisuseError(`scenario ${name}: '${task}' is no function`);
    }
  }
}

function build<S extends object, W extends object>(
  { name, objects, setup, tasks, invariants = {}, atRest = {} }: ScenarioParts<S, W>,
  options: ScenarioOptions,
  machineOptions: MachineOptions,
): Built & { readonly world: S & W } {
  const isChecked = Object.keys(invariants).length + Object.keys(atRest).length > 0;
  const machine = machineFor(options, {
    ...machineOptions,
    watchAll: isChecked || machineOptions.watchAll === true,
    // Checks may look at what was freed, so states that differ in it are not the same.
    forgetFreed: machineOptions.forgetFreed === true && !isChecked,
  });
  const k = kernelFor(machine, options);
  const shared = objects?.(k) ?? ({} as S);
  adopt(machine, name, shared);
  const made = setup === undefined ? ({} as W) : machine.boot(() => setup(k, shared));
  if (typeof made !== 'object' && made !== undefined) {
    throw new MisuseError(`scenario ${name}: setup returns an object with names, or nothing`);
  }
  const world: S & W = { ...shared, ...made };
  for (const [invariant, check] of Object.entries(invariants)) {
    machine.invariants.push({ name: invariant, check: () => wrongIn(check(world, k)) });
  }
  for (const [task, body] of Object.entries(tasks)) {
    machine.addTask({ name: task }, () => body(k, world));
  }
  // The first state is one too.
  machine.checkInvariants();
  machine.initialFindings.push(...machine.findings);
  machine.findings.length = 0;
  const atEnd = (): void => {
    dcache_at_rest(machine, k);
    for (const [rule, check] of Object.entries(atRest)) {
      const detail = wrongIn(check(world, k));
      if (detail === null) continue;
      machine.addFinding({ kind: 'invariant', title: `invariant: ${rule}`, detail });
    }
  };
  return { machine, world, atEnd };
}

function wrongIn(answer: boolean | string | null): string | null {
  if (answer === false) return 'does not hold';
  return typeof answer === 'string' ? answer : null;
}

/** Make the objects static ones of the machine. */
function adopt(machine: Machine, scenarioName: string, shared: object): void {
  for (const [name, value] of Object.entries(shared)) {
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const [i, object] of list.entries()) {
      if (!(object instanceof Struct)) continue;
      if (object.vid === -1) {
        const label = Array.isArray(value) ? `${name}[${i}]` : name;
        const isNamed = object instanceof Slab || object.label !== null;
        machine.global(object, ...(isNamed ? [] : [label]));
      } else if (!machine.globals.includes(object)) {
        throw new MisuseError(
          `scenario ${scenarioName}: '${name}' belongs to another run. Make it inside objects(), ` +
            'so that every run gets its own',
        );
      }
    }
  }
}
