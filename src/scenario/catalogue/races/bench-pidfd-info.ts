/**
 * An early return that keeps a reference.
 *
 * An ioctl on a pidfd takes a reference on the task, to ask it for this and that. If the task has no
 * credentials to show any more, the call gives up with an error, and did so without giving the task
 * back; its memory was never freed. One call is enough, on a task that is just going; there is nothing
 * wrong with any other order. The repair has the compiler drop the reference at every exit.
 */

import {
  atomic_fetch_add,
  branch,
  cover,
  E,
  READ_ONCE,
  Struct,
  WRITE_ONCE,
  type Task,
} from '../../../machine/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { allocate } from './allocate.js';
import { smallRace } from './small-race.js';

const TELLS = branch('pidfd_info', 'tells about the task');
const GIVES_UP = branch('pidfd_info', 'finds no credentials and gives up');

class TaskStruct extends Struct {
  readonly usage = this.cell('usage', 1);
  readonly real_cred = this.cell('real_cred', true);

  constructor() {
    super('task_struct');
  }
}

function* put_task_struct(task: TaskStruct): Task<void> {
  yield* atomic_fetch_add(task.usage, -1);
}

/** Answer PIDFD_GET_INFO. Source: fs/pidfs.c. */
function* pidfd_info(_k: VfsKernel, task: TaskStruct): Task<number> {
  yield* atomic_fetch_add(task.usage, 1);
  if (!(yield* READ_ONCE(task.real_cred))) {
    yield* cover(GIVES_UP);
    yield* put_task_struct(task);
    return -E.ESRCH;
  }
  yield* cover(TELLS);
  yield* put_task_struct(task);
  return 0;
}

const keeps_it = function* pidfd_info(_k: VfsKernel, task: TaskStruct): Task<number> {
  yield* atomic_fetch_add(task.usage, 1);
  if (!(yield* READ_ONCE(task.real_cred))) {
    yield* cover(GIVES_UP);
    return -E.ESRCH;
  }
  yield* cover(TELLS);
  yield* put_task_struct(task);
  return 0;
};

const BALANCE = 'each reference on a task is given back';

export const pidfd_info_leak = smallRace({
  name: 'bench-pidfd-info',
  title: 'an ioctl gives up on a task that is going, and keeps it',
  history: {
    id: 'PIDFDINFO',
    year: 2025,
    identifiers: ['0b2d71a7c826'],
    expect: 'invariant: each reference on a task is given back',
    witness: { steps: 3, switches: 1 },
    about: [TELLS, GIVES_UP],
  },
  own: { pidfd_info },
  buggy: { pidfd_info: keeps_it },
  objects: (machine) => allocate(machine, () => new TaskStruct()),
  tasks: {
    *ioctl(k, task) {
      yield* k.pidfd_info(task);
    },
    *exit(_k, task) {
      yield* WRITE_ONCE(task.real_cred, false);
    },
  },
  atRest: ({ usage }) =>
    usage.value === 1 ? [] : [{ name: BALANCE, detail: `its count is ${usage.value}` }],
  checks: [BALANCE],
});
