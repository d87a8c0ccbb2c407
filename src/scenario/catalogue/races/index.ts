/** The race catalogue: real bugs around the dcache, each in the kernel as it was and repaired. */

import type { Scenario } from '../../scenario.js';
import { b01 } from './b01-by-value.js';
import { b02 } from './b02-no-rcu-delay.js';
import { b03 } from './b03-blind-clear.js';
import { b04, b04b } from './b04-blind-sentinel.js';
import { b05 } from './b05-lock-in-prune.js';
import { b06 } from './b06-eagain.js';
import { b07 } from './b07-reference-after-publish.js';
import { b08 } from './b08-dput-in-rcu.js';
import { b09, b09b } from './b09-error-exits.js';
import { b10 } from './b10-no-exit-info.js';
import { b11 } from './b11-rcu-left-open.js';
import { b13 } from './b13-inactive-namespace.js';
import { b15 } from './b15-d-seq-kept.js';
import { b28 } from './b28-in-lookup-twice.js';
import { b29 } from './b29-lost-waiter.js';
import { b30 } from './b30-inode-and-flags.js';
import { b35 } from './b35-parents-inode.js';
import { b39 } from './b39-unlocked-before-alias.js';
import { b40 } from './b40-double-evict.js';
import { b43 } from './b43-data-freed-under-walkers.js';
import { b44 } from './b44-torn-sum.js';
import { b45 } from './b45-fget-reuse.js';
import { b46 } from './b46-dead-file-polled.js';
import { m01, m01b } from './m01-no-guard.js';
import { m02 } from './m02-take-over-by-store.js';
import { m06 } from './m06-not-zero.js';
import { m07 } from './m07-clear-late.js';
import { m08 } from './m08-blind-no-delete.js';

/** Every race that sequential consistency is enough for, those of the stash's mutations last. */
export const RACES: readonly Scenario[] = [
  b01,
  b02,
  b03,
  b04,
  b04b,
  b05,
  b06,
  b07,
  b08,
  b09,
  b09b,
  b10,
  b11,
  b13,
  b15,
  b28,
  b29,
  b30,
  b35,
  b39,
  b40,
  b43,
  b44,
  b45,
  b46,
  m01,
  m01b,
  m02,
  m06,
  m07,
  m08,
];
