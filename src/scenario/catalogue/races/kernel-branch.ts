/** The branches of the kernel's own functions, by function and words: what races are about. */

import { DCACHE_BRANCHES, DCACHE_TREE_BRANCHES } from '../../../dcache/index.js';
import { MisuseError, type Branch } from '../../../machine/index.js';
import { EVICT_BRANCHES, ICACHE_BRANCHES, INODE_LRU_BRANCHES } from '../../../vfs/index.js';

const ALL: readonly Branch[] = [
  ...DCACHE_BRANCHES,
  ...DCACHE_TREE_BRANCHES,
  ...ICACHE_BRANCHES,
  ...INODE_LRU_BRANCHES,
  ...EVICT_BRANCHES,
];

/** The branch of a kernel function, by the words that `dlab list branches` prints. */
export function kernelBranch(fn: string, what: string): Branch {
  const found = ALL.find((branch) => branch.fn === fn && branch.what === what);
  if (found === undefined) {
    const known = ALL.filter((branch) => branch.fn === fn).map((branch) => `'${branch.what}'`);
    throw new MisuseError(`${fn} has no branch '${what}'; it has: ${known.join(', ') || 'none'}`);
  }
  return found;
}
