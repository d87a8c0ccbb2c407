/**
 * pidfs as posted in June 2025: once made, the dentry of a process stays stashed until the process
 * is reaped, and the stash then holds an error pointer for ever.
 *
 * Invariant: the pid lock (wait_pidfd.lock) makes stashing and pidfs_exit exclude each other. The
 * stash owns a reference on its dentry, which pidfs_exit drops. Mirrors fs/pidfs.c of that series,
 * repaired; the races of it replace one function each.
 */

import {
  branch,
  cover,
  E,
  ERR_PTR,
  IS_ERR,
  LIFE,
  READ_ONCE,
  REFCOUNT_PIN,
  spin_lock,
  spin_unlock,
  Struct,
  try_cmpxchg,
  WARN,
  WRITE_ONCE,
  type Bound,
  type Cell,
  type ErrPtr,
  type KernelFunction,
  type Machine,
  type Spinlock,
  type Task,
} from '../../../machine/index.js';
import { Dentry } from '../../../dcache/index.js';
import {
  Inode,
  STASH,
  vfs_functions,
  type Stash,
  type StashedObject,
  type SuperBlock,
  type VfsKernel,
} from '../../../vfs/index.js';
import type { Scenario } from '../../scenario.js';
import { stashRace } from './stash-race.js';

export const FORBIDDEN = branch('pidfs_exit', 'forbids a dentry for the reaped task');
export const DROPPED = branch('pidfs_exit', 'drops the reference of the stash');
export const REFUSED = branch('pidfs_stash_dentry', 'finds the task reaped');
export const STASHED = branch('pidfs_stash_dentry', 'finds a dentry that another has stashed');

/** What the series adds to struct pid; there is one process in each scenario. */
class PidLife extends Struct {
  readonly wait_pidfd_lock: Spinlock = this.lockCell('wait_pidfd.lock', 'wait_pidfd');
  /** For the check of results: has the task been reaped? */
  readonly reaped = this.cell('reaped', false);
  /** Was there a dentry to keep the exit information for? */
  readonly exit_info = this.cell('exit_info', false);

  constructor() {
    super('pid_life');
  }
}

export type RfcKernel = VfsKernel & Bound<typeof RFC_FUNCTIONS> & { readonly life: PidLife };

/** Add the process's own cells to a kernel. */
function addLife(machine: Machine, k: VfsKernel): void {
  Object.defineProperty(k, 'life', { value: machine.global(new PidLife(), 'pid') });
}

/** The stash may hold an error pointer in this series, and the field's type does not say so. */
function slotOf(stashed: Stash): Cell<Dentry | ErrPtr | null> {
  return stashed;
}

/** The first look: a live dentry, -ESRCH for a reaped task, or null. Enters RCU; never sleeps. */
function* pidfs_stashed_get(k: RfcKernel, stashed: Stash): Task<Dentry | ErrPtr | null> {
  yield* k.rcu_read_lock();
  const found = yield* k.rcu_dereference(slotOf(stashed));
  const got = found === null || IS_ERR(found) || (yield* k.lockref_get_not_dead(found.d_lockref));
  yield* k.rcu_read_unlock();
  return got ? found : null;
}

/**
 * Stash a new dentry, or take the live one that is there. Takes the pid lock.
 * @returns the dentry with a reference for the caller, or -ESRCH if the task was reaped
 */
function* pidfs_stash_dentry(k: RfcKernel, stashed: Stash, dentry: Dentry): Task<Dentry | ErrPtr> {
  yield* spin_lock(k.life.wait_pidfd_lock);
  let result: Dentry | ErrPtr = dentry;
  for (;;) {
    const found = yield* READ_ONCE(slotOf(stashed));
    if (IS_ERR(found)) {
      yield* cover(REFUSED);
      result = found;
      break;
    }
    if (found !== null && (yield* k.lockref_get_not_dead(found.d_lockref))) {
      yield* cover(STASHED);
      result = found;
      break;
    }
    // Dead, and its d_prune may have left the mark of the reaped task behind: then look again.
    if (yield* try_cmpxchg<Dentry | ErrPtr | null>(slotOf(stashed), found, dentry)) {
      yield* k.dget(dentry);
      break;
    }
  }
  yield* spin_unlock(k.life.wait_pidfd_lock);
  return result;
}

/** What the kernel checks of a dentry, which an error pointer passes. */
function* check_stashed(
  k: RfcKernel,
  found: Dentry | ErrPtr,
  stashed: Stash,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  return IS_ERR(found) ? found : yield* vfs_functions.check_stashed(k, found, stashed, data);
}

