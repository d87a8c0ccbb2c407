/** The draft that the mail answers: nsfs's scheme moved to libfs, with the look-up by value. */

import type { Variant } from '../variant.js';
import { path_from_stashed } from './by-value.js';
import {
  blind_prune,
  get_stashed_path,
  INSTALL_ONCE_BRANCHES,
  path_from_new_dentry,
} from './install-once.js';

export const draft_2024: Variant = {
  name: 'draft-2024',
  summary:
    'the draft of 18 Feb 2024: as before, shared, and the look-up takes its pointer by value',
  version: 'v6.9',
  functions: {
    path_from_stashed,
    path_from_new_dentry,
    get_stashed_path,
    stashed_dentry_prune: blind_prune,
  },
  branches: INSTALL_ONCE_BRANCHES,
};
