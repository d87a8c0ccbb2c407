/** Numbers of processes and namespaces: which come back, which never do, and what versions differ in. */

import { describe, expect, test } from 'vitest';
import {
  AT,
  CLONE,
  createKernel,
  E,
  NS,
  O,
  PIDFD,
  PIDFD_GET,
  POLL,
  SIG,
  type FileStat,
  type Process,
} from 'dentrylab/fs';
import { Machine, write, type Task } from '../../src/machine/index.js';
import { create_fs_kernel, syscall_table, type TaskStruct } from '../../src/vfs/index.js';

const stat = (process: Process, fd: number): FileStat => process.fstatSync(fd) as FileStat;

/** The number of a process in pidfs, with nothing left open. */
function ino_of(process: Process, pid: number): number {
  const fd = process.pidfdOpenSync(pid);
  const { ino } = stat(process, fd);
  process.closeSync(fd);
  return ino;
}

/** End a child and reap it. */
function reap(init: Process, pid: number): void {
  expect(init.killSync(pid, SIG.KILL)).toBe(0);
  expect(init.wait4Sync(pid)).toEqual([pid, SIG.KILL]);
}

describe('numbers of processes in pidfs', () => {
  test.each(['v6.9', 'v7.3'] as const)('%s: one for life, and never again', (version) => {
    const { init } = createKernel({ version, pidMax: 2 });
    const first = init.cloneSync() as number;
    const number = ino_of(init, first);
    expect(ino_of(init, first)).toBe(number);
    reap(init, first);
    // The process number comes back at once, the number of its file does not.
    expect(init.cloneSync()).toBe(first);
    expect(ino_of(init, first)).not.toBe(number);
  });

  test('v6.9 counts up from the reserved process numbers, v7.3 from 1', () => {
    expect(ino_of(createKernel({ version: 'v6.9' }).init, 1)).toBe(301);
    expect(ino_of(createKernel({ version: 'v7.3' }).init, 1)).toBe(1);
  });

  test('v6.9 on 32 bit: the lowest free one for each opening', () => {
    const { init } = createKernel({ version: 'v6.9', wordSize: 32 });
    const [a, b] = [init.cloneSync() as number, init.cloneSync() as number];
    expect([ino_of(init, a), ino_of(init, b)]).toEqual([301, 301]);
    const held = init.pidfdOpenSync(a);
    // One process, two numbers, one after the other.
    expect(ino_of(init, b)).toBe(302);
    init.closeSync(held);
    expect(ino_of(init, b)).toBe(301);
  });

  test('v7.3: each CPU has numbers of its own, so they are in no order', () => {
    const machine = new Machine();
    const k = create_fs_kernel(machine);
    const init = k.init_task.task!;
    const numbers: number[] = [];
    for (const name of ['a', 'b']) {
      machine.addTask({ name }, function* (): Task<null> {
        const child = (yield* k.copy_process(init, false)) as TaskStruct;
        numbers.push(child.thread_pid.value!.ino.value);
        return null;
      });
    }
    for (let next = machine.tasks.at(-1); next !== undefined;) {
      machine.step(next);
      next = machine.tasks.toReversed().find((task) => machine.enabled(task));
    }
    expect(numbers).toEqual([4097, 2]);
  });

  test('v7.3 on 32 bit: the low half, and the generation tells repeated ones apart', () => {
    const machine = new Machine();
    const k = create_fs_kernel(machine, { wordSize: 32 });
    const init = k.init_task.task!;
    const told = machine.boot(function* () {
      const child = (yield* k.copy_process(init, false)) as TaskStruct;
      yield* write(child.thread_pid.value!.ino, 3 * 2 ** 32 + 7);
      const fd = yield* k.sys_pidfd_open(init, 2, 0);
      return [
        yield* syscall_table.fstat(k, init, fd),
        yield* syscall_table.ioctl(k, init, fd, 0x7601),
      ] as const;
    });
    expect(told).toEqual([expect.objectContaining({ ino: 7, generation: 3 }), 3]);
  });
});

describe('numbers of namespaces', () => {
  const open = (init: Process, pid: number): number => {
    const pidfd = init.pidfdOpenSync(pid);
    const fd = init.ioctlSync(pidfd, PIDFD_GET.NET_NAMESPACE);
    init.closeSync(pidfd);
    return fd;
  };

  test('the number comes back with the next namespace, the id never does', () => {
    const { init } = createKernel();
    const made = [0, 1].map(() => {
      const pid = init.cloneSync(CLONE.NEWNET) as number;
      const fd = open(init, pid);
      const of = { ino: stat(init, fd).ino, id: init.ioctlSync(fd, NS.GET_ID) };
      init.closeSync(fd);
      reap(init, pid);
      return of;
    });
    expect(made).toEqual([
      { ino: 0xf0000000, id: 10 },
      { ino: 0xf0000000, id: 11 },
    ]);
  });

  test('an open file keeps the number', () => {
    const { init } = createKernel();
    const pid = init.cloneSync(CLONE.NEWNET) as number;
    const fd = open(init, pid);
    reap(init, pid);
    const other = open(init, init.cloneSync(CLONE.NEWNET) as number);
    expect(stat(init, other).ino).toBe(0xf0000001);
    expect(stat(init, fd).ino).toBe(0xf0000000);
  });

  test('v6.9 had fixed numbers for fewer of the first ones', () => {
    for (const [version, fixed] of [
      ['v6.9', false],
      ['v7.3', true],
    ] as const) {
      const { init } = createKernel({ version, files: { '/proc/': '' } });
      init.mountProcSync('/proc');
      const ino = (name: string): number =>
        (init.statSync(`/proc/self/ns/${name}`) as FileStat).ino;
      expect(ino('net') < 0xf0000000).toBe(fixed);
      expect(ino('uts')).toBe(0xeffffffe);
    }
  });
});