/** d_prune: leave the error pointer behind, but only in the place of oneself. d_lock is held. */
function* pidfs_dentry_prune(_k: RfcKernel, dentry: Dentry): Task<void> {
  const stashed = slotOf((yield* READ_ONCE(dentry.d_fsdata)) as Stash);
  if ((yield* READ_ONCE(dentry.d_inode)) === null) return;
  if (!(yield* try_cmpxchg(stashed, dentry as Dentry | ErrPtr | null, ERR_PTR(-E.ESRCH)))) {
    yield* cover(STASH.NOT_MINE);
  }
}

/** The task is reaped: forbid new dentries, and let go of the stashed one. May sleep. */
function* pidfs_exit(k: RfcKernel, data: StashedObject): Task<void> {
  const stashed = slotOf(data.stashed);
  yield* spin_lock(k.life.wait_pidfd_lock);
  yield* WRITE_ONCE(k.life.reaped, true);
  const found = yield* READ_ONCE(stashed);
  if (found === null) {
    yield* cover(FORBIDDEN);
    yield* WRITE_ONCE(stashed, ERR_PTR(-E.ESRCH));
  }
  if (found !== null) yield* WRITE_ONCE(k.life.exit_info, true);
  yield* spin_unlock(k.life.wait_pidfd_lock);
  if (found === null) return;
  if (IS_ERR(found)) {
    // The C code would go on and use the error as an address.
    yield* WARN('BUG: unable to handle page fault for address: ERR_PTR(-ESRCH)');
    return;
  }
  yield* cover(DROPPED);
  yield* k.dput(found);
}

const RFC_FUNCTIONS = { pidfs_dentry_prune, pidfs_exit } as const;

/** What open calls: the series' own path. -ESRCH is for tasks that were reaped, and for no others. */
function* get_stashed_path(
  k: RfcKernel,
  sb: SuperBlock,
  data: StashedObject,
): Task<Dentry | ErrPtr> {
  yield* k.get_data(data);
  const dentry = yield* k.path_from_stashed(data.stashed, sb, data);
  if (IS_ERR(dentry) && !(yield* READ_ONCE(k.life.reaped))) {
    yield* WARN('invariant: no -ESRCH for a live task');
  }
  return dentry;
}

/** The kernel's own path_from_stashed, with the series' way to look and to stash. */
const BASE = {
  get_stashed_path,
  stashed_dentry_get: pidfs_stashed_get,
  stash_dentry: pidfs_stash_dentry,
  check_stashed,
  stashed_dentry_prune: (k: RfcKernel, dentry: Dentry) => k.pidfs_dentry_prune(dentry),
} as const;

/** What is checked. The stash may hold the mark of a reaped task while its dentry is open. */
const INVARIANTS: readonly string[] = [
  'one live dentry per object',
  'an open handle holds a reference',
  'an open dentry has the inode of its object',
  'no -ESRCH for a live task',
  'references are balanced',
  'a pidfd of a reaped task has its exit information',
  'no memory leak',
];

/** A race of the series: the repaired functions against some that are wrong. */
export function rfcRace({
  buggy,
  unruled = [],
  ...rest
}: Pick<Parameters<typeof stashRace>[0], 'name' | 'title' | 'history' | 'tasks' | 'opened'> & {
  readonly buggy: Readonly<Record<string, KernelFunction>>;
  readonly unruled?: readonly string[];
}): Scenario {
  return stashRace<typeof RFC_FUNCTIONS>({
    ...rest,
    fs: 'pidfs',
    buggy: { functions: { ...BASE, ...buggy }, unruled },
    fixed: { functions: BASE },
    own: RFC_FUNCTIONS,
    calls: { exit: (k, data) => k.pidfs_exit(data) },
    prepareKernel: addLife,
    atEnd: atRest,
    invariants: INVARIANTS,
  });
}

/** When all is done: what is alive is open or stashed, and each inode owns a reference. */
function atRest(machine: Machine, k: VfsKernel, data: StashedObject): void {
  const { life } = k as RfcKernel;
  const open = data.handles.open;
  const live = machine.allocated.filter((object) => object.life.value === LIFE.live);
  for (const object of live) {
    if (!(object instanceof Dentry) || open.includes(object)) continue;
    if (object === data.stashed.value && !life.reaped.value) continue;
    const detail = `${object.toString()} is never freed`;
    machine.addFinding({ kind: 'leak', title: 'memory leak: dentry', detail });
  }
  const inodes = live.filter((object) => object instanceof Inode).length;
  const owners = data.count.value - REFCOUNT_PIN - 1;
  if (owners !== inodes) {
    machine.addFinding({
      kind: 'invariant',
      title: 'invariant: references are balanced',
      detail: `${data.toString()} has ${owners} references for ${inodes} inodes`,
    });
  }
  if (open.length > 0 && life.reaped.value && !life.exit_info.value) {
    machine.addFinding({
      kind: 'invariant',
      title: 'invariant: a pidfd of a reaped task has its exit information',
      detail: `${open[0].toString()} is open`,
    });
  }
}
