/**
 * Inodes of procfs: made by each look-up, for one use, so that nothing in them can be out of date.
 * Mirrors fs/proc/internal.h.
 */

import { E } from '../../machine/index.js';
import { DCACHE } from '../../dcache/index.js';
import type { FsKernel } from '../fs-kernel.js';
import type { Inode } from '../inode.js';
import type { Namespace } from '../ns/structs.js';
import type { PidStruct } from '../pidfs/structs.js';
import { FsInode, FsSuper } from '../tmpfs/structs.js';
import type { SuperBlock, SuperOperations } from '../super.js';

/** What an inode of procfs is. */
export type ProcWhat =
  'root' | 'self' | 'pid' | 'ns' | 'ns-link' | 'fd' | 'fd-link' | 'fdinfo' | 'text';

export class ProcInode extends FsInode {
  readonly what: ProcWhat;
  /** The process that it is about; the inode holds a reference. */
  readonly pid = this.cell<PidStruct | null>('pid', null);
  /** A descriptor's number, or the place of a type of namespace in a list. */
  readonly number: number;

  constructor(sb: SuperBlock, what: ProcWhat, number: number) {
    super(sb);
    this.what = what;
    this.number = number;
  }
}

const proc_sops: SuperOperations = {
  evict_inode: (k: FsKernel, inode: Inode) => k.proc_evict_inode(inode as ProcInode),
};

/** One mounted procfs: it shows the processes of one namespace. */
export class ProcSuper extends FsSuper {
  readonly viewer: Namespace;

  constructor(viewer: Namespace, dev: number) {
    super(
      'proc',
      { s_op: proc_sops, s_d_op: {}, s_d_flags: DCACHE.DONTCACHE, s_fs_info: null as never },
      { dev, blocks: 0, inodes: 0, reuseIno: false },
      { immutable: true, setattr: -E.EPERM },
    );
    this.viewer = viewer;
  }
}
