/** nsfs from 2014 to v6.8: install once, -EAGAIN, and a d_prune that looks at nothing. */

import type { Variant } from '../variant.js';
import {
  blind_prune,
  get_stashed_path,
  INSTALL_ONCE_BRANCHES,
  path_from_new_dentry,
} from './install-once.js';

export const nsfs_2016: Variant = {
  name: 'nsfs-2016',
  summary: 'before the mail: -EAGAIN until the killer is done, blind clear in d_prune',
  version: 'v6.9',
  functions: { path_from_new_dentry, get_stashed_path, stashed_dentry_prune: blind_prune },
  branches: INSTALL_ONCE_BRANCHES,
};
