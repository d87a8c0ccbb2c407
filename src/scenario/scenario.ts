/**
 * Scenarios: closed programs over the kernel that somebody can name, list and check.
 *
 * A scenario says what its tasks do; together with options (variant, lockref model, filesystem,
 * reuse of memory) it becomes a program for the explorer. Invariant: the same scenario and options
 * always make the same program.
 */

import {
  E,
  IS_ERR,
  Machine,
  PTR_ERR,
  REFCOUNT_PIN,
  WARN,
  type Branch,
  type KernelFunction,
  type MachineOptions,
  type ReusePolicy,
  type Task,
} from '../machine/index.js';
import { DCACHE_BRANCHES, type Dentry } from '../dcache/index.js';
import { lockref_branches, type LockrefModel } from '../lockref/index.js';
import {
  create_kernel,
  Handles,
  LIBFS_BRANCHES,
  type StashedObject,
  type SuperBlock,
  type VfsKernel,
} from '../vfs/index.js';
import type { Built, Program } from '../explore/index.js';
import { atQuiescence, stashInvariants, watch } from './invariants.js';
import type { Variant } from './variant.js';

/** What one task of a stash scenario does, in order. `reap` drops the creator's own reference. */
export type Call = 'open' | 'close' | 'reap';

export interface Scenario {
  /** As given to `dlab check`: `stash/close-vs-open`. */
  readonly name: string;
  /** What happens, in one line. */
  readonly title: string;
  readonly tasks: readonly { readonly name: string; readonly calls: readonly Call[] }[];
}

export interface ScenarioOptions {
  readonly variant: Variant;
  readonly lockref?: LockrefModel;
  /** Which filesystem's object it is (default nsfs). */
  readonly fs?: 'nsfs' | 'pidfs';
  readonly reuse?: ReusePolicy;
  /** Let one allocation fail, whichever. */
  readonly failAlloc?: boolean;
  /** Functions on top of the variant's, as from `--with`. */
  readonly functions?: Readonly<Record<string, KernelFunction>>;
}

/** The program of a scenario under the given options. */
export function programOf(scenario: Scenario, options: ScenarioOptions): Program {
  const { variant } = options;
  const lockref = options.lockref ?? 'faithful';
  const branches: Branch[] = [
    ...LIBFS_BRANCHES,
    ...(variant.branches ?? []),
    ...lockref_branches(lockref),
    ...DCACHE_BRANCHES,
  ];
  return {
    name: `${scenario.name}@${variant.name}`,
    branches,
    build: (machineOptions) => build(scenario, options, machineOptions),
  };
}

function build(
  scenario: Scenario,
  options: ScenarioOptions,
  machineOptions: MachineOptions,
): Built {
  const { variant } = options;
  const machine = new Machine({
    ...machineOptions,
    ...(options.failAlloc === true ? { failAlloc: 'explore' as const } : {}),
  });
  const k = create_kernel(machine, {
    lockref: options.lockref ?? 'faithful',
    version: variant.version,
    reuse: options.reuse ?? 'never',
    functions: { ...variant.functions, ...options.functions },
    ...(variant.d_op === undefined ? {} : { d_op: variant.d_op }),
    ...(variant.d_flags === undefined ? {} : { d_flags: variant.d_flags }),
    onCreate: watch,
  });
  const handles = machine.global(new Handles(), 'handles');
  const pidfs = options.fs === 'pidfs';
  const sb = pidfs ? k.pidfs : k.nsfs;
  const data = machine.boot(function* () {
    return (yield* pidfs ? k.alloc_pid(handles) : k.alloc_ns(handles))!;
  });
  const reaped = scenario.tasks.some(({ calls }) => calls.includes('reap'));
  // Without a reap the creator keeps its reference for the whole run.
  if (!reaped) data.count.value += REFCOUNT_PIN;
  machine.invariants.push(...stashInvariants(data));
  for (const { name, calls } of scenario.tasks) {
    machine.addTask({ name }, () => process(k, sb, data, calls));
  }
  return { machine, atEnd: () => atQuiescence(machine, data, reaped) };
}

/** One process: opens and closes descriptors of the one object. */
function* process(
  k: VfsKernel,
  sb: SuperBlock,
  data: StashedObject,
  calls: readonly Call[],
): Task<void> {
  const held: Dentry[] = [];
  for (const call of calls) {
    if (call === 'open') {
      const dentry = yield* k.open_stashed(sb, data);
      if (!IS_ERR(dentry)) held.push(dentry);
      else if (PTR_ERR(dentry) === -E.EAGAIN) yield* WARN('invariant: no -EAGAIN to the caller');
    } else if (call === 'close') {
      const dentry = held.shift();
      if (dentry !== undefined) yield* k.close_stashed(data, dentry);
    } else {
      yield* sb.s_fs_info.put_data(k as never, data);
    }
  }
}
