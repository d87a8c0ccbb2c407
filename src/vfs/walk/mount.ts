/**
 * Mounts: which tree hangs where.
 *
 * Invariant: a mount that is in the table holds its parent, its mountpoint and its own root; the
 * table changes only while mount_lock is odd, so a lockless walker notices. Mirrors fs/namespace.c.
 */

import {
  atomic_fetch_add,
  E,
  kmem_cache_alloc,
  list_add,
  list_del,
  raw_write_seqcount_begin,
  raw_write_seqcount_end,
  READ_ONCE,
  smp_mb,
  spin_lock,
  spin_unlock,
  Struct,
  write,
  WRITE_ONCE,
  type List,
  type Spinlock,
  type Task,
} from '../../machine/index.js';
import { DCACHE, type Dentry } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { SuperBlock } from '../super.js';
import type { FsSuper } from '../tmpfs/structs.js';

export class Mount extends Struct {
  readonly mnt_sb: SuperBlock;
  readonly mnt_count = this.cell('mnt_count', 1);
  readonly mnt_root = this.cell<Dentry | null>('mnt_root', null);
  readonly mnt_parent = this.cell<Mount | null>('mnt_parent', null);
  readonly mnt_mountpoint = this.cell<Dentry | null>('mnt_mountpoint', null);
  /** Not mounted anywhere yet: the file that it was opened as has the only reference. */
  readonly detached = this.cell('detached', false);

  constructor(sb: SuperBlock) {
    super('mount');
    this.mnt_sb = sb;
  }
}

/** What all mounts share. */
export class MountTable extends Struct {
  readonly lock: Spinlock = this.lockCell('lock', 'mount_lock');
  readonly seq = this.cell('seq', 0);
  readonly mounts = this.cell<List<Mount> | null>('mounts', null);

  constructor() {
    super('mount_table');
  }
}

/** The topmost mount on a place, or null. Takes no reference. Source: fs/namespace.c. */
export function* __lookup_mnt(k: FsKernel, parent: Mount, dentry: Dentry): Task<Mount | null> {
  for (const mount of (yield* READ_ONCE(k.mount_table.mounts)) ?? []) {
    if ((yield* READ_ONCE(mount.mnt_mountpoint)) !== dentry) continue;
    if ((yield* READ_ONCE(mount.mnt_parent)) === parent) return mount;
  }
  return null;
}

/** Add a reference. */
export function* mntget(_k: FsKernel, mount: Mount): Task<void> {
  yield* atomic_fetch_add(mount.mnt_count, 1);
}

/** Drop a reference. The last one of an unmounted mount ends its filesystem. May sleep. */
export function* mntput(k: FsKernel, mount: Mount): Task<void> {
  if ((yield* atomic_fetch_add(mount.mnt_count, -1)) !== 1) return;
  const mnt_sb = mount.mnt_sb as FsSuper;
  // A mount of a single file, or of the same tree elsewhere, does not end the filesystem.
  if ((yield* atomic_fetch_add(mnt_sb.s_active, -1)) !== 1) {
    yield* k.dput(yield* READ_ONCE(mount.mnt_root));
    return;
  }
  yield* WRITE_ONCE(mnt_sb.s_root, yield* READ_ONCE(mount.mnt_root));
  yield* k.shmem_kill_sb(mnt_sb);
}

/**
 * A reference for a lockless walker, if nothing was mounted or unmounted since `seq`.
 * @returns whether there is one. Source: fs/namespace.c, __legitimize_mnt
 */
export function* legitimize_mnt(k: FsKernel, mount: Mount, seq: number): Task<boolean> {
  if ((yield* READ_ONCE(k.mount_table.seq)) !== seq) return false;
  yield* atomic_fetch_add(mount.mnt_count, 1);
  // Pairs with the unmounting side, which moves the counter before it looks at the references.
  yield* smp_mb();
  if ((yield* READ_ONCE(k.mount_table.seq)) === seq) return true;
  yield* k.mntput(mount);
  return false;
}

/**
 * Mount `root` on a directory; takes over the reference on `root`, and takes its own on the place.
 * @returns the mount; -ENOENT if the place was removed, -ENOMEM. May sleep.
 */
export function* do_mount(
  k: FsKernel,
  sb: SuperBlock,
  root: Dentry,
  parent: Mount | null,
  mountpoint: Dentry | null,
): Task<Mount | number> {
  const mount = yield* kmem_cache_alloc(k.mount_cache, sb);
  if (mount === null) return -E.ENOMEM;
  yield* write<Dentry | null>(mount.mnt_root, root);
  if (parent === null || mountpoint === null) return mount;
  const marked = yield* k.d_set_mounted(mountpoint);
  // Something may be mounted there already, on another mount of the same tree.
  if (marked < 0 && marked !== -E.EBUSY) {
    yield* k.mntput(mount);
    return marked;
  }
  yield* k.mntget(parent);
  yield* k.dget(mountpoint);
  yield* write<Mount | null>(mount.mnt_parent, parent);
  yield* write<Dentry | null>(mount.mnt_mountpoint, mountpoint);
  yield* spin_lock(k.mount_table.lock);
  yield* raw_write_seqcount_begin(k.mount_table.seq);
  yield* list_add(k.mount_table.mounts, mount);
  yield* raw_write_seqcount_end(k.mount_table.seq);
  yield* spin_unlock(k.mount_table.lock);
  return mount;
}

/** Take a mount away: -EBUSY if it is in use, unless `detach`. May sleep. Source: fs/namespace.c. */
export function* do_umount(k: FsKernel, mount: Mount, detach: boolean): Task<number> {
  const parent = yield* READ_ONCE(mount.mnt_parent);
  const mountpoint = yield* READ_ONCE(mount.mnt_mountpoint);
  if (parent === null || mountpoint === null) return -E.EINVAL;
  yield* spin_lock(k.mount_table.lock);
  yield* raw_write_seqcount_begin(k.mount_table.seq);
  // One reference is the table's own, one the caller's.
  let busy = (yield* READ_ONCE(mount.mnt_count)) > 2 && !detach;
  const mounts = (yield* READ_ONCE(k.mount_table.mounts)) ?? k.list<Mount>([]);
  if (!mounts.includes(mount)) busy = true;
  for (const other of mounts) {
    if ((yield* READ_ONCE(other.mnt_parent)) === mount && !detach) busy = true;
  }
  if (!busy) yield* list_del(k.mount_table.mounts, mount);
  yield* raw_write_seqcount_end(k.mount_table.seq);
  yield* spin_unlock(k.mount_table.lock);
  if (busy) return -E.EBUSY;
  let still = false;
  for (const other of (yield* READ_ONCE(k.mount_table.mounts)) ?? []) {
    if ((yield* READ_ONCE(other.mnt_mountpoint)) === mountpoint) still = true;
  }
  if (!still) {
    yield* spin_lock(mountpoint.d_lockref);
    yield* WRITE_ONCE(mountpoint.d_flags, (yield* READ_ONCE(mountpoint.d_flags)) & ~DCACHE.MOUNTED);
    yield* spin_unlock(mountpoint.d_lockref);
  }
  yield* k.synchronize_rcu();
  yield* k.dput(mountpoint);
  yield* k.mntput(parent);
  yield* k.mntput(mount);
  return 0;
}
