/**
 * Which file of the kernel a function mirrors, so that a reader of a trace finds it there.
 *
 * By function where the folder's or the file's default is not right. The doc comments say the same;
 * a test compares the two.
 */

/** By our file, or by our folder with a slash at the end. */
const BY_FILE: Readonly<Record<string, string>> = {
  'lockref/': 'lib/lockref.c',
  'rcu/': 'kernel/rcu/tree.c',
  'dcache/': 'fs/dcache.c',
  'scenario/': 'fs/libfs.c',
  'vfs/inode.ts': 'fs/inode.c',
  'vfs/libfs.ts': 'fs/libfs.c',
  'vfs/nsfs.ts': 'fs/nsfs.c',
  'vfs/pidfs.ts': 'fs/pidfs.c',
  'vfs/super.ts': 'fs/super.c',
  'vfs/ino.ts': 'lib/idr.c',
  'vfs/stashed.ts': 'kernel/pid.c',
  'vfs/file.ts': 'fs/libfs.c',
  'vfs/': 'fs/namei.c',
};

const BY_FUNCTION: Readonly<Record<string, string>> = {
  rcu_read_lock: 'include/linux/rcupdate.h',
  rcu_read_unlock: 'include/linux/rcupdate.h',
  rcu_dereference: 'include/linux/rcupdate.h',
  rcu_dereference_check: 'include/linux/rcupdate.h',
  lockdep_assert_in_rcu_read_lock: 'include/linux/rcupdate.h',
  cond_resched_tasks_rcu_qs: 'include/linux/rcupdate.h',
  dget: 'include/linux/dcache.h',
  dget_alias_ilocked: 'include/linux/dcache.h',
  d_unhashed: 'include/linux/dcache.h',
  d_in_lookup: 'include/linux/dcache.h',
  d_lookup_done: 'include/linux/dcache.h',
  __detach_mounts: 'fs/namespace.c',
  kern_mount: 'fs/namespace.c',
  kfree_rcu: 'include/linux/rcupdate.h',
  kvfree_rcu_barrier: 'mm/slab_common.c',
  rcu_access_pointer: 'include/linux/rcupdate.h',
  rcu_note_context_switch: 'kernel/rcu/tree_plugin.h',
  ct_idle_enter: 'kernel/context_tracking.c',
  ct_idle_exit: 'kernel/context_tracking.c',
  synchronize_rcu_expedited: 'kernel/rcu/tree_exp.h',
  srcu_read_unlock: 'include/linux/srcu.h',
  inode_just_drop: 'fs/inode.c',
  inode_sb_list_add: 'fs/inode.c',
  inode_sb_list_del: 'fs/inode.c',
  evict: 'fs/inode.c',
  clear_inode: 'fs/inode.c',
  destroy_inode: 'fs/inode.c',
  evict_inodes: 'fs/inode.c',
  generic_shutdown_super: 'fs/super.c',
  kill_anon_super: 'fs/super.c',
  kill_litter_super: 'fs/super.c',
  shmem_kill_sb: 'mm/shmem.c',
  __wait_on_freeing_inode: 'fs/inode.c',
  wait_on_new_inode: 'fs/inode.c',
  find_inode: 'fs/inode.c',
  iget_locked: 'fs/inode.c',
  ilookup5: 'fs/inode.c',
  insert_inode_locked: 'fs/inode.c',
  insert_inode_hash: 'fs/inode.c',
  remove_inode_hash: 'fs/inode.c',
  unlock_new_inode: 'fs/inode.c',
  __inode_add_lru: 'fs/inode.c',
  inode_lru_isolate: 'fs/inode.c',
  inode_state_set: 'include/linux/fs.h',
  inode_state_clear: 'include/linux/fs.h',
  inode_unhashed: 'include/linux/fs.h',
  get_next_ino: 'fs/inode.c',
  gen_cookie_next: 'include/linux/cookie.h',
  iunique: 'fs/inode.c',
  test_inode_iunique: 'fs/inode.c',
  idr_alloc_cyclic: 'lib/idr.c',
  idr_remove: 'lib/idr.c',
  get_data: 'include/linux/pid.h',
  put_pid: 'kernel/pid.c',
  alloc_pid: 'kernel/pid.c',
  put_ns: 'kernel/nsproxy.c',
  alloc_ns: 'kernel/nsproxy.c',
};

/** Helpers of ours, and the kernel function that each is a part of. */
const PART_OF: Readonly<Record<string, string>> = {
  path_from_new_dentry: 'path_from_stashed',
  check_stashed: 'path_from_stashed',
  stashed_dentry_get: 'get_stashed_dentry',
  lock_for_kill_or_give_up: 'lock_for_kill',
  drop_reference_locked: 'fast_dput',
  keep_or_condemn: 'dput',
  dentry_kill: 'dput',
};

/** Bookkeeping of ours that no kernel has. */
const OURS = new Set(['hold', 'release', 'open_stashed', 'close_stashed', 'process']);

/**
 * The kernel's file and function for one of ours; null if the kernel has none.
 * @param file our file, from `src/` or `dist/` on
 */
export function kernelSourceOf(fn: string, file: string): { file: string; fn: string } | null {
  const inside = /(?:src|dist)\/(([a-z]+\/).*)\.[cm]?[jt]s$/.exec(file);
  if (OURS.has(fn)) return null;
  const name = PART_OF[fn] ?? fn;
  const known = BY_FUNCTION[name];
  if (known !== undefined) return { file: known, fn: name };
  if (inside === null) return null;
  const [, path, folder] = inside as unknown as [string, string, string];
  if (path.startsWith('scenario/catalogue/lessons/')) return null;
  const found = BY_FILE[`${path}.ts`] ?? BY_FILE[folder];
  return found === undefined ? null : { file: found, fn: name };
}
