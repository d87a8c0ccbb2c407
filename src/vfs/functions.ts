/** Every function of the kernel above the dcache by name: what is bound, and can be replaced. */

import { READ_ONCE, type Task } from '../machine/index.js';
import * as file from './file.js';
import * as inode from './inode.js';
import * as libfs from './libfs.js';
import * as nsfs from './nsfs.js';
import * as pidfs from './pidfs.js';
import * as stashed from './stashed.js';
import type { VfsKernel } from './kernel.js';

/** Drop an evicted inode's reference on the object behind it, if it got as far as having one. */
function* put_inode_data(k: VfsKernel, evicted: inode.Inode): Task<void> {
  const data = yield* READ_ONCE(evicted.i_private);
  if (data !== null) yield* evicted.i_sb.s_fs_info.put_data(k as never, data);
}

export const vfs_functions = {
  new_inode_pseudo: inode.new_inode_pseudo,
  ihold: inode.ihold,
  iput: inode.iput,
  iput_final: inode.iput_final,
  evict: inode.evict,
  clear_inode: inode.clear_inode,
  destroy_inode: inode.destroy_inode,
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
