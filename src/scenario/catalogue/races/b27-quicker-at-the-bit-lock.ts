/**
 * A look-up that is always quicker at the bit lock.
 *
 * While an entry goes from the in-lookup hash to the other one, i_dir_seq of the directory is odd. A
 * look-up that begins meanwhile sampled it with the low bit masked off, took the bit lock of its
 * bucket in the in-lookup hash, saw that the numbers differ, gave the lock back and began again. The
 * task that is to make the number even needs that same bit lock, and bit locks are not fair: whoever
 * asks at the right moment gets it, and the look-up asks all the time. The repair leaves the bucket
 * alone as long as the number is odd.
 */

import {
  AGAIN,
  branch,
  cover,
  READ_ONCE,
  read_seqbegin,
  retry,
  smp_load_acquire,
  type Task,
  type WaitQueue,
} from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { lookup } from './lookup.js';
import { makeRoot, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const BUSY = kernelBranch('d_alloc_parallel', 'meets a directory that is being added to');
const ADDED = kernelBranch('d_alloc_parallel', 'finds that the directory was added to');
const MASKED = branch('d_alloc_parallel', 'takes an odd number for the even one before it');

/** As the kernel's, with its rounds as they are: none waits for anything but a lock. */
function* d_alloc_parallel(
  k: VfsKernel,
  parent: Dentry,
  name: string,
  wq: WaitQueue | null = null,
): Task<Dentry | null> {
  const fresh = (yield* k.d_alloc_in_lookup(parent, name))!;
  const found = yield* retry(one_round, k, parent, name, fresh, wq);
  if (found !== fresh) yield* k.dput(fresh);
  return found;
}

function* one_round(
  k: VfsKernel,
  parent: Dentry,
  name: string,
  fresh: Dentry,
  wq: WaitQueue | null,
): Task<Dentry | typeof AGAIN> {
  return (yield* k.d_alloc_parallel_once(parent, name, fresh, wq)) ?? AGAIN;
}

/** A round that goes for the bucket whether or not the directory is being added to. */
function* d_alloc_parallel_once(
  k: VfsKernel,
  parent: Dentry,
  name: string,
  fresh: Dentry,
  wq: WaitQueue | null,
): Task<Dentry | null> {
  const dir = (yield* READ_ONCE(parent.d_inode))!;
  yield* k.rcu_read_lock();
  const seq = yield* smp_load_acquire(dir.i_dir_seq);
  if ((seq & 1) === 1) yield* cover(MASKED);
  yield* read_seqbegin(k.rename_lock);
  return yield* k.d_join_lookup(parent, name, fresh, wq, dir.i_dir_seq, seq & ~1);
}

export const b27 = smallRace({
  name: 'b27-quicker-at-the-bit-lock',
  title: 'a look-up keeps the bit lock from the task that it waits for',
  history: {
    id: 'B27',
    year: 2018,
    identifiers: ['015555fd4d29'],
    expect: 'livelock: d_alloc_parallel retries for ever',
    witness: { steps: 20, switches: 1 },
    about: [BUSY],
    wrong: [MASKED, ADDED],
  },
  version: 'v7.3',
  buggy: { d_alloc_parallel_once },
  fixed: { d_alloc_parallel },
  objects: (machine, k) => {
    const root = machine.boot(() => makeRoot(k, plainSuper(machine)));
    const adding = machine.boot(() => k.d_alloc_parallel(root, 'x'))!;
    return { root, adding };
  },
  tasks: {
    *adder(k, { adding }) {
      yield* k.d_add(adding, null);
    },
    *finder(k, { root }) {
      yield* lookup(k, root, 'z');
    },
  },
});
