/**
 * The same parent again, and another history.
 *
 * dget_parent loads d_parent, takes a reference, and looks whether d_parent is still the same. In
 * between the file may be moved out of the directory, the directory removed (its dentry goes
 * negative and stays), made again under the same dentry, and the file moved back. The pointers are
 * equal; what the caller read of the parent meanwhile is not: it has a parent without an inode. The
 * repair compares the child's d_seq, which moves with every rename, and not the pointer.
 */

import {
  branch,
  cover,
  E,
  raw_seqcount_begin,
  read_seqcount_retry,
  READ_ONCE,
  type Task,
} from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import type { Inode, VfsKernel } from '../../../vfs/index.js';
import { addEntry, DIRECTORY, FILE, makeRoot, newInode, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const SAME = branch('dget_parent', 'has the parent and its inode');
const MOVED = branch('dget_parent', 'notices that the child was moved');

/** What a caller of the quick way reads of the parent. @returns its mode, or -ECHILD */
function* parent_mode(k: VfsKernel, dentry: Dentry): Task<number> {
  yield* k.rcu_read_lock();
  const seq = yield* raw_seqcount_begin(dentry.d_seq);
  const parent = (yield* READ_ONCE(dentry.d_parent))!;
  const inode = (yield* READ_ONCE(parent.d_inode)) as Inode | null;
  const moved = yield* read_seqcount_retry(dentry.d_seq, seq);
  const mode = moved ? -E.ECHILD : yield* mode_of(inode);
  yield* cover(moved ? MOVED : SAME);
  yield* k.rcu_read_unlock();
  return mode;
}

const by_pointer = function* parent_mode(k: VfsKernel, dentry: Dentry): Task<number> {
  yield* k.rcu_read_lock();
  const parent = (yield* READ_ONCE(dentry.d_parent))!;
  const inode = (yield* READ_ONCE(parent.d_inode)) as Inode | null;
  const moved = (yield* READ_ONCE(dentry.d_parent)) !== parent;
  const mode = moved ? -E.ECHILD : yield* mode_of(inode);
  yield* cover(moved ? MOVED : SAME);
  yield* k.rcu_read_unlock();
  return mode;
};

function* mode_of(inode: Inode | null): Task<number> {
  return yield* READ_ONCE(inode!.i_mode);
}

export const b17 = smallRace({
  name: 'b17-parent-aba',
  title: 'a child is moved away and back while somebody looks at its parent',
  history: {
    id: 'B17',
    year: 2019,
    identifiers: ['e84009336711'],
    expect: 'BUG: unable to handle kernel NULL pointer dereference in mode_of',
    witness: { steps: 157, switches: 4 },
    about: [SAME, MOVED],
  },
  own: { parent_mode },
  buggy: { parent_mode: by_pointer },
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    const root = machine.boot(() => makeRoot(k, sb));
    const dir = machine.boot(() => addEntry(k, root, 'a', DIRECTORY));
    const file = machine.boot(() => addEntry(k, dir, 'b', FILE));
    const away = machine.boot(() => addEntry(k, root, 'b', null));
    return { sb, dir, file, away };
  },
  tasks: {
    *reader(k, { file }) {
      yield* k.parent_mode(file);
    },
    *mover(k, { sb, dir, file, away }) {
      yield* k.d_move(file, away);
      yield* k.d_delete(dir);
      yield* k.d_instantiate(dir, yield* newInode(k, sb, DIRECTORY));
      yield* k.d_move(file, yield* addEntry(k, dir, 'b', null));
    },
  },
});
