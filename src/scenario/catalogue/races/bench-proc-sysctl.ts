/**
 * Comparing names by something that the inode points to.
 *
 * Below /proc/sys the same name may be several files, and the filesystem's own comparison decides which
 * of them the caller may see; a walk in RCU mode calls it without a reference. The inode that it looks
 * at is freed after a grace period, so that is safe. What it asks the inode for, the head of a table, was
 * freed at once when the inode went. The repair frees the head after a grace period too, takes the
 * pointer away first, and has the comparison look whether it is still there.
 */

import {
  branch,
  cover,
  kmem_cache_free,
  READ_ONCE,
  Struct,
  write,
  WRITE_ONCE,
  type Task,
} from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import { SuperBlock, type Inode, type VfsKernel } from '../../../vfs/index.js';
import { allocate } from './allocate.js';
import { FILE, makeRoot, newInode } from './plain-fs.js';
import { smallRace } from './small-race.js';

const ASKS = branch('proc_sys_compare', 'asks the table whether it is seen');
const NO_INODE = branch('proc_sys_compare', 'finds the inode gone');
const NO_HEAD = branch('proc_sys_compare', 'finds the table gone');

class CtlTableHeader extends Struct {
  readonly unregistering = this.cell('unregistering', false);

  constructor() {
    super('ctl_table_header');
  }
}

/** Is this the file for this caller? RCU, or d_lock. Source: fs/proc/proc_sysctl.c. */
function* proc_sys_compare(
  _k: VfsKernel,
  dentry: Dentry,
  found: string,
  wanted: string,
): Task<boolean> {
  const inode = (yield* READ_ONCE(dentry.d_inode)) as Inode | null;
  if (inode === null) {
    yield* cover(NO_INODE);
    return false;
  }
  if (found !== wanted) return false;
  const head = (yield* READ_ONCE(inode.i_private)) as CtlTableHeader | null;
  if (head === null) {
    yield* cover(NO_HEAD);
    return false;
  }
  yield* cover(ASKS);
  return !(yield* READ_ONCE(head.unregistering));
}

type Own = VfsKernel & { sysctl_head_put(inode: Inode): Task<void> };

/** Drop the inode's table, the last reference on it. Source: fs/proc/inode.c. */
function* sysctl_head_put(k: VfsKernel, inode: Inode): Task<void> {
  const head = (yield* READ_ONCE(inode.i_private)) as CtlTableHeader | null;
  if (head === null) return;
  yield* WRITE_ONCE<unknown>(inode.i_private, null);
  yield* k.kfree_rcu(head);
}

const at_once = function* sysctl_head_put(_k: VfsKernel, inode: Inode): Task<void> {
  const head = (yield* READ_ONCE(inode.i_private)) as CtlTableHeader | null;
  if (head !== null) yield* kmem_cache_free(head);
};

function* proc_evict_inode(k: Own, inode: Inode): Task<void> {
  yield* k.clear_inode(inode);
  yield* k.sysctl_head_put(inode);
}

export const proc_sysctl = smallRace({
  name: 'bench-proc-sysctl',
  title: 'a comparison of names under RCU reads a table that was freed at once',
  history: {
    id: 'SYSCTL',
    year: 2011,
    identifiers: ['dfef6dcd35cb'],
    expect: 'KASAN: slab-use-after-free Read in proc_sys_compare',
    witness: { steps: 56, switches: 2 },
    about: [ASKS, NO_INODE, NO_HEAD],
    wrong: [ASKS],
  },
  version: 'v7.3',
  own: { sysctl_head_put },
  buggy: { sysctl_head_put: at_once },
  objects: (machine, k) => {
    const sops = { evict_inode: proc_evict_inode };
    const d_op = { d_compare: proc_sys_compare };
    const sb = machine.global(new SuperBlock('proc', sops, d_op, 0, null as never));
    const head = allocate(machine, () => new CtlTableHeader());
    const root = machine.boot(() => makeRoot(k, sb));
    return machine.boot(function* () {
      const inode = yield* newInode(k, sb, FILE);
      yield* write<unknown>(inode.i_private, head);
      const dentry = (yield* k.d_alloc(root, 'x'))!;
      yield* k.d_add(dentry, inode);
      return { root, dentry };
    });
  },
  tasks: {
    *walker(k, { root }) {
      yield* k.rcu_read_lock();
      yield* k.__d_lookup_rcu(root, 'x');
      yield* k.rcu_read_unlock();
    },
    *unregister(k, { dentry }) {
      yield* k.d_drop(dentry);
      yield* k.dput(dentry);
    },
  },
});
