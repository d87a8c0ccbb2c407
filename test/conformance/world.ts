/**
 * A kernel in which the conformance tests make their calls: the direct build, or the simulated
 * machine with every sanitizer. A test is written once and runs in both.
 */

import { expect } from 'vitest';
import { CLONE, createKernel, errnoName, PIDFD, type FileStat, type Process } from 'dentrylab/fs';
import { Machine } from '../../src/machine/index.js';
import { create_fs_kernel, syscall_table, type TaskStruct } from '../../src/vfs/index.js';

/** Few numbers, so that one comes again soon. */
const PID_MAX = 64;

/** Which form of the kernel. */
export type Form = 'direct' | 'machine';

/** Process 1 of a new kernel, with a procfs, and a last look at what the sanitizers have found. */
export function boot(form: Form): { init: Process; check: () => void } {
  const { init, check } = form === 'direct' ? direct() : simulated();
  expect(init.mkdirSync('/proc')).toBe(0);
  expect(init.mountProcSync('/proc')).toBe(0);
  return { init, check };
}

function direct(): { init: Process; check: () => void } {
  return { init: createKernel({ pidMax: PID_MAX }).init, check: () => undefined };
}

function simulated(): { init: Process; check: () => void } {
  const machine = new Machine();
  const findings: string[] = [];
  machine.observer = {
    operation: (_task, _node, _op, _result, after) => {
      for (const { title, detail } of after.findings ?? []) findings.push(`${title}: ${detail}`);
    },
  };
  const k = create_fs_kernel(machine, { pidMax: PID_MAX });
  const processOf = (task: TaskStruct): Process => {
    const calls: Record<string, unknown> = {};
    for (const [name, body] of Object.entries(syscall_table)) {
      const call = body as (...args: unknown[]) => never;
      calls[`${name}Sync`] = (...args: unknown[]) => machine.boot(() => call(k, task, ...args));
    }
    const start = (thread: boolean, flags: number): Process => {
      const child = machine.boot(() => k.copy_process(task, thread, flags));
      if (typeof child === 'number') throw new Error(`no new process: ${errnoName(child)}`);
      return processOf(child);
    };
    calls['forkSync'] = (flags = 0) => start(false, flags);
    calls['threadSync'] = () => start(true, 0);
    return calls as unknown as Process;
  };
  const check = (): void => {
    for (const atRest of machine.atRest) atRest();
    for (const { title, detail } of machine.findings) findings.push(`${title}: ${detail}`);
    expect(findings).toEqual([]);
  };
  return { init: processOf(k.init_task.task!), check };
}

/** A descriptor, or whatever is no error. */
export function ok<T>(answer: T | number): T {
  if (typeof answer === 'number' && answer < 0) throw new Error(`failed: ${errnoName(answer)}`);
  return answer as T;
}

/** The identity of an open file: device, number and generation. */
export function id(process: Process, fd: number): string {
  const { dev, ino, generation } = ok<FileStat>(process.fstatSync(fd));
  return `${dev}:${ino}:${generation}`;
}

/** Open a file, whatever the errors. */
export function open(process: Process, path: string): number {
  return ok<number>(process.openSync(path));
}

/** The name of a negative answer, or the answer. */
export function said(answer: unknown): unknown {
  return typeof answer === 'number' && answer < 0 ? errnoName(answer) : answer;
}

/** The number of the process or thread that was made last, by trying. */
function newest(process: Process): number {
  let newest_nr = 1;
  for (let nr = 1, misses = 0; misses < 9; nr += 1) {
    const fd = process.pidfdOpenSync(nr, PIDFD.THREAD);
    misses = fd < 0 ? misses + 1 : 0;
    if (fd < 0) continue;
    process.closeSync(fd);
    newest_nr = nr;
  }
  return newest_nr;
}

/** A child that does nothing by itself, its number and a pidfd of it. */
export interface Child {
  readonly process: Process;
  readonly pid: number;
  readonly pidfd: number;
}

/** Make a child. @param flags of CLONE: which namespaces are new */
export function spawn(parent: Process, flags = 0): Child {
  const process = parent.forkSync(flags);
  // In a process namespace of its own it is 1.
  const nested = (flags & CLONE.NEWPID) !== 0;
  const pid = nested ? newest(parent) : process.getpidSync();
  return { process, pid, pidfd: ok<number>(parent.pidfdOpenSync(pid)) };
}
