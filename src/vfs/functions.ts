/** Every function of the kernel above the dcache by name: what is bound, and can be replaced. */

import { READ_ONCE, type Task } from '../machine/index.js';
import * as evict from './evict.js';
import * as file from './file.js';
import * as icache from './icache.js';
import * as inode from './inode.js';
import * as lru from './inode-lru.js';
import * as v6_9 from './inode-v6.9.js';
import * as libfs from './libfs.js';
import * as numbers from './numbers.js';
import * as nsfs from './nsfs.js';
import * as pidfs from './pidfs.js';
import * as stashed from './stashed.js';
import * as wait from './wait-bit.js';
import type { VfsKernel } from './kernel.js';

/** Drop an evicted inode's reference on the object behind it, if it got as far as having one. */
function* put_inode_data(k: VfsKernel, evicted: inode.Inode): Task<void> {
  const data = yield* READ_ONCE(evicted.i_private);
  if (data !== null)
    yield* evicted.i_sb.s_fs_info.put_data(k as never, data as stashed.StashedObject);
}

/** Every function of inodes and stashed dentries, by name. */
export const vfs_functions = {
  alloc_inode: inode.alloc_inode,
  new_inode_pseudo: inode.new_inode_pseudo,
  new_inode: inode.new_inode,
  inode_unhashed: inode.inode_unhashed,
  ihold: inode.ihold,
  __iget: inode.__iget,
  igrab_from_hash: inode.igrab_from_hash,
  igrab: inode.igrab,
  set_nlink: inode.set_nlink,
  inc_nlink: inode.inc_nlink,
  drop_nlink: inode.drop_nlink,
  clear_nlink: inode.clear_nlink,
  find_inode: icache.find_inode,
  find_inode_fast: icache.find_inode_fast,
  __wait_on_freeing_inode: icache.__wait_on_freeing_inode,
  wait_on_new_inode: icache.wait_on_new_inode,
  hash_inode: icache.hash_inode,
  iget_locked: icache.iget_locked,
  iget5_locked: icache.iget5_locked,
  inode_insert5: icache.inode_insert5,
  ilookup: icache.ilookup,
  ilookup5: icache.ilookup5,
  insert_inode_locked: icache.insert_inode_locked,
  insert_inode_hash: icache.insert_inode_hash,
  remove_inode_hash: icache.remove_inode_hash,
  unlock_new_inode: icache.unlock_new_inode,
  discard_new_inode: icache.discard_new_inode,
  __inode_add_lru: lru.__inode_add_lru,
  inode_lru_list_del: lru.inode_lru_list_del,
  inode_lru_isolate: lru.inode_lru_isolate,
  prune_icache_sb: lru.prune_icache_sb,
  dispose_inode: lru.dispose_inode,
  iput: evict.iput,
  inode_just_drop: evict.inode_just_drop,
  inode_generic_drop: evict.inode_generic_drop,
  iput_final: evict.iput_final,
  inode_sb_list_add: evict.inode_sb_list_add,
  inode_sb_list_del: evict.inode_sb_list_del,
  evict: evict.evict,
  clear_inode: evict.clear_inode,
  destroy_inode: evict.destroy_inode,
  evict_inodes: evict.evict_inodes,
  take_unused_inode: evict.take_unused_inode,
  generic_shutdown_super: evict.generic_shutdown_super,
  kill_anon_super: evict.kill_anon_super,
  shmem_kill_sb: evict.shmem_kill_sb,
  get_next_ino: numbers.get_next_ino,
  gen_cookie_next: numbers.gen_cookie_next,
  iunique: numbers.iunique,
  test_inode_iunique: numbers.test_inode_iunique,
  idr_alloc_cyclic: numbers.idr_alloc_cyclic,
  idr_remove: numbers.idr_remove,
  prepare_to_wait_bit: wait.prepare_to_wait_bit,
  schedule_and_finish_wait: wait.schedule_and_finish_wait,
  finish_wait_bit: wait.finish_wait_bit,
  wake_up_bit: wait.wake_up_bit,
  fill_inode: inode.fill_inode,
  put_inode_data,
  stashed_dentry_get: libfs.stashed_dentry_get,
  path_from_stashed: libfs.path_from_stashed,
  path_from_new_dentry: libfs.path_from_new_dentry,
  check_stashed: libfs.check_stashed,
  prepare_anon_dentry: libfs.prepare_anon_dentry,
  stash_dentry: libfs.stash_dentry,
  stashed_dentry_prune: libfs.stashed_dentry_prune,
  pidfs_init_inode: pidfs.pidfs_init_inode,
  pidfs_evict_inode: pidfs.pidfs_evict_inode,
  nsfs_init_inode: nsfs.nsfs_init_inode,
  nsfs_evict_inode: nsfs.nsfs_evict_inode,
  nsfs_put_data: nsfs.nsfs_put_data,
  alloc_pid: stashed.alloc_pid,
  alloc_ns: stashed.alloc_ns,
  get_data: stashed.get_data,
  put_pid: stashed.put_pid,
  put_ns: stashed.put_ns,
  open_stashed: file.open_stashed,
  get_stashed_path: file.get_stashed_path,
  close_stashed: file.close_stashed,
  hold: file.hold,
  release: file.release,
  ino_of: file.ino_of,
} as const;

/** What v6.9 did differently. */
export const vfs_functions_v6_9 = {
  find_inode: v6_9.find_inode,
  __wait_on_freeing_inode: v6_9.__wait_on_freeing_inode,
  insert_inode_locked: v6_9.insert_inode_locked,
  evict_inodes: v6_9.evict_inodes,
  shmem_kill_sb: evict.kill_litter_super,
} as const;
