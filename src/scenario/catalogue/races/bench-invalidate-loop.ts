/**
 * Invalidating a mountpoint without end.
 *
 * Somebody unhashes a dentry because its name is no longer valid, and then looks for what is mounted
 * on it or below, has it detached, and looks again until there is nothing. The helper that detaches
 * used the look-up of mountpoints that new mounts use, which refuses a dentry that is unlinked. So it
 * detached nothing, and the loop found the same mountpoint again: one task alone, for ever. The repair
 * lets the helper find the mountpoint of an unlinked dentry; only new mounts are refused there.
 */

import {
  AGAIN,
  branch,
  cover,
  READ_ONCE,
  retry,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type List,
  type Task,
} from '../../../machine/index.js';
import { DCACHE, type Dentry, type WalkData } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { addEntry, DIRECTORY, makeRoot, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const DETACHES = branch('d_invalidate', 'has a mountpoint detached and looks again');
const REFUSED = branch('__detach_mounts', 'finds no mountpoint on an unlinked dentry');

function* find_submount(k: VfsKernel, dentry: Dentry, data: WalkData): Task<List<unknown>> {
  const mounted = ((yield* READ_ONCE(dentry.d_flags)) & DCACHE.MOUNTED) !== 0;
  return k.list<unknown>([
    mounted ? 'D_WALK_QUIT' : 'D_WALK_CONTINUE',
    mounted ? k.list([dentry]) : data,
  ]);
}

/** One look for a mountpoint at or below a dentry. */
function* detach_one(k: VfsKernel, dentry: Dentry): Task<typeof AGAIN | 'done'> {
  const [mountpoint] = (yield* k.d_walk(dentry, k.list<unknown>([]), find_submount)).items;
  if (mountpoint === undefined) return 'done';
  yield* cover(DETACHES);
  yield* k.__detach_mounts(mountpoint as Dentry);
  return AGAIN;
}

/** The name is no longer valid. May sleep. Source: fs/dcache.c. */
function* d_invalidate(k: VfsKernel, dentry: Dentry): Task<void> {
  yield* k.d_drop(dentry);
  yield* retry(detach_one, k, dentry);
}

const only_if_linked = function* __detach_mounts(k: VfsKernel, dentry: Dentry): Task<void> {
  yield* spin_lock(dentry.d_lockref);
  const unlinked = yield* k.d_unhashed(dentry);
  if (unlinked) yield* cover(REFUSED);
  else {
    const flags = yield* READ_ONCE(dentry.d_flags);
    yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.MOUNTED);
  }
  yield* spin_unlock(dentry.d_lockref);
};

export const invalidate_loop = smallRace({
  name: 'bench-invalidate-loop',
  title: 'a loop waits for a helper to detach a mount that the helper does not find',
  history: {
    id: 'DINVAL',
    year: 2018,
    identifiers: ['1e9c75fb9c47'],
    expect: 'livelock: d_invalidate retries for ever',
    witness: { steps: 20, switches: 0 },
    about: [DETACHES],
    wrong: [DETACHES, REFUSED],
  },
  version: 'v7.3',
  fixed: { d_invalidate },
  buggy: { d_invalidate, __detach_mounts: only_if_linked },
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    const root = machine.boot(() => makeRoot(k, sb));
    return machine.boot(function* () {
      const dentry = yield* addEntry(k, root, 'd', DIRECTORY);
      yield* k.d_set_mounted(dentry);
      return dentry;
    });
  },
  tasks: {
    *invalidate(k, dentry) {
      yield* k.d_invalidate(dentry);
      yield* k.dput(dentry);
    },
  },
});
