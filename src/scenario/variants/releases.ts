/** The stash as released: v6.9 with its bug, v6.11 without, and the newest. */

import type { Variant } from '../variant.js';
import { path_from_stashed } from './by-value.js';

export const v6_9: Variant = {
  name: 'v6.9',
  summary: 'as landed: take-over loop, but the first look-up is by value (CVE-2024-46801)',
  version: 'v6.9',
  functions: { path_from_stashed },
};

export const v6_11: Variant = {
  name: 'v6.11',
  summary: 'the look-up loads the stash inside RCU',
  version: 'v6.9',
  functions: {},
};

export const v7_3: Variant = {
  name: 'v7.3',
  summary: 'the newest: a spinlock takes over from RCU in dput',
  version: 'v7.3',
  functions: {},
};
