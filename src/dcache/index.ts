/** The dentry cache. */
import { DPUT_BRANCHES } from './dput.js';
import { KILL_BRANCHES } from './kill.js';
import { RETAIN_BRANCHES } from './retain.js';
import type { Branch } from '../machine/index.js';

export * from './dentry.js';
export { __d_free } from './kill.js';
export { dcache_functions, dcache_functions_v6_9 } from './functions.js';

/** Branches of the dcache whose coverage is reported. */
export const DCACHE_BRANCHES: readonly Branch[] = [
  ...DPUT_BRANCHES,
  ...KILL_BRANCHES,
  ...RETAIN_BRANCHES,
];
