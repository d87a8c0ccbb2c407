/** The race catalogue: real bugs around the dcache, each in the kernel as it was and repaired. */

import type { Scenario } from '../../scenario.js';
import { b01 } from './b01-by-value.js';
import { b02 } from './b02-no-rcu-delay.js';
import { b03 } from './b03-blind-clear.js';
import { b04, b04b } from './b04-blind-sentinel.js';
import { b05 } from './b05-lock-in-prune.js';
import { b06 } from './b06-eagain.js';
import { b07, b07b } from './b07-reference-after-publish.js';
import { b07c } from './b07c-wrong-object.js';
import { b08 } from './b08-dput-in-rcu.js';
import { b09, b09b } from './b09-error-exits.js';
import { b10 } from './b10-no-exit-info.js';
import { b11 } from './b11-rcu-left-open.js';
import { b13 } from './b13-inactive-namespace.js';
import { b14 } from './b14-put-misread.js';
import { b15 } from './b15-d-seq-kept.js';
import { b16a, b16b } from './b16-never-hashed.js';
import { b17 } from './b17-parent-aba.js';
import { b19 } from './b19-shrinker-trylock.js';
import { b20 } from './b20-parent-looks-busy.js';
import { b21 } from './b21-stolen-victim.js';
import { b22 } from './b22-busy-wait.js';
import { b23 } from './b23-callback-twice.js';
import { b24 } from './b24-moving-cursor.js';
import { b25 } from './b25-count-in-rcu-head.js';
import { b26 } from './b26-late-dput.js';
import { b27 } from './b27-quicker-at-the-bit-lock.js';
import { b28, b28b } from './b28-in-lookup-twice.js';
import { b29 } from './b29-lost-waiter.js';
import { b30 } from './b30-inode-and-flags.js';
import { b33 } from './b33-walk-into-another-chain.js';
import { b34 } from './b34-hard-error.js';
import { b35 } from './b35-parents-inode.js';
import { b37 } from './b37-name-without-snapshot.js';
import { b38, b38b } from './b38-alias-not-a-root.js';
import { b39 } from './b39-unlocked-before-alias.js';
import { b40 } from './b40-double-evict.js';
import { b42 } from './b42-one-number-two-inodes.js';
import { b43 } from './b43-data-freed-under-walkers.js';
import { b43b } from './b43b-cache-destroyed.js';
import { b44 } from './b44-torn-sum.js';
import { b44c } from './b44c-flag-before-lock.js';
import { b44d } from './b44d-excess-put.js';
import { b45 } from './b45-fget-reuse.js';
import { b46 } from './b46-dead-file-polled.js';
import { b46b } from './b46b-file-recycled.js';
import { m01, m01b } from './m01-no-guard.js';
import { m02 } from './m02-take-over-by-store.js';
import { m06 } from './m06-not-zero.js';
import { m07, m07b } from './m07-clear-late.js';
import { m08 } from './m08-blind-no-delete.js';
import { acl_cache } from './bench-acl-cache.js';
import { afs_callback } from './bench-afs-callback.js';
import { evict_in_lru } from './bench-evict-in-lru.js';
import { invalidate_loop } from './bench-invalidate-loop.js';
import { kfree_barrier } from './bench-kfree-barrier.js';
import { lock_mount } from './bench-lock-mount.js';
import { lru_flags } from './bench-lru-flags.js';
import { ns_file } from './bench-ns-file.js';
import { pidfd_info_leak } from './bench-pidfd-info.js';
import { proc_sysctl } from './bench-proc-sysctl.js';
import { xfs_reclaimed } from './bench-xfs-reclaimed.js';
import { configfs_walk } from './bench-configfs-walk.js';

/**
 * Every race that sequential consistency is enough for: the numbered ones, those of the stash's
 * mutations, and the short list.
 */
export const RACES: readonly Scenario[] = [
  b01,
  b02,
  b03,
  b04,
  b04b,
  b05,
  b06,
  b07,
  b07b,
  b07c,
  b08,
  b09,
  b09b,
  b10,
  b11,
  b13,
  b14,
  b15,
  b16a,
  b16b,
  b17,
  b19,
  b20,
  b21,
  b22,
  b23,
  b24,
  b25,
  b26,
  b27,
  b28,
  b28b,
  b29,
  b30,
  b33,
  b34,
  b35,
  b37,
  b38,
  b38b,
  b39,
  b40,
  b42,
  b43,
  b43b,
  b44,
  b44c,
  b44d,
  b45,
  b46,
  b46b,
  m01,
  m01b,
  m02,
  m06,
  m07,
  m07b,
  m08,
  acl_cache,
  configfs_walk,
  afs_callback,
  evict_in_lru,
  invalidate_loop,
  kfree_barrier,
  lock_mount,
  lru_flags,
  ns_file,
  pidfd_info_leak,
  proc_sysctl,
  xfs_reclaimed,
];
