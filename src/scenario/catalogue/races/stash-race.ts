/**
 * Races around a stashed dentry: tasks that open and close the file of one object.
 *
 * Invariant: as in stash.ts, the creator's reference stays for the whole run unless a task reaps.
 * A task may start with the file already open, which keeps races of three tasks small.
 */

import { DCACHE_BRANCHES, type Dentry } from '../../../dcache/index.js';
import { lockref_branches } from '../../../lockref/index.js';
import {
  E,
  IS_ERR,
  PTR_ERR,
  REFCOUNT_PIN,
  WARN,
  type Bound,
  type ErrPtr,
  type KernelFunction,
  type Machine,
  type Task,
} from '../../../machine/index.js';
import {
  Handles,
  LIBFS_BRANCHES,
  type StashedObject,
  type SuperBlock,
  type VfsKernel,
} from '../../../vfs/index.js';
import { machineFor, type Scenario } from '../../scenario.js';
import { atQuiescence, STASH_INVARIANTS, stashInvariants, watch } from '../../stash-invariants.js';
import { kernelWith, race, type Race } from './race.js';

type Own = Readonly<Record<string, KernelFunction>>;

/** What a task can call besides opening and closing. */
type Calls<F extends Own> = Readonly<
  Record<string, (k: VfsKernel & Bound<F>, data: StashedObject) => Task<void>>
>;

interface StashRace<F extends Own> extends Omit<Race, 'build' | 'invariants'> {
  readonly fs?: 'nsfs' | 'pidfs';
  /**
   * Each a name and what it calls, in order: open, close, reap, or one of `calls`. `open-missed` is
   * an open that had found the stash empty before the run began, and has its own dentry ready.
   */
  readonly tasks: readonly (readonly [string, ...string[]])[];
  /** The first task starts with the file open. */
  readonly opened?: boolean;
  readonly own?: F;
  readonly calls?: Calls<F>;
  /** Adds what the kernel lacks, before anything runs on it. */
  readonly prepareKernel?: (machine: Machine, k: VfsKernel) => void;
  /** The names of what is checked, if not all that there is for the stash. */
  readonly invariants?: readonly string[];
  /** In the place of the stash's own checks at rest. */
  readonly atEnd?: (machine: Machine, k: VfsKernel, data: StashedObject) => void;
}

/** A race of tasks that use the file of one object. */
export function stashRace<F extends Own = Readonly<Record<never, KernelFunction>>>({
  fs = 'nsfs',
  tasks,
  opened = false,
  own = {} as F,
  calls = {},
  prepareKernel,
  invariants = STASH_INVARIANTS,
  atEnd,
  ...rest
}: StashRace<F>): Scenario {
  return race({
    ...rest,
    invariants,
    branches: ({ variant, lockref }) => [
      ...LIBFS_BRANCHES,
      ...(variant.branches ?? []),
      ...lockref_branches(lockref ?? 'faithful'),
      ...DCACHE_BRANCHES,
    ],
    build: (options, machineOptions) => {
      const machine = machineFor(options, machineOptions);
      const k = kernelWith(machine, options, own, [], watch);
      prepareKernel?.(machine, k);
      const handles = machine.global(new Handles(), 'handles');
      const sb = k[fs];
      const data = machine.boot(function* () {
        return (yield* fs === 'pidfs' ? k.alloc_pid(handles) : k.alloc_ns(handles))!;
      });
      const reaped = tasks.some((each) => each.includes('reap'));
      if (!reaped) data.count.value += REFCOUNT_PIN;
      const checked = stashInvariants(data).filter((each) => invariants.includes(each.name));
      machine.invariants.push(...checked);
      const prepared = tasks.map((each) =>
        each.includes('open-missed') ? machine.boot(() => prepare(k, sb, data)) : null,
      );
      const first = opened ? machine.boot(() => k.open_stashed(sb, data)) : null;
      for (const [i, [name, ...todo]] of tasks.entries()) {
        const held = i === 0 && first !== null ? [first] : [];
        machine.addTask({ name }, () =>
          process(k, sb, data, { held, prepared: prepared[i] }, todo, calls),
        );
      }
      return {
        machine,
        atEnd: () => {
          if (atEnd === undefined) atQuiescence(machine, data, reaped);
          else atEnd(machine, k, data);
        },
      };
    },
  });
}

/** What a task has when the run begins. */
interface Start {
  readonly held: readonly (Dentry | ErrPtr)[];
  readonly prepared: Dentry | null;
}

function* process<F extends Own>(
  k: VfsKernel & Bound<F>,
  sb: SuperBlock,
  data: StashedObject,
  start: Start,
  todo: readonly string[],
  calls: Calls<F>,
): Task<void> {
  const held = [...start.held] as Dentry[];
  for (const what of todo) {
    if (what === 'open' || what === 'open-missed') {
      const dentry = yield* what === 'open'
        ? k.open_stashed(sb, data)
        : open_missed(k, data, start.prepared!);
      if (!IS_ERR(dentry)) held.push(dentry);
      else if (PTR_ERR(dentry) === -E.EAGAIN) yield* WARN('invariant: no -EAGAIN to the caller');
    } else if (what === 'close') {
      const dentry = held.shift();
      if (dentry !== undefined) yield* k.close_stashed(data, dentry);
    } else if (what === 'reap') {
      yield* sb.s_fs_info.put_data(k as never, data);
    } else {
      yield* calls[what](k, data);
    }
  }
}

function* prepare(k: VfsKernel, sb: SuperBlock, data: StashedObject): Task<Dentry> {
  yield* k.get_data(data);
  return (yield* k.prepare_anon_dentry(data.stashed, sb, data)) as Dentry;
}

/** The rest of path_from_new_dentry, and of the open. */
function* open_missed(k: VfsKernel, data: StashedObject, dentry: Dentry): Task<Dentry> {
  const winner = yield* k.stash_dentry(data.stashed, dentry);
  if (winner !== dentry) yield* k.dput(dentry);
  yield* k.hold(data, winner);
  return winner;
}
