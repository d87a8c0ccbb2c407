/**
 * Scenarios: closed programs over the kernel that somebody can name, list and check.
 *
 * A scenario says what its tasks do; together with options (variant, lockref model, filesystem,
 * reuse of memory) it becomes a program for the explorer. Invariant: the same scenario and options
 * always make the same program.
 */

import type { Built, Program } from '../explore/index.js';
import type { LockrefModel } from '../lockref/index.js';
import type { RcuLevel } from '../rcu/index.js';
import {
  Machine,
  type Branch,
  type KernelFunction,
  type MachineOptions,
  type ReusePolicy,
  type Struct,
} from '../machine/index.js';
import { create_kernel, type VfsKernel } from '../vfs/index.js';
import type { Variant } from './variant.js';

/** What really happened: where a scenario comes from, and what it shows. */
export interface History {
  /** Its number in the race catalogue: `B01`. */
  readonly id: string;
  /** When it was found or fixed. */
  readonly year: number;
  /** CVE numbers and commits of the kernel, as one would search for them. */
  readonly identifiers: readonly string[];
  /** The title of the bug in the variant `buggy`. */
  readonly expect: string;
  /** The smallest interleaving that shows it; of a livelock, into its cycle and once round. */
  readonly witness: { readonly steps: number; readonly switches: number };
  /**
   * Branches that some interleaving of the variant `fixed` has to take, or the scenario is not about
   * what it says.
   */
  readonly about: readonly Branch[];
  /** Likewise of the variant `buggy`; left out where they are the same. */
  readonly wrong?: readonly Branch[];
}

/** A closed program over the kernel, by name. */
export interface Scenario {
  /** As given to `dlab check`: `stash/close-vs-open`. */
  readonly name: string;
  /** What happens, in one line. */
  readonly title: string;
  /** The kernels that it can run on, in the order in which they are listed; the names are unique. */
  readonly variants: readonly Variant[];
  /** The name of the variant that is checked when none is named. */
  readonly newest: string;
  /** What is checked besides the machine's own sanitizers, for reports. */
  readonly invariants: readonly string[];
  readonly history?: History;
  /** Branches whose coverage is reported. */
  readonly branches: (options: ScenarioOptions) => readonly Branch[];
  /** A machine with the scenario's tasks, ready for the first step. */
  readonly build: (options: ScenarioOptions, machineOptions: MachineOptions) => Built;
}

/** On which kernel, and under which conditions, a scenario runs. */
export interface ScenarioOptions {
  readonly variant: Variant;
  readonly lockref?: LockrefModel;
  /** How RCU is modelled (default abstract). */
  readonly rcu?: RcuLevel;
  /** Which filesystem's object it is, in scenarios of the stash (default nsfs). */
  readonly fs?: 'nsfs' | 'pidfs';
  readonly reuse?: ReusePolicy;
  /** Let one allocation fail, whichever. */
  readonly failAlloc?: boolean;
  /** Functions on top of the variant's, as from `--with`. */
  readonly functions?: Readonly<Record<string, KernelFunction>>;
}

/** The program of a scenario under the given options. */
export function programOf(scenario: Scenario, options: ScenarioOptions): Program {
  return {
    name: `${scenario.name}@${options.variant.name}`,
    branches: scenario.branches(options),
    build: (machineOptions) => scenario.build(options, machineOptions),
  };
}

/** A fresh machine under the options of a scenario. */
export function machineFor(options: ScenarioOptions, machineOptions: MachineOptions): Machine {
  return new Machine({
    ...machineOptions,
    ...(options.failAlloc === true ? { failAlloc: 'explore' as const } : {}),
  });
}

/**
 * The kernel of a scenario: its variant's functions, and on top of them those of `options`.
 * @param onCreate called for every object that a slab makes, as to mark cells as watched
 */
export function kernelFor(
  machine: Machine,
  options: ScenarioOptions,
  onCreate?: (object: Struct) => void,
): VfsKernel {
  const { variant } = options;
  return create_kernel(machine, {
    lockref: options.lockref ?? 'faithful',
    rcu: options.rcu ?? 'abstract',
    version: variant.version,
    reuse: options.reuse ?? 'never',
    functions: { ...variant.functions, ...options.functions },
    ...(variant.d_op === undefined ? {} : { d_op: variant.d_op }),
    ...(variant.d_flags === undefined ? {} : { d_flags: variant.d_flags }),
    ...(variant.unruled === undefined ? {} : { unruled: variant.unruled }),
    ...(onCreate === undefined ? {} : { onCreate }),
  });
}
