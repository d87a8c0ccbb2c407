/**
 * Processes: tasks, what they share with their threads, and the files they have open.
 *
 * Invariant: a task is in the table of numbers from fork until it is reaped, and its number is not
 * given out again before. Mirrors include/linux/sched.h, fdtable.h, fs_struct.h and cred.h.
 */

import { Struct, type Cell, type List, type Spinlock } from '../../machine/index.js';
import type { Dentry } from '../../dcache/index.js';
import type { Inode } from '../inode.js';
import type { Xa } from '../platform/index.js';
import type { Namespace, NsProxy } from '../ns/structs.js';
import type { PidStruct } from '../pidfs/structs.js';
import type { Mount } from '../walk/mount.js';

/** An open file description. Its memory is type-stable: see fget. Mirrors struct file. */
export class File extends Struct {
  /** Zero for a file that is dead; a reader may still look at it then. */
  readonly f_count = this.cell('f_count', 0);
  /** Position, flags and mode; f_pos_lock keeps reads and writes of one description apart. */
  readonly f_pos = this.cell('f_pos', 0);
  readonly f_flags = this.cell('f_flags', 0);
  readonly f_pos_lock = this.cell('f_pos_lock', 0);
  readonly f_dentry = this.cell<Dentry | null>('f_dentry', null);
  readonly f_mnt = this.cell<Mount | null>('f_mnt', null);
  readonly f_inode = this.cell<Inode | null>('f_inode', null);

  constructor() {
    super('file');
  }
}

/** A table of descriptors, shared by threads. Readers are under RCU. Mirrors struct files_struct. */
export class FilesStruct extends Struct {
  readonly count = this.cell('count', 1);
  readonly file_lock: Spinlock = this.lockCell('file_lock', 'file_lock');
  // file_lock protects these for writing:
  readonly fd: Cell<Xa<File> | null> = this.cell<Xa<File> | null>('fd', null);
  /** Descriptors that are handed out: those in `fd` and those that an open is about to fill. */
  readonly open_fds: Cell<Xa<number> | null> = this.cell<Xa<number> | null>('open_fds', null);
  readonly close_on_exec: Cell<Xa<number> | null> = this.cell<Xa<number> | null>(
    'close_on_exec',
    null,
  );
  /** No descriptor below this one is free. */
  readonly next_fd = this.cell('next_fd', 0);

  constructor() {
    super('files');
  }
}

/** Where a process is in the tree. Mirrors struct fs_struct. */
export class FsStruct extends Struct {
  readonly count = this.cell('count', 1);
  readonly lock: Spinlock = this.lockCell('lock', 'fs_lock');
  readonly umask = this.cell('umask', 0o022);
  readonly root = this.cell<Dentry | null>('root', null);
  readonly root_mnt = this.cell<Mount | null>('root_mnt', null);
  readonly pwd = this.cell<Dentry | null>('pwd', null);
  readonly pwd_mnt = this.cell<Mount | null>('pwd_mnt', null);

  constructor() {
    super('fs');
  }
}

/** Values of exit_state. */
export const EXIT = { running: 0, zombie: 1, dead: 2 } as const;

/** One thread. Mirrors struct task_struct. */
export class TaskStruct extends Struct {
  readonly pid = this.cell('pid', 0);
  readonly tgid = this.cell('tgid', 0);
  readonly real_parent = this.cell<TaskStruct | null>('real_parent', null);
  readonly group_leader = this.cell<TaskStruct | null>('group_leader', null);
  /** tasklist_lock protects the lists and the states of all tasks. */
  readonly children = this.cell<List<TaskStruct> | null>('children', null);
  readonly threads = this.cell<List<TaskStruct> | null>('threads', null);
  readonly exit_state = this.cell<number>('exit_state', EXIT.running);
  readonly exit_code = this.cell('exit_code', 0);
  readonly files = this.cell<FilesStruct | null>('files', null);
  readonly fs = this.cell<FsStruct | null>('fs', null);
  readonly uid = this.cell('uid', 0);
  readonly gid = this.cell('gid', 0);
  /** Supplementary groups. */
  readonly groups = this.cell<List<number> | null>('groups', null);
  /** Of the credentials: the user namespace, and whether the task is the superuser in it. */
  readonly user_ns = this.cell<Namespace | null>('user_ns', null);
  readonly caps = this.cell('caps', false);
  /** The task's identity; null once it is unhashed. */
  readonly thread_pid = this.cell<PidStruct | null>('thread_pid', null);
  /** Orders changes of `nsproxy` against who looks from outside. */
  readonly alloc_lock: Spinlock = this.lockCell('alloc_lock', 'alloc_lock');
  readonly nsproxy = this.cell<NsProxy | null>('nsproxy', null);
  // Of a process, in its leader; tasklist_lock protects these:
  /** What ended the whole group, as wait(2) reports it; -1 if nothing did. */
  readonly group_exit_code = this.cell('group_exit_code', -1);
  /** The signal that stopped it, 0 if it runs; and what of that wait(2) has not told yet. */
  readonly stopped = this.cell('stopped', 0);
  readonly untold = this.cell<'' | 'stopped' | 'continued'>('untold', '');
  /** Not to be looked into by others of the same user. */
  readonly dumpable = this.cell('dumpable', true);
  readonly rlimit_nofile = this.cell('rlimit_nofile', 1024);

  constructor() {
    super('task_struct');
  }
}
