/**
 * A name that changes while it is copied.
 *
 * inotify tells a watcher the name of the file. It measured the name, got memory of that size, and
 * copied the name until its end; the dentry was pinned, but nothing kept it from being renamed. If the
 * new name is longer the copy runs over the end of the memory; if the old one was an object of its own
 * it may be freed before it is read. Any user can rename files in a loop. The repair takes a snapshot of
 * the name first, with a reference if it is an object, and works on that.
 */

import { branch, cover, READ_ONCE, smp_rmb, WARN, type Task } from '../../../machine/index.js';
import { name_of, type Dentry, type NameSnapshot } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { addEntry, FILE, makeRoot, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const COPIES = branch('fsnotify', 'copies the name');

/** strcpy into memory of `size` bytes. */
function* copy_into(size: number, name: NameSnapshot): Task<void> {
  yield* cover(COPIES);
  if (name_of(name).length > size) yield* WARN('KASAN: slab-out-of-bounds Write');
}

/** Tell the watchers what happened to the file. May sleep. Source: fs/notify/fsnotify.c. */
function* fsnotify(k: VfsKernel, dentry: Dentry): Task<void> {
  const name = yield* k.take_dentry_name_snapshot(dentry);
  const size = name_of(name).length;
  yield* smp_rmb();
  yield* copy_into(size, name);
  yield* k.release_dentry_name_snapshot(name);
}

const twice = function* fsnotify(_k: VfsKernel, dentry: Dentry): Task<void> {
  const size = name_of(yield* READ_ONCE(dentry.d_name)).length;
  yield* copy_into(size, yield* READ_ONCE(dentry.d_name));
};

export const b37 = smallRace({
  name: 'b37-name-without-snapshot',
  title: 'an event measures the name of a file, and copies another one',
  history: {
    id: 'B37',
    year: 2017,
    identifiers: ['CVE-2017-7533', '49d31c2f389a'],
    expect: 'KASAN: slab-out-of-bounds Write in copy_into',
    witness: { steps: 41, switches: 2 },
    about: [COPIES, kernelBranch('__d_move', 'moves within one directory')],
    wrong: [COPIES],
  },
  own: { fsnotify },
  buggy: { fsnotify: twice },
  objects: (machine, k) => {
    const root = machine.boot(() => makeRoot(k, plainSuper(machine)));
    const dentry = machine.boot(() => addEntry(k, root, 'short', FILE));
    const target = machine.boot(() => addEntry(k, root, 'much-longer-than-short', null));
    return { dentry, target };
  },
  tasks: {
    *event(k, { dentry }) {
      yield* k.fsnotify(dentry);
    },
    *renamer(k, { dentry, target }) {
      yield* k.d_move(dentry, target);
    },
  },
});
