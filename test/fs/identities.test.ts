/**
 * Processes and namespaces under exploration: what a pidfd says while its process ends, what a handle
 * opens while its namespace goes, and programs that confuse a number with a process.
 */

import { describe, expect, test } from 'vitest';
import {
  CLONE,
  createKernel,
  E,
  FD_NSFS_ROOT,
  PIDFD_GET,
  PIDFD_INFO,
  SIG,
  type FileHandleAt,
} from 'dentrylab/fs';
import { explore, type Program } from '../../src/explore/index.js';
import {
  E as ERRNO,
  IS_ERR,
  Machine,
  READ_ONCE,
  smp_rmb,
  WARN,
  WRITE_ONCE,
  type KernelFunction,
  type List,
  type Task,
} from '../../src/machine/index.js';
import {
  create_fs_kernel,
  syscall_table,
  type FsKernel,
  type Namespace,
  type TaskStruct,
} from '../../src/vfs/index.js';

type Functions = Readonly<Record<string, KernelFunction>>;
type Calls = typeof syscall_table;

/** Tasks over a kernel, each with a process of its own, after what `set_up` does with process 1. */
function programOf(
  functions: Functions,
  set_up: (k: FsKernel, init: TaskStruct) => Task<TaskStruct[]>,
  ...bodies: ((k: FsKernel, task: TaskStruct) => Task<unknown>)[]
): Program {
  return {
    name: 'identities',
    branches: [],
    build(options) {
      const machine = new Machine(options);
      const k = create_fs_kernel(machine, { functions });
      const tasks = machine.boot(() => set_up(k, k.init_task.task!));
      for (const [i, body] of bodies.entries()) {
        machine.addTask({ name: 'ab'[i] }, function* () {
          yield* body(k, tasks[i]);
          return null;
        });
      }
      return { machine, atEnd: () => undefined };
    },
  };
}

const TABLE: Readonly<Record<string, unknown>> = syscall_table;
const call = (name: keyof Calls) =>
  TABLE[name] as (k: FsKernel, t: TaskStruct, ...args: unknown[]) => Task<unknown>;

describe('PIDFD_GET_INFO while its process is reaped', () => {
  /** A child that has ended, with a pidfd of it: one asks, the other reaps. */
  const race = (functions: Functions): Program =>
    programOf(
      functions,
      function* (k, init) {
        const child = (yield* k.copy_process(init, false)) as TaskStruct;
        yield* call('pidfdOpen')(k, init, 2);
        yield* k.do_exit(child, 7 << 8);
        return [init, init];
      },
      function* (k, init) {
        const told = yield* k.sys_pidfd_info(init, 0, PIDFD_INFO.EXIT, 64);
        if (typeof told === 'number') {
          yield* WARN(`asked how it ended, told ${told}`);
          return;
        }
        const [mask, , pid, , , , , code] = told.items;
        const alive = (mask & PIDFD_INFO.CREDS) !== 0;
        if (alive ? pid !== 2 : code !== 7 << 8) yield* WARN('told something else');
      },
      function* (k, init) {
        yield* k.sys_wait4(init, 2, 0);
      },
    );

  test('holds: it is there, or how it ended is known', () => {
    const { verdict, complete, bugs } = explore(race({}), { minimise: false });
    expect(bugs.map(({ title }) => title)).toEqual([]);
    expect([verdict, complete]).toEqual(['HOLDS', true]);
  });

  test('known bad: looking for the record before looking for the task', () => {
    const functions = {
      *get_pid_task(k: FsKernel, pid: never): Task<TaskStruct | null> {
        // What pidfd_get_info() would find: it decides by this look.
        const { attr, task_pid } = pid as { attr: never; task_pid: never };
        const record = yield* READ_ONCE<unknown>(attr);
        const mask = (record as { mask: never }).mask;
        const ended = ((yield* READ_ONCE<number>(mask)) & 1) !== 0;
        yield* k.rcu_read_lock();
        const task = yield* READ_ONCE<TaskStruct | null>(task_pid);
        yield* k.rcu_read_unlock();
        yield* WRITE_ONCE(k.clock.now, ended ? 1 : 0);
        return task;
      },
      *pidfd_exit_info(k: FsKernel, ...args: unknown[]): Task<List<number> | null> {
        if ((yield* READ_ONCE(k.clock.now)) === 0) return null;
        const [, , mask] = args as [unknown, number, number];
        return k.list<number>([mask | PIDFD_INFO.EXIT, 1, 0, 0, 0, 0, 0, 7 << 8, 0]);
      },
    } as unknown as Functions;
    const { verdict, bugs } = explore(race(functions), { minimise: false });
    expect(verdict).toBe('VIOLATED');
    expect(bugs.map(({ title }) => title).join()).toContain(`told -${ERRNO.ESRCH}`);
  });

  test('known bad: the record is written after the task is unhashed', () => {
    const functions = {
      *pidfs_exit(): Task<void> {
        yield* [];
      },
      *exit_cred_namespaces(k: FsKernel, task: TaskStruct): Task<void> {
        const attr = yield* READ_ONCE((yield* READ_ONCE(task.thread_pid))!.attr);
        if (attr === null || IS_ERR(attr)) return;
        yield* WRITE_ONCE(attr.exit_code, yield* k.exit_code_of(task));
        yield* WRITE_ONCE(attr.mask, 1);
        yield* smp_rmb();
      },
    } as unknown as Functions;
    const { verdict, bugs } = explore(race(functions), { minimise: false });
    expect(verdict).toBe('VIOLATED');
    expect(bugs.map(({ title }) => title).join()).toContain(`told -${ERRNO.ESRCH}`);
  });
});

