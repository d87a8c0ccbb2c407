/**
 * Scenarios of the stash: tasks that open, close and reap one namespace or one process.
 *
 * Invariant: without a reap the creator's reference stays for the whole run, so its count is pinned
 * and the object outlives every task.
 */

import type { Built } from '../explore/index.js';
import { DCACHE_BRANCHES, type Dentry } from '../dcache/index.js';
import { lockref_branches } from '../lockref/index.js';
import {
  E,
  IS_ERR,
  PTR_ERR,
  REFCOUNT_PIN,
  WARN,
  type MachineOptions,
  type Task,
} from '../machine/index.js';
import {
  Handles,
  LIBFS_BRANCHES,
  type StashedObject,
  type SuperBlock,
  type VfsKernel,
} from '../vfs/index.js';
import { kernelFor, machineFor, type Scenario, type ScenarioOptions } from './scenario.js';
import { atQuiescence, STASH_INVARIANTS, stashInvariants, watch } from './stash-invariants.js';
import { NEWEST_VARIANT, VARIANTS } from './variants/index.js';

/** What one task of a stash scenario does, in order. `reap` drops the creator's own reference. */
export type Call = 'open' | 'close' | 'reap';

interface Process {
  readonly name: string;
  readonly calls: readonly Call[];
}

/** A scenario from its tasks: each a name and what it calls, in order. */
export function stashScenario(
  name: string,
  title: string,
  tasks: readonly (readonly [string, ...Call[]])[],
): Scenario {
  const processes = tasks.map(([task, ...calls]) => ({ name: task, calls }));
  return {
    name: `stash/${name}`,
    title,
    variants: VARIANTS,
    newest: NEWEST_VARIANT,
    invariants: STASH_INVARIANTS,
    branches: ({ variant, lockref }) => [
      ...LIBFS_BRANCHES,
      ...(variant.branches ?? []),
      ...lockref_branches(lockref ?? 'faithful'),
      ...DCACHE_BRANCHES,
    ],
    build: (options, machineOptions) => build(processes, options, machineOptions),
  };
}

function build(
  processes: readonly Process[],
  options: ScenarioOptions,
  machineOptions: MachineOptions,
): Built {
  const machine = machineFor(options, machineOptions);
  const k = kernelFor(machine, options, watch);
  const handles = machine.global(new Handles(), 'handles');
  const pidfs = options.fs === 'pidfs';
  const sb = pidfs ? k.pidfs : k.nsfs;
  const data = machine.boot(function* () {
    return (yield* pidfs ? k.alloc_pid(handles) : k.alloc_ns(handles))!;
  });
  const reaped = processes.some(({ calls }) => calls.includes('reap'));
  if (!reaped) data.count.value += REFCOUNT_PIN;
  machine.invariants.push(...stashInvariants(data));
  for (const { name, calls } of processes) {
    const symmetric = calls.join(' ');
    machine.addTask({ name, symmetric }, () => process(k, sb, data, calls));
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
