/**
 * A dput that comes after umount.
 *
 * Network filesystems finish their requests in a worker. Umount waited until every request was
 * reported complete, and then took the dentries down; but the worker reported first and let go of the
 * request, and of its dentry, afterwards. Umount finds the dentry in use, and the worker's dput runs on
 * a filesystem that is gone. To signal is the last thing to do: what the signal stands for includes the
 * references. The repairs flush the worker, or pin the super block together with the dentry.
 */

import {
  branch,
  complete,
  Completion,
  cover,
  wait_for_completion,
  type Task,
} from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import type { SuperBlock, VfsKernel } from '../../../vfs/index.js';
import { addEntry, FILE, makeRoot, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const DONE = branch('complete_request', 'has let go of the request');

/** The worker is done with a request. May sleep. Source: fs/ceph/mds_client.c. */
function* complete_request(k: VfsKernel, dentry: Dentry, done: Completion): Task<void> {
  yield* k.dput(dentry);
  yield* cover(DONE);
  yield* complete(done);
}

const signal_first = function* complete_request(
  k: VfsKernel,
  dentry: Dentry,
  done: Completion,
): Task<void> {
  yield* complete(done);
  yield* k.dput(dentry);
  yield* cover(DONE);
};

/** Unmount: what can go at once, and the rest when the request is reported complete. May sleep. Source: fs/ceph/super.c. */
function* ceph_kill_sb(k: VfsKernel, sb: SuperBlock, done: Completion): Task<void> {
  yield* k.prune_dcache_sb(sb, 1);
  yield* wait_for_completion(done);
  yield* k.shrink_dcache_for_umount(sb);
}

export const b26 = smallRace({
  name: 'b26-late-dput',
  title: 'a worker reports its request complete and drops the dentry after that',
  history: {
    id: 'B26',
    year: 2022,
    identifiers: ['17c688c3dfff', 'dd47d1e5bdbc', '3bc303c25433'],
    expect: 'BUG: Dentry still in use at unmount in d_walk_once',
    witness: { steps: 28, switches: 1 },
    about: [DONE],
  },
  own: { complete_request, ceph_kill_sb },
  buggy: { complete_request: signal_first },
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    const root = machine.boot(() => makeRoot(k, sb));
    const dentry = machine.boot(() => addEntry(k, root, 'file', FILE));
    return { sb, dentry, done: machine.global(new Completion(), 'r_completion') };
  },
  tasks: {
    *worker(k, { dentry, done }) {
      yield* k.complete_request(dentry, done);
    },
    *umount(k, { sb, done }) {
      yield* k.ceph_kill_sb(sb, done);
    },
  },
});
