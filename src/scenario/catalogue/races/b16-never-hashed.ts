/**
 * Dentries that were never hashed, freed at once.
 *
 * A dentry used to be freed after a grace period only if it had ever been in the hash, as if that
 * were the only place where lockless walkers find one. The root of a mount is never hashed, and a
 * walk in RCU mode comes to it through the mount: unmounting freed it under the walker. A child that
 * has not been hashed yet is on its parent's list: d_walk on its way up lets go of its d_lock, kept in
 * memory by RCU alone, and follows the child's link to its sibling when the child has been killed and
 * freed. Since 2018 everything waits for the grace period but what asks not to.
 */

import {
  branch,
  cover,
  raw_seqcount_begin,
  READ_ONCE,
  read_seqcount_retry,
  smp_rmb,
  Struct,
  write,
  WRITE_ONCE,
  type Cell,
  type List,
  type Task,
} from '../../../machine/index.js';
import { DCACHE, dcache_functions, type Dentry, type WalkData } from '../../../dcache/index.js';
import type { Inode, SuperBlock, VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { DIRECTORY, makeRoot, newInode, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const CROSSES = branch('__follow_mount_rcu', 'has the root of the mount');

class Mount extends Struct {
  readonly mnt_root: Cell<Dentry | null>;

  constructor(root: Dentry) {
    super('mount');
    this.mnt_root = this.cell<Dentry | null>('mnt_root', root);
  }
}

/** Go on from the root of what is mounted, in RCU mode. @returns its mode or 0. Source: fs/namei.c. */
function* __follow_mount_rcu(k: VfsKernel, mount: Mount): Task<number> {
  yield* k.rcu_read_lock();
  const root = yield* k.rcu_dereference(mount.mnt_root);
  let mode = 0;
  if (root !== null) {
    const seq = yield* raw_seqcount_begin(root.d_seq);
    yield* cover(CROSSES);
    const inode = (yield* READ_ONCE(root.d_inode)) as Inode | null;
    const stale = yield* read_seqcount_retry(root.d_seq, seq);
    if (inode !== null && !stale) mode = yield* READ_ONCE(inode.i_mode);
  }
  yield* k.rcu_read_unlock();
  return mode;
}

/** The mount is gone, and with it the reference on its root. May sleep. Source: fs/namespace.c. */
function* cleanup_mnt(k: VfsKernel, mount: Mount): Task<void> {
  const root = yield* READ_ONCE(mount.mnt_root);
  yield* WRITE_ONCE(mount.mnt_root, null);
  yield* k.dput(root);
}

/** Never hashed, so it need not wait. */
function* no_delay(dentry: Dentry | null): Task<void> {
  if (dentry === null) return;
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* write(dentry.d_flags, flags | DCACHE.NORCU);
}

function* d_make_root(k: VfsKernel, sb: SuperBlock, inode: Inode | null): Task<Dentry | null> {
  const root = yield* dcache_functions.d_make_root(k, sb, inode);
  yield* no_delay(root);
  return root;
}

export const b16a = smallRace({
  name: 'b16a-root-freed-at-once',
  title: 'unmounting frees the root under a walker that comes through the mount',
  history: {
    id: 'B16a',
    year: 2018,
    identifiers: ['90bad5e05bcd'],
    expect: 'KASAN: slab-use-after-free Read in __follow_mount_rcu',
    witness: { steps: 47, switches: 2 },
    about: [CROSSES],
  },
  own: { __follow_mount_rcu, cleanup_mnt },
  buggy: { d_make_root },
  objects: (machine, k) => {
    const root = machine.boot(() => makeRoot(k, plainSuper(machine)));
    return machine.global(new Mount(root), 'mount');
  },
  tasks: {
    *walker(k, mount) {
      yield* k.__follow_mount_rcu(mount);
    },
    *umount(k, mount) {
      yield* k.cleanup_mnt(mount);
    },
  },
});

function* d_alloc(k: VfsKernel, parent: Dentry, name: string): Task<Dentry | null> {
  const dentry = yield* dcache_functions.d_alloc(k, parent, name);
  yield* no_delay(dentry);
  return dentry;
}

function* look(k: VfsKernel, _dentry: Dentry, data: WalkData): Task<List<unknown>> {
  yield* smp_rmb();
  return k.list<unknown>(['D_WALK_CONTINUE', data]);
}

const UP = kernelBranch('d_walk', 'passes siblings that were killed');

export const b16b = smallRace({
  name: 'b16b-child-freed-at-once',
  title: 'd_walk follows the link of a child that was freed on its way up',
  history: {
    id: 'B16b',
    year: 2014,
    identifiers: ['3d56c25e3bb0'],
    expect: 'KASAN: slab-use-after-free Read in d_next_alive',
    witness: { steps: 112, switches: 2 },
    about: [UP],
    wrong: [kernelBranch('d_walk', 'goes down')],
  },
  buggy: { d_alloc },
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    const root = machine.boot(() => makeRoot(k, sb));
    const below = (parent: Dentry): Dentry =>
      machine.boot(function* () {
        const dentry = (yield* k.d_alloc(parent, 'new'))!;
        yield* k.d_instantiate(dentry, yield* newInode(k, sb, DIRECTORY));
        return dentry;
      });
    const child = below(root);
    const grandchild = below(child);
    // From now on the child lives by its own child's reference.
    machine.boot(() => k.dput(child));
    return { root, grandchild };
  },
  tasks: {
    *walker(k, { root }) {
      yield* k.d_walk(root, k.list<unknown>([]), look);
    },
    *user(k, { grandchild }) {
      yield* k.dput(grandchild);
    },
  },
});