describe('what versions differ in', () => {
  /** A process with a thread. */
  function group(version: 'v6.9' | 'v7.3'): { init: Process; leader: Process; tid: number } {
    const { init } = createKernel({ version });
    const leader = init.forkSync();
    return { init, leader, tid: leader.threadSync().gettidSync() };
  }

  test.each([
    ['v6.9', -E.EINVAL, 0o100700, POLL.IN, -E.ENOTTY, -E.EOPNOTSUPP, 'pidfd:[302]'],
    ['v7.3', -E.ENOENT, 0o700, 0, 1, 'a handle', 'anon_inode:[pidfd]'],
  ] as const)('%s', (version, thread, mode, early, ioctl, named, link) => {
    const { init, leader, tid } = group(version);
    expect(init.pidfdOpenSync(tid)).toBe(thread);
    const fd = init.pidfdOpenSync(2, PIDFD.THREAD);
    expect(stat(init, fd).mode).toBe(mode);
    leader.exitSync(0);
    expect(init.pollSync([fd], 0)).toEqual([early]);
    const uts = init.ioctlSync(init.pidfdOpenSync(1), PIDFD_GET.UTS_NAMESPACE);
    expect(Math.min(uts, 1)).toBe(ioctl);
    const handle = init.nameToHandleAtSync(fd, '', AT.EMPTY_PATH);
    expect(typeof handle === 'object' ? 'a handle' : handle).toBe(named);
    init.mkdirSync('/proc');
    init.mountProcSync('/proc');
    expect(init.readlinkSync(`/proc/self/fd/${fd}`)).toBe(link);
  });

  test('the same in both: flags, numbers, and what is refused', () => {
    for (const version of ['v6.9', 'v7.3'] as const) {
      const { init } = createKernel({ version, maxFiles: 2 });
      expect(init.pidfdOpenSync(0)).toBe(-E.EINVAL);
      expect(init.pidfdOpenSync(1, O.TRUNC)).toBe(-E.EINVAL);
      expect(init.pidfdOpenSync(99)).toBe(-E.ESRCH);
      const fd = init.pidfdOpenSync(1);
      expect(init.fchmodSync(fd, 0o777)).toBe(-E.EOPNOTSUPP);
      expect(init.readSync(fd)).toBe(-E.EINVAL);
      expect(init.pidfdOpenSync(1)).toBe(1);
      expect(init.pidfdOpenSync(1)).toBe(-E.ENFILE);
      init.closeSync(1);
      init.setrlimitNofileSync(1);
      expect(init.pidfdOpenSync(1)).toBe(-E.EMFILE);
    }
  });

  test('a process outside of one’s own namespaces: EREMOTE', () => {
    const { init } = createKernel();
    const fd = init.pidfdOpenSync(1);
    const inside = init.forkSync(CLONE.NEWPID);
    expect(inside.getpidSync()).toBe(1);
    expect(inside.pidfdInfoSync(fd)).toBe(-E.EREMOTE);
    expect(inside.pidfdSendSignalSync(fd, 0)).toBe(-E.EINVAL);
  });
});

describe('process namespaces', () => {
  test('when the first process ends, all do, and there will be no more', () => {
    const { init } = createKernel();
    const first = init.forkSync(CLONE.NEWPID);
    const second = first.forkSync();
    expect([first.getpidSync(), second.getpidSync(), second.getppidSync()]).toEqual([1, 2, 1]);
    const fd = init.pidfdOpenSync(2);
    const other = init.pidfdOpenSync(3);
    expect(init.setnsSync(fd, CLONE.NEWPID)).toBe(0);
    expect(init.killSync(2, SIG.KILL)).toBe(0);
    expect(init.pollSync([other], 0)).toEqual([POLL.IN | POLL.HUP]);
    expect(init.cloneSync()).toBe(-E.ENOMEM);
  });

  test('orphans go to the first process of their namespace', () => {
    const { init } = createKernel();
    const first = init.forkSync(CLONE.NEWPID);
    const middle = first.forkSync();
    const last = middle.forkSync();
    middle.exitSync(0);
    expect(last.getppidSync()).toBe(1);
    expect(first.wait4Sync()).toEqual([2, 0]);
  });
});
