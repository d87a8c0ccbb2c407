/**
 * A callback of d_walk that runs twice.
 *
 * d_genocide drops one reference of every dentry in a tree, and marked each dentry so that it did so
 * once. The function is called once, so in v6.8-rc the mark was taken away. But the walk is not done
 * once: when something is renamed meanwhile, anywhere and in any filesystem, it starts again, and the
 * children that were visited before lose a second reference, which is somebody else's or nobody's.
 * Testers saw endless loops at umount; the change was reverted.
 */

import { branch, cover, READ_ONCE, type List, type Task } from '../../../machine/index.js';
import type { Dentry, WalkData } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { addEntry, FILE, makeRoot, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const AGAIN = kernelBranch('d_walk', 'starts again with rename_lock held');
const UNPINS = branch('d_genocide', 'takes a reference without a mark');

/** Takes the filesystem's reference away, whether or not that was done before. */
function* d_genocide_kill(k: VfsKernel, dentry: Dentry, data: WalkData): Task<List<unknown>> {
  const root = data.items[0];
  if (dentry !== root && (yield* READ_ONCE(dentry.d_inode)) !== null) {
    yield* cover(UNPINS);
    yield* k.drop_pin(dentry);
  }
  return k.list<unknown>(['D_WALK_CONTINUE', data]);
}

function* d_genocide(k: VfsKernel, parent: Dentry): Task<void> {
  yield* k.d_walk(parent, k.list<unknown>([parent]), d_genocide_kill);
}

export const b23 = smallRace({
  name: 'b23-callback-twice',
  title: 'a rename elsewhere has d_genocide drop the same reference twice',
  history: {
    id: 'B23',
    year: 2024,
    identifiers: ['57851607326a', '7e4a205fe56b'],
    expect: 'WARNING: dput of a dentry without references in drop_reference_locked',
    witness: { steps: 94, switches: 2 },
    about: [AGAIN, kernelBranch('d_genocide', 'takes the pin of a dentry')],
    wrong: [AGAIN, UNPINS],
  },
  buggy: { d_genocide },
  unruled: ['an unused living dentry is hashed and on the LRU list'],
  objects: (machine, k) => {
    const root = machine.boot(() => makeRoot(k, plainSuper(machine)));
    // One reference is the filesystem's, the other that of an open file.
    const pinned = machine.boot(() => addEntry(k, root, 'c', FILE));
    machine.boot(() => k.dget(pinned));
    const other = machine.boot(() => makeRoot(k, plainSuper(machine)));
    const from = machine.boot(() => addEntry(k, other, 'from', FILE));
    const to = machine.boot(() => addEntry(k, other, 'to', null));
    return { root, pinned, from, to };
  },
  tasks: {
    *umount(k, { root, pinned }) {
      yield* k.d_genocide(root);
      yield* k.dput(pinned);
    },
    *renamer(k, { from, to }) {
      yield* k.d_move(from, to);
    },
  },
});
