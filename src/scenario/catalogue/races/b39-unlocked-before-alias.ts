/**
 * An inode unlocked before it has an alias.
 *
 * A directory has at most one dentry. mkdir puts the new inode into the inode hash, marked as new;
 * who finds it there waits until the mark is gone. The mark was taken off first, and the dentry
 * attached after that. In between somebody who opens by handle finds the inode without a dentry and
 * gives it one of its own; then mkdir attaches the second. The repair attaches the dentry first, in
 * one primitive with taking the mark off.
 */

import {
  await_until,
  branch,
  cover,
  list_add,
  read,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Bound,
  type Cell,
  type List,
  type Spinlock,
  type Task,
} from '../../../machine/index.js';
import { smallRace } from './small-race.js';

const I_NEW = 1 << 3;

const FOUND = branch('d_obtain_alias', 'finds the alias that is there');

class Alias extends Struct {
  constructor() {
    super('dentry');
  }
}

class DirInode extends Struct {
  readonly i_lock: Spinlock = this.lockCell('i_lock', 'i_lock');
  readonly i_state = this.cell('i_state', I_NEW);
  readonly i_dentry: Cell<List<Alias> | null> = this.cell<List<Alias> | null>('i_dentry', null);

  constructor() {
    super('inode');
    this.i_dentry.watched = true;
  }
}

/** Attach the dentry of a new directory. Takes i_lock. Source: fs/dcache.c. */
function* d_instantiate_dir(_k: unknown, inode: DirInode, dentry: Alias): Task<void> {
  yield* spin_lock(inode.i_lock);
  yield* list_add(inode.i_dentry, dentry);
  yield* spin_unlock(inode.i_lock);
}

/** Let those in who wait for the inode. Source: fs/inode.c. */
function* unlock_new_inode(_k: unknown, inode: DirInode): Task<void> {
  yield* spin_lock(inode.i_lock);
  yield* WRITE_ONCE(inode.i_state, (yield* READ_ONCE(inode.i_state)) & ~I_NEW);
  yield* spin_unlock(inode.i_lock);
}

/** Attach the dentry, and only then let others in. Source: fs/dcache.c. */
function* d_instantiate_new(k: Kernel, inode: DirInode, dentry: Alias): Task<void> {
  yield* k.d_instantiate_dir(inode, dentry);
  yield* k.unlock_new_inode(inode);
}

const unlock_first = function* d_instantiate_new(
  k: Kernel,
  inode: DirInode,
  dentry: Alias,
): Task<void> {
  yield* k.unlock_new_inode(inode);
  yield* k.d_instantiate_dir(inode, dentry);
};

/** The one alias of a directory found by its handle, or a new one. Sleeps. Source: fs/dcache.c. */
function* d_obtain_alias(_k: unknown, inode: DirInode, anonymous: Alias): Task<void> {
  yield* await_until(inode.i_state, (state) => (state & I_NEW) === 0);
  yield* spin_lock(inode.i_lock);
  const aliases = yield* read(inode.i_dentry);
  if (aliases === null || aliases.items.length === 0) yield* list_add(inode.i_dentry, anonymous);
  else yield* cover(FOUND);
  yield* spin_unlock(inode.i_lock);
}

const own = { d_instantiate_dir, unlock_new_inode, d_instantiate_new, d_obtain_alias };
type Kernel = Bound<Pick<typeof own, 'd_instantiate_dir' | 'unlock_new_inode'>>;

const ONE = 'a directory has one alias';

export const b39 = smallRace({
  name: 'b39-unlocked-before-alias',
  title: 'a new directory is found by its handle before it has its dentry',
  history: {
    id: 'B39',
    year: 2018,
    identifiers: ['1e2e547a93a0', 'b0c6108ecf64'],
    expect: 'invariant: a directory has one alias',
    witness: { steps: 11, switches: 2 },
    about: [FOUND],
  },
  own,
  buggy: { d_instantiate_new: unlock_first },
  objects: (machine) => ({
    inode: machine.global(new DirInode(), 'inode'),
    dentry: machine.global(new Alias(), 'dentry'),
    anonymous: machine.global(new Alias(), 'anonymous'),
    anonymous2: machine.global(new Alias(), 'anonymous2'),
  }),
  tasks: {
    *mkdir(k, { inode, dentry }) {
      yield* k.d_instantiate_new(inode, dentry);
    },
    *open_by_handle(k, { inode, anonymous }) {
      yield* k.d_obtain_alias(inode, anonymous);
    },
    *open_by_handle2(k, { inode, anonymous2 }) {
      yield* k.d_obtain_alias(inode, anonymous2);
    },
  },
  invariants: ({ inode }) => [
    {
      name: ONE,
      check: () => {
        const aliases = inode.i_dentry.value?.items ?? [];
        return aliases.length <= 1 ? null : aliases.join(' and ');
      },
    },
  ],
  checks: [ONE],
});
