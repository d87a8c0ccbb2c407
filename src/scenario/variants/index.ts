/** All variants, in the order in which history, and then the mutations, tell the story. */

import type { Variant } from '../variant.js';
import { draft_2024 } from './draft-2024.js';
import { END_MUTATIONS } from './mutations-end.js';
import { LOOP_MUTATIONS } from './mutations-loop.js';
import { nsfs_2016 } from './nsfs-2016.js';
import { v6_11, v6_9, v7_3 } from './releases.js';
import { seed } from './seed.js';

export const VARIANTS: readonly Variant[] = [
  nsfs_2016,
  draft_2024,
  seed,
  v6_9,
  v6_11,
  v7_3,
  ...LOOP_MUTATIONS,
  ...END_MUTATIONS,
];

/** The variant that is checked when none is named. */
export const NEWEST_VARIANT = 'v7.3';
