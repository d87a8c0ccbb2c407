/**
 * A parent that only looks busy at umount.
 *
 * A shrinker works through a list that mixes filesystems. It used to kill a child first and to drop
 * the child's reference on the parent afterwards, in a step of its own. In between umount walks the
 * tree of that filesystem: it finds nothing unused, nothing dying and nothing on anybody's list, and a
 * parent with a reference. It complains of a busy dentry, tears the filesystem down all the same, and
 * the shrinker then kills the parent of a filesystem that is gone. The repair drops the parent's
 * reference in one go with taking the child off its list, so whatever umount finds it can wait for.
 */

import { branch, cover, READ_ONCE, type Task } from '../../../machine/index.js';
import { dcache_functions, type ShrinkList } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { addUnused, FILE, makeRoot, plainSuper } from './plain-fs.js';
import { onShrinkList } from './shrink-list.js';
import { smallRace } from './small-race.js';

const LATER = branch('shrink_dentry_list', 'drops the reference on the parent afterwards');

/** Kill what is on a list, and see to each parent when that is done. May sleep. */
function* shrink_dentry_list(k: VfsKernel, list: ShrinkList): Task<void> {
  for (const dentry of list) {
    yield* k.rcu_read_lock();
    const parent = (yield* READ_ONCE(dentry.d_parent))!;
    const got = yield* k.lockref_get_not_dead(parent.d_lockref);
    yield* k.rcu_read_unlock();
    yield* dcache_functions.shrink_dentry_list(k, k.list([dentry]));
    yield* cover(LATER);
    if (got) yield* k.dput(parent);
  }
}

export const b20 = smallRace({
  name: 'b20-parent-looks-busy',
  title: 'umount finds a parent whose last child a shrinker has just killed',
  history: {
    id: 'B20',
    year: 2019,
    identifiers: ['9bdebc2bd1c4'],
    expect: 'BUG: Dentry still in use at unmount in d_walk_once',
    witness: { steps: 72, switches: 1 },
    about: [
      kernelBranch('shrink_dcache_parent', 'waits for a dentry that another task kills'),
      kernelBranch('shrink_dcache_parent', 'kills a dentry on another shrink list'),
    ],
    wrong: [LATER],
  },
  version: 'v7.3',
  buggy: { shrink_dentry_list },
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    const root = machine.boot(() => makeRoot(k, sb));
    const child = machine.boot(() => addUnused(k, root, 'c', FILE));
    return { sb, list: machine.boot(() => onShrinkList(k, child)) };
  },
  tasks: {
    *shrinker(k, { list }) {
      yield* k.shrink_dentry_list(list);
    },
    *umount(k, { sb }) {
      yield* k.shrink_dcache_for_umount(sb);
    },
  },
});
