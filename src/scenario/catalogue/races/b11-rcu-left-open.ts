/**
 * An error exit that leaves an RCU reader open.
 *
 * An ioctl of nsfs translates a process number under RCU. When there is no such process in the
 * caller's namespace it broke out of the switch without leaving the reader. It takes one call. The
 * reader never ends, so no later grace period does, and nothing is freed any more: in a checker the
 * effect is that every use after free disappears. What catches it is the task that returns inside a
 * reader, and the callback that can never run.
 */

import {
  branch,
  cover,
  E,
  READ_ONCE,
  Struct,
  WRITE_ONCE,
  type Cell,
  type Task,
} from '../../../machine/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { allocate } from './allocate.js';
import { smallRace } from './small-race.js';

const MISSING = branch('ns_ioctl', 'finds no process of this number');
const FOUND = branch('ns_ioctl', 'finds the process');

class TaskStruct extends Struct {
  readonly tgid = this.cell('tgid', 7);

  constructor() {
    super('task_struct');
  }
}

class PidTable extends Struct {
  readonly task: Cell<TaskStruct | null> = this.cell<TaskStruct | null>('task', null);

  constructor() {
    super('pid_table');
  }
}

/** Translate a process number; -ESRCH if there is none. Enters RCU. Source: fs/nsfs.c. */
function* ns_ioctl(k: VfsKernel, table: PidTable): Task<number> {
  yield* k.rcu_read_lock();
  const task = yield* k.rcu_dereference(table.task);
  if (task === null) {
    yield* cover(MISSING);
    yield* k.rcu_read_unlock();
    return -E.ESRCH;
  }
  yield* cover(FOUND);
  const tgid = yield* READ_ONCE(task.tgid);
  yield* k.rcu_read_unlock();
  return tgid;
}

const forgetful = function* ns_ioctl(k: VfsKernel, table: PidTable): Task<number> {
  yield* k.rcu_read_lock();
  const task = yield* k.rcu_dereference(table.task);
  if (task === null) {
    yield* cover(MISSING);
    return -E.ESRCH;
  }
  const tgid = yield* READ_ONCE(task.tgid);
  yield* k.rcu_read_unlock();
  return tgid;
};

/** The task is gone: nobody finds it any more, and its memory goes after a grace period. */
function* release_task(k: VfsKernel, table: PidTable): Task<void> {
  const task = yield* READ_ONCE(table.task);
  yield* WRITE_ONCE(table.task, null);
  if (task !== null) yield* k.kfree_rcu(task);
}

const own = { ns_ioctl, release_task };

export const b11 = smallRace({
  name: 'b11-rcu-left-open',
  title: 'an ioctl returns inside its RCU reader, and no grace period ends any more',
  history: {
    id: 'B11',
    year: 2024,
    identifiers: ['ca567df74a28', 'syzbot 784d0a1246a539975f05'],
    expect: 'WARNING: RCU read-side section left open at task exit',
    witness: { steps: 3, switches: 1 },
    about: [MISSING, FOUND],
    wrong: [MISSING],
  },
  own,
  buggy: { ns_ioctl: forgetful },
  objects: (machine) => {
    const table = machine.global(new PidTable(), 'pid_table');
    allocate(machine, () => new TaskStruct(), table.task);
    return table;
  },
  tasks: {
    *ioctl(k, table) {
      yield* k.ns_ioctl(table);
    },
    *exit(k, table) {
      yield* k.release_task(table);
    },
  },
});
