/** The dentry cache. */
import { ADD_BRANCHES } from './add.js';
import { ALIAS_BRANCHES } from './alias.js';
import { ALLOC_BRANCHES } from './alloc.js';
import { DELETE_BRANCHES } from './delete.js';
import { DPUT_BRANCHES } from './dput.js';
import { KILL_BRANCHES, KILL_TREE_BRANCHES } from './kill.js';
import { LOOKUP_BRANCHES } from './lookup.js';
import { MOVE_BRANCHES } from './move.js';
import { NAME_BRANCHES } from './name.js';
import { PARALLEL_BRANCHES } from './parallel.js';
import { RETAIN_BRANCHES } from './retain.js';
import { SHRINK_BRANCHES } from './shrink.js';
import { SHRINK_PARENT_BRANCHES } from './shrink-parent.js';
import { UMOUNT_BRANCHES } from './umount.js';
import { DCACHE_V6_9_BRANCHES } from './v6.9.js';
import { WALK_BRANCHES } from './walk.js';
import type { Branch } from '../machine/index.js';

export * from './dentry.js';
export { d_flags_for_mode, DCACHE, is_directory_mode } from './flags.js';
export * from './state.js';
export { dcache_at_rest } from './invariants.js';
export { rule_aliases, rule_dentry, ruled_operations, within, type RuledKernel } from './rules.js';
export { __d_free } from './kill.js';
export { found_dentry, found_seq, type FoundDentry } from './lookup.js';
export {
  DNAME_INLINE_LEN,
  ExternalName,
  full_name_hash,
  name_of,
  type NameSnapshot,
} from './name.js';
export type { ShrinkList } from './lru.js';
export type { Visitor, WalkData, WalkRet } from './walk.js';
export { dcache_functions, dcache_functions_v6_9 } from './functions.js';

/** Branches of the life of any dentry, whose coverage is reported. */
export const DCACHE_BRANCHES: readonly Branch[] = [
  ...DPUT_BRANCHES,
  ...KILL_BRANCHES,
  ...RETAIN_BRANCHES,
];

/** Branches of what only dentries with names do. */
export const DCACHE_TREE_BRANCHES: readonly Branch[] = [
  ...ALLOC_BRANCHES,
  ...NAME_BRANCHES,
  ...LOOKUP_BRANCHES,
  ...PARALLEL_BRANCHES,
  ...ADD_BRANCHES,
  ...ALIAS_BRANCHES,
  ...MOVE_BRANCHES,
  ...DELETE_BRANCHES,
  ...KILL_TREE_BRANCHES,
  ...SHRINK_BRANCHES,
  ...SHRINK_PARENT_BRANCHES,
  ...WALK_BRANCHES,
  ...UMOUNT_BRANCHES,
  ...DCACHE_V6_9_BRANCHES,
];
