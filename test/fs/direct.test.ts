/** The direct build and the simulated machine are one kernel: they answer every call alike. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { boot_direct, copy_process, direct_calls, init_of } from '../../src/fs/direct.js';
import { Machine, type Task } from '../../src/machine/index.js';
import {
  CLONE,
  create_fs_kernel,
  FS_IOC_GETVERSION,
  NS,
  O,
  PIDFD_GET,
  PIDFD_GET_INFO,
  syscall_table,
  type FsKernel,
  type FsOptions,
  type TaskStruct,
} from '../../src/vfs/index.js';

/** A call by the process of this number: `fork` makes another one, `exit` ends it if it is not the first. */
type Call = readonly [process: number, name: keyof typeof syscall_table | 'fork', ...unknown[]];

const names = ['a', 'b', 'dir', 'x'.repeat(50)];
const component = fc.constantFrom(...names, '.', '..', '');
const path = fc
  .tuple(fc.boolean(), fc.array(component, { minLength: 1, maxLength: 4 }))
  .map(([absolute, parts]) => (absolute ? '/' : '') + parts.join('/'));
const fd = fc.integer({ min: -1, max: 6 });
const size = fc.constantFrom(0, 1, 5, 4095, 4096, 4097, 9000);
const flags = fc
  .tuple(
    fc.constantFrom(O.RDONLY, O.WRONLY, O.RDWR),
    fc.subarray([O.CREAT, O.EXCL, O.TRUNC, O.APPEND, O.DIRECTORY, O.NOFOLLOW, O.CLOEXEC, O.PATH]),
    fc.boolean(),
  )
  .map(([mode, bits, create]) => bits.reduce((all, bit) => all | bit, mode | (create ? 0o100 : 0)));
const mode = fc.constantFrom(0o777, 0o755, 0o644, 0o600, 0o000, 0o1777, 0o2775);
const text = fc.tuple(fc.constantFrom('x', 'yz', 'ö'), size).map(([unit, n]) => unit.repeat(n));

const pid = fc.integer({ min: 0, max: 5 });
const namespaces = fc
  .subarray([CLONE.NEWUSER, CLONE.NEWPID, CLONE.NEWNET, CLONE.NEWNS, CLONE.NEWTIME])
  .map((flags) => flags.reduce((all, flag) => all | flag, 0));
const command = fc.constantFrom(
  ...Object.values(NS),
  ...Object.values(PIDFD_GET),
  FS_IOC_GETVERSION,
  PIDFD_GET_INFO,
);
/** Where a procfs may be. */
const proc = fc
  .tuple(fc.constantFrom('/a', '/b', '.'), fc.constantFrom('self', '1', '2'), fc.nat(4))
  .map(([at, who, what]) => [at, who, ['ns/net', 'ns/pid', 'fd/0', 'fd/1', 'ns'][what]].join('/'));

const call = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('open'), path, flags, mode) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('mkdir'), path, mode) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('close', 'fstat', 'getdents', 'dup'), fd) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('rename'), path, path, fc.nat(4)) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('link', 'symlink'), path, path) },
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constantFrom('unlink', 'rmdir', 'stat', 'lstat', 'readlink', 'chdir', 'statfs'),
      path,
    ),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constant('write'), fd, text) },
  fc.tuple(fc.constant('pwrite'), fd, text, size),
  fc.tuple(fc.constant('read'), fd, size),
  fc.tuple(fc.constantFrom('pread', 'readBytes'), fd, size, size),
  fc.tuple(fc.constant('lseek'), fd, fc.integer({ min: -2, max: 9000 }), fc.nat(3)),
  fc.tuple(fc.constantFrom('truncate'), path, size),
  fc.tuple(fc.constantFrom('ftruncate'), fd, size),
  fc.tuple(fc.constant('dup3'), fd, fd, fc.constantFrom(0, O.CLOEXEC)),
  fc.tuple(fc.constant('fcntl'), fd, fc.constantFrom(0, 1, 2, 3, 4, 1030, 9), fc.nat(5)),
  fc.tuple(fc.constantFrom('chmod', 'access'), path, mode),
  fc.tuple(fc.constant('utimes'), path, fc.nat(99), fc.nat(99)),
  fc.tuple(fc.constantFrom('chown', 'lchown'), path, fc.nat(2), fc.nat(2)),
  fc.tuple(fc.constantFrom('getcwd', 'getpid', 'getppid', 'execve', 'fork', 'exit')),
  fc.tuple(fc.constant('umask'), mode),
  fc.tuple(fc.constant('clockSettime'), fc.nat(1000)),
  fc.tuple(fc.constant('wait4'), fc.constant(-1), fc.constant(1)),
  fc.tuple(fc.constant('setuid'), fc.nat(2), fc.nat(2)),
  fc.tuple(fc.constant('setrlimitNofile'), fc.integer({ min: 2, max: 9 })),
  fc.tuple(fc.constant('mount'), path, fc.constantFrom(1, 9), fc.constantFrom(1, 9)),
  fc.tuple(fc.constant('umount'), path, fc.boolean()),
  { weight: 4, arbitrary: fc.tuple(fc.constant('clone'), namespaces) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('pidfdOpen'), pid, fc.constantFrom(0, 0o200, 1)) },
  fc.tuple(fc.constant('pidfdInfo'), fd, fc.constantFrom(0, 8, 255), fc.constantFrom(63, 64, 88)),
  fc.tuple(fc.constant('ioctl'), fd, command, pid),
  { weight: 2, arbitrary: fc.tuple(fc.constant('ioctl'), fd, command) },
  fc.tuple(fc.constantFrom('kill', 'pidfdSendSignal'), pid, fc.constantFrom(0, 9, 18, 19)),
  fc.tuple(fc.constant('pidfdGetfd'), fd, fd),
  fc.tuple(fc.constant('waitid'), fc.constantFrom(0, 1, 3), pid, fc.constantFrom(5, 15, 0x1000005)),
  fc.tuple(fc.constant('poll'), fc.array(fd, { maxLength: 2 }), fc.constant(0)),
  fc.tuple(fc.constant('fdinfo'), fd),
  fc.tuple(fc.constantFrom('unshare', 'listns'), namespaces),
  fc.tuple(fc.constant('setns'), fd, namespaces),
  fc.tuple(fc.constant('nameToHandleAt'), fd, fc.constant(''), fc.constantFrom(0, 0x1000, 0x1002)),
  fc.tuple(
    fc.constant('openByHandleAt'),
    fc.constantFrom(-10002, -10003, 0, 1),
    fc.record({
      type: fc.constantFrom(0xfe, 0xf1),
      id: fc.nat(14),
      ns_type: fc.constant(0),
      inum: fc.constant(0),
    }),
    fc.constantFrom(0, 0o200, 0o2000000, 2),
  ),
  fc.tuple(fc.constant('fsetxattr'), fd, fc.constantFrom('trusted.a', 'user.b'), fc.constant('v')),
  fc.tuple(fc.constantFrom('fgetxattr', 'fremovexattr'), fd, fc.constantFrom('trusted.a', 'x')),
  fc.tuple(fc.constant('setgroups'), fc.subarray([1, 2])),
  fc.tuple(fc.constant('mountProc'), path),
  fc.tuple(fc.constantFrom('readlink', 'open', 'stat', 'chdir'), proc),
  fc.tuple(fc.constant('openTree'), fd, fc.constant(''), fc.constant(0x1001)),
  fc.tuple(fc.constant('moveMount'), fd, path),
);
const calls = fc.array(
  fc.tuple(fc.nat(2), call).map(([process, rest]) => [process, ...rest] as unknown as Call),
  { minLength: 1, maxLength: 40 },
);