describe('open_by_handle_at while the last user of a namespace goes', () => {
  /** The only file of a namespace: one closes it, the other opens its handle, and looks at it. */
  const race = (functions: Functions): Program =>
    programOf(
      functions,
      function* (k, init) {
        const child = (yield* k.copy_process(init, false, CLONE.NEWNET)) as TaskStruct;
        yield* call('pidfdOpen')(k, init, 2);
        yield* call('ioctl')(k, init, 0, PIDFD_GET.NET_NAMESPACE);
        const other = (yield* k.copy_process(init, false)) as TaskStruct;
        yield* call('close')(k, other, 1);
        yield* k.do_exit(child, 0);
        yield* k.sys_wait4(init, 2, 0);
        return [other, init];
      },
      function* (k, task) {
        const named: FileHandleAt = { type: 0xf1, id: 10, ns_type: 0, inum: 0 };
        const fd = (yield* call('openByHandleAt')(k, task, FD_NSFS_ROOT, named)) as number;
        if (fd < 0) {
          if (fd !== -ERRNO.ESTALE) yield* WARN(`told ${fd}`);
          return;
        }
        const id = yield* call('ioctl')(k, task, fd, 0xb70d);
        if (id !== 10) yield* WARN(`another namespace: ${String(id)}`);
        yield* call('close')(k, task, fd);
      },
      function* (k, init) {
        yield* call('close')(k, init, 1);
      },
    );

  const OPTIONS = { minimise: false } as const;

  test('holds: that namespace, or none', () => {
    const { verdict, complete, bugs } = explore(race({}), OPTIONS);
    expect(bugs.map(({ title, detail }) => `${title}: ${detail}`)).toEqual([]);
    expect([verdict, complete]).toEqual(['HOLDS', true]);
  });

  test('known bad: a reference without looking whether there is one to add to', () => {
    const functions = {
      *ns_get_unless_inactive(k: FsKernel, ns: Namespace): Task<boolean> {
        yield* k.get_data(ns);
        return true;
      },
    } as unknown as Functions;
    const { verdict, bugs } = explore(race(functions), OPTIONS);
    expect(verdict).toBe('VIOLATED');
    expect(bugs.length).toBeGreaterThan(0);
  });
});

describe('a number is not a process', () => {
  /** A supervisor that restarts its worker; a stale number or descriptor may name another one. */
  function supervisor(by: 'number' | 'pidfd'): ReturnType<typeof createKernel> {
    const k = createKernel({ pidMax: 4 });
    k.spawn('supervisor', function* (sys) {
      const worker = (yield* sys.clone()) as number;
      const pidfd = yield* sys.pidfdOpen(worker);
      yield* sys.kill(worker, SIG.KILL);
      yield* sys.wait4(worker);
      // Somebody else is started, and may get the number.
      yield* sys.clone();
      yield* sys.clone();
      const answer =
        by === 'number'
          ? yield* sys.kill(worker, SIG.TERM)
          : yield* sys.pidfdSendSignal(pidfd, SIG.TERM);
      if (answer === 0) throw new Error('a stranger was killed');
      return answer === -E.ESRCH ? 'the worker is gone' : answer;
    });
    k.spawn('other', function* (sys) {
      return yield* sys.getpid();
    });
    return k;
  }

  test('by number a stranger is killed', async () => {
    const { verdict, bugs } = await supervisor('number').explore();
    expect(verdict).toBe('VIOLATED');
    expect(bugs[0].title).toContain('a stranger was killed');
  });

  test('by pidfd nobody is', async () => {
    const { verdict, outcomes } = await supervisor('pidfd').explore();
    expect(verdict).toBe('HOLDS');
    expect(outcomes['supervisor: "the worker is gone"']).toBe('always');
  });

  test('a program that is killed makes no call any more, and can be waited for', async () => {
    const k = createKernel({ files: { '/f': '' } });
    k.spawn('victim', function* (sys) {
      yield* sys.stat('/f');
      yield* sys.unlink('/f');
      return 'lived';
    });
    k.spawn('killer', function* (sys) {
      yield* sys.kill(2, SIG.KILL);
      const before = yield* sys.stat('/f');
      yield* sys.getpid();
      const after = yield* sys.stat('/f');
      return (typeof before === 'number') === (typeof after === 'number') ? 'quiet' : 'a ghost';
    });
    const { verdict, outcomes } = await k.explore();
    expect(verdict).toBe('HOLDS');
    expect(outcomes['killer: "quiet"']).toBe('always');
    expect(outcomes['victim: "lived"']).toBe('sometimes');
  });

  test('access by access, a program cannot be killed in the middle of a call', async () => {
    const k = createKernel();
    k.spawn('victim', function* (sys) {
      yield* sys.getpid();
    });
    k.spawn('killer', function* (sys) {
      yield* sys.kill(2, SIG.KILL);
    });
    await expect(async () => k.explore({ granularity: 'access' })).rejects.toThrow(/call by call/);
  });

  test('poll waits until a process ends', async () => {
    const k = createKernel();
    k.spawn('child', function* (sys) {
      yield* sys.exitGroup(3);
    });
    k.spawn('parent', function* (sys) {
      const fd = yield* sys.pidfdOpen(2);
      const [events] = yield* sys.poll([fd]);
      const told = yield* sys.pidfdInfo(fd);
      return [events, typeof told];
    });
    const { verdict, outcomes } = await k.explore();
    expect(verdict).toBe('HOLDS');
    expect(outcomes['parent: [1,"object"]']).toBe('always');
  });
});
