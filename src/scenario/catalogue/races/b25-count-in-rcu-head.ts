/**
 * A count that shares its memory with the rcu_head.
 *
 * A long name is an object of its own with a reference count; to save space the count and the link
 * by which RCU queues the object for freeing lay at the same address. While snapshots of names were
 * taken under d_lock that was right. A snapshot without the lock loads the pointer and adds a
 * reference unless the count is zero. A rename drops the last reference, the object is queued, and the
 * link is written over the zero: the snapshot succeeds on an object that is about to be freed, and gives
 * its reference back to freed memory. Found in review; the two were put apart before anything was merged.
 */

import {
  atomic_fetch_add,
  branch,
  cover,
  kmem_cache_free,
  WRITE_ONCE,
  type Task,
} from '../../../machine/index.js';
import type { ExternalName } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { addEntry, FILE, makeRoot, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const LONG = 'a-name-that-does-not-fit-into-a-dentry-itself';
/** Some address: where the queue goes on. */
const LINK = 0x1000;

const CLOBBERS = branch('call_rcu', 'writes the link over the count');

/** Drop a reference; the last one queues the name, and the link goes where the count was. */
function* put_external_name(k: VfsKernel, name: ExternalName): Task<void> {
  if ((yield* atomic_fetch_add(name.count, -1)) !== 1) return;
  yield* cover(CLOBBERS);
  yield* WRITE_ONCE(name.count, LINK);
  yield* k.call_rcu(name, free_external_name);
}

function* free_external_name(_k: never, name: ExternalName): Task<void> {
  yield* kmem_cache_free(name);
}

export const b25 = smallRace({
  name: 'b25-count-in-rcu-head',
  title: 'a snapshot takes a reference on a name that is queued to be freed',
  history: {
    id: 'B25',
    year: 2025,
    identifiers: ['1c9be84a9074'],
    expect: 'KASAN: slab-use-after-free Write in put_external_name',
    witness: { steps: 71, switches: 2 },
    about: [
      kernelBranch('take_dentry_name_snapshot', 'finds the name changed and retries'),
      kernelBranch('copy_name', 'drops the last reference on an external name'),
    ],
    wrong: [
      kernelBranch('take_dentry_name_snapshot', 'finds the name changed and retries'),
      CLOBBERS,
    ],
  },
  version: 'v7.3',
  buggy: { put_external_name },
  unruled: ['a name is inline or counted, and never changes once published'],
  objects: (machine, k) => {
    const root = machine.boot(() => makeRoot(k, plainSuper(machine)));
    const dentry = machine.boot(() => addEntry(k, root, LONG, FILE));
    const target = machine.boot(() => addEntry(k, root, 'short', null));
    return { dentry, target };
  },
  tasks: {
    *snapshot(k, { dentry }) {
      yield* k.release_dentry_name_snapshot(yield* k.take_dentry_name_snapshot(dentry));
    },
    *renamer(k, { dentry, target }) {
      yield* k.d_move(dentry, target);
    },
  },
});
