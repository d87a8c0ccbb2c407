/**
 * What a filesystem hangs on its super block, freed under walkers.
 *
 * Dentries and inodes are freed after a grace period, so a walk in RCU mode may look at them without
 * a reference. The filesystem's own hooks that it calls on the way, for permissions or for comparing
 * names, read private data of the super block; several filesystems freed that at once when they were
 * unmounted. Everything that a lockless walk can reach has to wait for the grace period too, not just
 * the first object on the way.
 */

import {
  branch,
  cover,
  kmem_cache_free,
  READ_ONCE,
  Struct,
  WRITE_ONCE,
  type Cell,
  type Task,
} from '../../../machine/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { allocate } from './allocate.js';
import { smallRace } from './small-race.js';

const READS = branch('proc_pid_permission', "reads the super block's private data");

class ProcFsInfo extends Struct {
  readonly hide_pid = this.cell('hide_pid', 2);

  constructor() {
    super('proc_fs_info');
  }
}

class ProcSuper extends Struct {
  readonly s_root = this.cell('s_root', true);
  readonly s_fs_info: Cell<ProcFsInfo | null> = this.cell<ProcFsInfo | null>('s_fs_info', null);

  constructor() {
    super('super_block');
  }
}

/** Called by a walk in RCU mode. Source: fs/proc/base.c. */
function* proc_pid_permission(k: VfsKernel, sb: ProcSuper): Task<number> {
  const info = (yield* k.rcu_dereference(sb.s_fs_info))!;
  yield* cover(READS);
  return yield* READ_ONCE(info.hide_pid);
}

/** Unmount: the root is gone, and with it the private data. May sleep. Source: fs/proc/root.c. */
function* proc_kill_sb(k: VfsKernel, sb: ProcSuper): Task<void> {
  yield* WRITE_ONCE(sb.s_root, false);
  const info = (yield* READ_ONCE(sb.s_fs_info))!;
  yield* k.kfree_rcu(info);
}

const at_once = function* proc_kill_sb(_k: VfsKernel, sb: ProcSuper): Task<void> {
  yield* WRITE_ONCE(sb.s_root, false);
  const info = (yield* READ_ONCE(sb.s_fs_info))!;
  yield* kmem_cache_free(info);
};

export const b43 = smallRace({
  name: 'b43-data-freed-under-walkers',
  title: "unmounting frees the filesystem's private data while a walker reads it",
  history: {
    id: 'B43',
    year: 2024,
    identifiers: ['47458802f660', 'e31f0a57ae1a', 'c1b967d03c5d', '053fc4f755ad', 'af072cf683ac'],
    expect: 'KASAN: slab-use-after-free Read in proc_pid_permission',
    witness: { steps: 6, switches: 2 },
    about: [READS],
  },
  own: { proc_pid_permission, proc_kill_sb },
  buggy: { proc_kill_sb: at_once },
  objects: (machine) => {
    const sb = machine.global(new ProcSuper(), 'proc');
    allocate(machine, () => new ProcFsInfo(), sb.s_fs_info);
    return sb;
  },
  tasks: {
    *walker(k, sb) {
      yield* k.rcu_read_lock();
      if (yield* READ_ONCE(sb.s_root)) yield* k.proc_pid_permission(sb);
      yield* k.rcu_read_unlock();
    },
    *umount(k, sb) {
      yield* k.proc_kill_sb(sb);
    },
  },
});
