/**
 * Inodes of filesystems with names, and what a filesystem does with them.
 *
 * i_rwsem of a directory orders everything that changes its names; i_lock protects i_nlink and the
 * times. Contents and size change under i_rwsem of the file. Mirrors include/linux/fs.h and
 * include/linux/shmem_fs.h.
 */

import {
  atomic_fetch_add,
  await_until,
  cmpxchg,
  might_sleep,
  smp_store_release,
  type Cell,
  type List,
  type Task,
} from '../../machine/index.js';
import type { Dentry, DentrySuper } from '../../dcache/index.js';
import type { Pages, Xa } from '../platform/index.js';
import type { Namespace } from '../ns/structs.js';
import type { File, TaskStruct } from '../process/structs.js';
import { Inode } from '../inode.js';
import { SuperBlock } from '../super.js';

/** A sleeping lock: 0 free, -1 held by a writer, n held by n readers. */
export type Rwsem = Cell<number>;

export class FsInode extends Inode {
  readonly i_rwsem: Rwsem = this.cell('i_rwsem', 0);
  readonly i_size = this.cell('i_size', 0);
  readonly i_uid = this.cell('i_uid', 0);
  readonly i_gid = this.cell('i_gid', 0);
  /** Milliseconds of the virtual clock. */
  readonly i_atime = this.cell('i_atime', 0);
  readonly i_mtime = this.cell('i_mtime', 0);
  readonly i_ctime = this.cell('i_ctime', 0);
  readonly i_btime = this.cell('i_btime', 0);
  readonly i_pages: Cell<Pages | null> = this.cell<Pages | null>('i_pages', null);
  /** Pages that count against the size of the filesystem. */
  readonly i_blocks = this.cell('i_blocks', 0);
  /** Target of a symbolic link. */
  readonly i_link = this.cell<string | null>('i_link', null);
  /** Names of a directory by place in it, and the place of the next one. */
  readonly i_names: Cell<Xa<Dentry> | null> = this.cell<Xa<Dentry> | null>('i_names', null);
  readonly i_next_offset = this.cell('i_next_offset', 3);
  /** A directory that was removed: nothing may be made in it. */
  readonly i_dead = this.cell('i_dead', false);

  constructor(sb: SuperBlock) {
    super(sb, true);
  }
}

/** What a filesystem with names is made of. */
export interface FsOperations {
  /** Called when the last reference on an open file description goes. May sleep. */
  readonly release?: (k: never, inode: Inode, file: File) => Task<void>;
  /** ioctl(2); without, -ENOTTY. */
  readonly ioctl?: (
    k: never,
    task: TaskStruct,
    file: File,
    command: number,
    arg: number,
  ) => Task<number>;
  /** The events of a file now; without, it can be read and written. */
  readonly poll?: (k: never, file: File) => Task<number>;
  /** What fdinfo says beyond what it says of every file. */
  readonly show_fdinfo?: (k: never, viewer: Namespace, file: File) => Task<string>;
  /** What every change of attributes is answered, by negative errno. */
  readonly setattr?: number;
  /** What reading, writing and seeking are answered, by negative errno: there are no data. */
  readonly no_data?: boolean;
  /** stat(2) tells no file type. */
  readonly typeless?: boolean;
  /** Nobody may write: -EPERM. */
  readonly immutable?: boolean;
}

const NO_OPERATIONS: FsOperations = {};

export class FsSuper extends SuperBlock {
  readonly s_blocks_max: number;
  readonly s_inodes_max: number;
  readonly s_reuse_ino: boolean;
  /** What its files can do beyond being read and written. */
  readonly s_fop: FsOperations;
  readonly s_dev: number;
  readonly s_blocks_used = this.cell('s_blocks_used', 0);
  readonly s_inodes_used = this.cell('s_inodes_used', 0);
  readonly s_last_ino = this.cell('s_last_ino', 0);
  /** Numbers of inodes that are gone, newest last; handed out again if reuse is on. */
  readonly s_free_inos = this.cell<List<number> | null>('s_free_inos', null);
  readonly s_generation = this.cell('s_generation', 0);
  /** Mounts of it; the last one that goes takes it along. */
  readonly s_active = this.cell('s_active', 1);

  constructor(
    type: string,
    base: Pick<SuperBlock, 's_op' | 's_d_op' | 's_d_flags' | 's_fs_info'>,
    limits: { dev: number; blocks: number; inodes: number; reuseIno: boolean },
    operations: FsOperations = NO_OPERATIONS,
  ) {
    super(type, base.s_op, base.s_d_op, base.s_d_flags, base.s_fs_info);
    this.s_fop = operations;
    this.s_dev = limits.dev;
    this.s_blocks_max = limits.blocks;
    this.s_inodes_max = limits.inodes;
    this.s_reuse_ino = limits.reuseIno;
  }
}

/** The filesystem of a dentry. */
export function super_of(dentry: { readonly d_sb: DentrySuper }): FsSuper {
  return dentry.d_sb as FsSuper;
}

/** Take for writing. Sleeps. Source: kernel/locking/rwsem.c. */
export function* down_write(sem: Rwsem): Task<void> {
  yield* might_sleep('down_write');
  while ((yield* cmpxchg(sem, 0, -1)) !== 0) yield* await_until(sem, (value) => value === 0);
}

/** Take for reading: with others who do, without writers. Sleeps. Source: kernel/locking/rwsem.c. */
export function* down_read(sem: Rwsem): Task<void> {
  yield* might_sleep('down_read');
  for (;;) {
    const readers = yield* await_until(sem, (value) => value >= 0);
    if ((yield* cmpxchg(sem, readers, readers + 1)) === readers) return;
  }
}

/** Release what down_read took. */
export function* up_read(sem: Rwsem): Task<void> {
  yield* atomic_fetch_add(sem, -1);
}

/** Release what down_write took. */
export function* up_write(sem: Rwsem): Task<void> {
  yield* smp_store_release(sem, 0);
}
