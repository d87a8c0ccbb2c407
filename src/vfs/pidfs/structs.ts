/**
 * struct pid, and what is known of a process beyond its life.
 *
 * `attr` is null, then a record once anybody asked for a pidfd, or DEAD once the process was reaped
 * without. Invariant: it changes once. Mirrors include/linux/pid.h and fs/pidfs.c.
 */

import { E, ERR_PTR, Struct, type ErrPtr, type List, type Spinlock } from '../../machine/index.js';
import type { Namespace } from '../ns/structs.js';
import type { TaskStruct } from '../process/structs.js';
import { Pid, type Handles } from '../stashed.js';

/** What `attr` says of a process that was reaped before anybody had a pidfd. */
export const PIDFS_PID_DEAD = ERR_PTR(-E.ESRCH);

/** Bit of a record's mask: the exit information is there. */
export const PIDFS_ATTR_EXIT = 1;

/** What outlives a process, for those that have a pidfd. Mirrors struct pidfs_attr. */
export class PidfsAttr extends Struct {
  readonly mask = this.cell('attr_mask', 0);
  readonly exit_code = this.cell('exit_code', 0);
  readonly cgroupid = this.cell('cgroupid', 0);
  /** Names and values in a row. */
  readonly xattrs = this.cell<List<string> | null>('xattrs', null);

  constructor() {
    super('pidfs_attr');
  }
}

/** The identity of a task: a number in each process namespace from its own up. */
export class PidStruct extends Pid {
  /** The innermost process namespace. */
  readonly ns: Namespace;
  /** Namespace and number, outermost first; constant once the pid is in a table. */
  readonly numbers = this.cell<List<Namespace | number> | null>('numbers', null);
  /** wait_pidfd.lock: orders unhashing against who asks what the pid stands for. */
  readonly wait_pidfd: Spinlock = this.lockCell('wait_pidfd', 'wait_pidfd');
  /** The task, and the process that it leads; RCU. Null once unhashed. */
  readonly task_pid = this.cell<TaskStruct | null>('tasks[PID]', null);
  readonly task_tgid = this.cell<TaskStruct | null>('tasks[TGID]', null);
  readonly attr = this.cell<PidfsAttr | ErrPtr | null>('attr', null);

  constructor(handles: Handles, ns: Namespace) {
    super(handles);
    this.ns = ns;
  }
}