/** Take a process off the list that is about to end. @returns false for the first, which must stay */
function leave(tasks: TaskStruct[], task: TaskStruct): boolean {
  if (task === tasks[0]) return false;
  tasks.splice(tasks.indexOf(task), 1);
  return true;
}

/** Those that nobody has killed. */
function running(
  tasks: readonly TaskStruct[],
  state: (task: TaskStruct) => number,
): readonly TaskStruct[] {
  return tasks.filter((task) => state(task) === 0);
}

type Body<R> = (k: unknown, task: unknown, ...args: unknown[]) => R;

/** Every answer of the direct build. */
function direct(options: FsOptions, sequence: readonly Call[]): unknown[] {
  const k = boot_direct({ dhash_entries: 16, ...options });
  const tasks: TaskStruct[] = [init_of(k)];
  return sequence.map(([process, name, ...args]) => {
    const alive = running(tasks, (each) => each.exit_state as unknown as number);
    const task = alive[process % alive.length];
    if (name === 'exit' && !leave(tasks, task)) return 'stays';
    if (name !== 'fork') return (direct_calls[name] as Body<unknown>)(k, task, ...args);
    const child = copy_process(k, task, false);
    if (typeof child === 'number') return child;
    tasks.push(child);
    return 'child';
  });
}

/** Every answer of the simulated machine. */
function simulated(options: FsOptions, sequence: readonly Call[]): readonly unknown[] {
  const machine = new Machine();
  const findings: unknown[] = [];
  machine.observer = {
    operation: (_task, _node, _op, _result, after) => findings.push(...(after.findings ?? [])),
  };
  const k: FsKernel = create_fs_kernel(machine, options);
  const answers = machine.boot(function* (): Task<unknown[]> {
    const tasks: TaskStruct[] = [k.init_task.task!];
    const all: unknown[] = [];
    for (const [process, name, ...args] of sequence) {
      const alive = running(tasks, (each) => each.exit_state.value);
      const task = alive[process % alive.length];
      if (name === 'exit' && !leave(tasks, task)) {
        all.push('stays');
        continue;
      }
      if (name !== 'fork') {
        all.push(yield* (syscall_table[name] as Body<Task<unknown>>)(k, task, ...args));
        continue;
      }
      const child = yield* k.copy_process(task, false);
      if (typeof child !== 'number') tasks.push(child);
      all.push(typeof child === 'number' ? child : 'child');
    }
    return all;
  });
  expect(findings).toEqual([]);
  return answers;
}

test.each<FsOptions>([
  {},
  { version: 'v6.9' },
  { version: 'v6.9', wordSize: 32 },
  { reuseIno: true, blocks: 6, inodes: 6, maxFiles: 5, pidMax: 4 },
])('any calls are answered alike with %o', (options) => {
  fc.assert(
    fc.property(calls, (sequence) => {
      expect(direct(options, sequence)).toEqual(simulated(options, sequence));
    }),
    { numRuns: 40 },
  );
});
