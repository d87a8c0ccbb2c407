/**
 * A mount that counts its references per CPU, and the lock of all mounts: what the races of mounts are
 * about. Own code under the kernel's names, since mounts are not part of the kernel here.
 *
 * Invariant: only the sum over the CPUs is a number of references, and only under mount_lock is it
 * one of a single moment. Mirrors fs/namespace.c.
 */

import {
  atomic_fetch_add,
  branch,
  cover,
  kmem_cache_free,
  READ_ONCE,
  Seqlock,
  spin_lock,
  spin_unlock,
  Struct,
  type Machine,
  type Task,
} from '../../../machine/index.js';
import { allocate } from './allocate.js';

export const LAST = branch('mntput', 'drops the last reference');
export const NOT_LAST = branch('mntput', 'drops a reference that is not the last');

/** The CPU that a reference is counted on. */
export type Cpu = 0 | 1;

export class Mount extends Struct {
  /** The references that were taken, less those that were dropped, on each CPU. */
  readonly mnt_pcp;
  readonly mnt_flags = this.cell('mnt_flags', 0);

  constructor(count: number) {
    super('mount');
    this.mnt_pcp = [this.cell('mnt_count[0]', count), this.cell('mnt_count[1]', 0)] as const;
  }
}

export interface Mounts {
  readonly mount: Mount;
  readonly mount_lock: Seqlock;
}

/** A mount with this many references, all on CPU 0. */
export function mounts(machine: Machine, count: number): Mounts {
  return {
    mount: allocate(machine, () => new Mount(count)),
    mount_lock: machine.global(new Seqlock('mount_lock'), 'mount_lock'),
  };
}

/** Add a reference to a mount that one already holds; on CPU 0. Source: fs/namespace.c. */
export function* mntget(_k: unknown, mount: Mount): Task<void> {
  yield* mnt_add_count(mount, 0, 1);
}

export function* mnt_add_count(mount: Mount, cpu: Cpu, amount: number): Task<void> {
  yield* atomic_fetch_add(mount.mnt_pcp[cpu], amount, 'relaxed');
}

/** The sum, torn unless the count cannot change. Source: fs/namespace.c. */
export function* mnt_get_count(mount: Mount): Task<number> {
  const first = yield* READ_ONCE(mount.mnt_pcp[0]);
  return first + (yield* READ_ONCE(mount.mnt_pcp[1]));
}

/**
 * Drop a reference on CPU `cpu`; the last one frees. Takes mount_lock. Source: fs/namespace.c.
 * @returns whether it was the last
 */
export function* mntput(_k: unknown, { mount, mount_lock }: Mounts, cpu: Cpu): Task<boolean> {
  yield* spin_lock(mount_lock.lock);
  yield* mnt_add_count(mount, cpu, -1);
  const last = (yield* mnt_get_count(mount)) === 0;
  yield* spin_unlock(mount_lock.lock);
  yield* cover(last ? LAST : NOT_LAST);
  if (last) yield* kmem_cache_free(mount);
  return last;
}
