/** Every function of the dcache by name: what a kernel binds, and what a patch can replace. */

import * as alloc from './alloc.js';
import * as del from './delete.js';
import * as kill from './kill.js';
import * as put from './dput.js';
import * as put_v6_9 from './dput-v6.9.js';
import * as retain from './retain.js';

/** The functions of the newest kernel. */
export const dcache_functions = {
  __d_alloc: alloc.__d_alloc,
  d_alloc: alloc.d_alloc,
  d_alloc_anon: alloc.d_alloc_anon,
  d_alloc_pseudo: alloc.d_alloc_pseudo,
  IS_ROOT: alloc.IS_ROOT,
  dget_dlock: alloc.dget_dlock,
  dget: alloc.dget,
  d_instantiate: alloc.d_instantiate,
  __d_instantiate: alloc.__d_instantiate,
  d_make_root: alloc.d_make_root,
  d_unhashed: del.d_unhashed,
  __d_drop: del.__d_drop,
  d_drop: del.d_drop,
  dentry_unlink_inode: del.dentry_unlink_inode,
  d_delete: del.d_delete,
  retain_dentry: retain.retain_dentry,
  d_lru_add: retain.d_lru_add,
  d_lru_del: retain.d_lru_del,
  lock_for_kill: kill.lock_for_kill,
  lock_for_kill_or_give_up: kill.lock_for_kill_or_give_up,
  dentry_kill: kill.dentry_kill,
  __dentry_kill: kill.__dentry_kill,
  dentry_free: kill.dentry_free,
  dput: put.dput,
  finish_dput: put.finish_dput,
  fast_dput: put.fast_dput,
  drop_reference_locked: put.drop_reference_locked,
  keep_or_condemn: put.keep_or_condemn,
} as const;

/** What v6.9 did differently. */
export const dcache_functions_v6_9 = {
  dput: put_v6_9.dput,
  fast_dput: put_v6_9.fast_dput,
} as const;
