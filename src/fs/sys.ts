/**
 * A process as programs see it: its system calls, one by one.
 *
 * Each call exists twice: `sys.open` is a generator for programs whose schedules are explored,
 * `sys.openSync` makes the call at once. Both answer as the kernel does: -errno for an error.
 */

import { MisuseError, type Task } from '../machine/index.js';
import { exit_to_user_mode, syscall_table, type FsKernel, type TaskStruct } from '../vfs/index.js';
import { copy_process, direct_calls, read_into, type DirectKernel } from './direct.js';

type Calls = typeof syscall_table;

type Rest<F> = F extends (k: never, t: never, ...args: infer A) => Task<infer T>
  ? { args: A; result: T }
  : never;

/** The calls of a process in a program that is explored: `yield*` them. */
export type Sys = {
  readonly [K in keyof Calls]: (...args: Rest<Calls[K]>['args']) => Task<Rest<Calls[K]>['result']>;
};

/** The calls of a process, made at once. */
export type SyncSys = {
  readonly [K in keyof Calls as `${K}Sync`]: (
    ...args: Rest<Calls[K]>['args']
  ) => Rest<Calls[K]>['result'];
};

/** A process of a kernel that runs call by call. */
export interface Process extends SyncSys {
  /** read(2) and, with `pos`, pread(2) into a buffer. @returns the number of bytes, or -errno */
  readIntoSync(
    fd: number,
    buffer: Uint8Array,
    offset?: number,
    length?: number,
    pos?: number,
  ): number;
  /** A child with copies of descriptors, place and credentials. @param flags of CLONE: which namespaces are new */
  forkSync(flags?: number): Process;
  /** A thread: descriptors and place are shared. */
  threadSync(): Process;
}

/** The names of all calls. */
export const CALL_NAMES = Object.keys(direct_calls) as (keyof Calls)[];

/** Makes a call, or something else in its place. */
export type CallFilter = (
  task: object,
  name: string,
  args: readonly unknown[],
  make: (args: readonly unknown[]) => unknown,
) => unknown;

/** A process's calls on a kernel of the direct build, each by way of a filter if there is one. */
export function processOf(k: DirectKernel, task: TaskStruct, filter?: CallFilter): Process {
  const calls: Record<string, unknown> = {};
  for (const name of CALL_NAMES) {
    const body = direct_calls[name] as (k: unknown, t: unknown, ...args: unknown[]) => unknown;
    calls[`${name}Sync`] =
      filter === undefined
        ? (...args: unknown[]) => body(k, task, ...args)
        : (...args: unknown[]) =>
            filter(task, name, args, (use: readonly unknown[]) => body(k, task, ...use));
  }
  const start = (thread: boolean, flags = 0): Process => {
    const child = copy_process(k, task, thread, flags);
    if (typeof child === 'number') {
      throw new MisuseError(`no new process: error ${child}; wait for those that have ended`);
    }
    return processOf(k, child, filter);
  };
  calls['readIntoSync'] = (
    fd: number,
    buffer: Uint8Array,
    offset = 0,
    length = buffer.length - offset,
    pos = -1,
  ) => read_into(k, task, fd, buffer, offset, length, pos);
  calls['forkSync'] = (flags = 0) => start(false, flags);
  calls['threadSync'] = () => start(true);
  return calls as unknown as Process;
}

/** Sees calls begin and end. */
export interface CallHook {
  readonly before: (name: string, args: readonly unknown[]) => void;
  readonly after: (answer: unknown) => void;
}

/** A process's calls on the simulated machine. */
export function simulatedCalls(k: FsKernel, task: TaskStruct, hook?: CallHook): Sys {
  const calls: Record<string, unknown> = {};
  const table: Readonly<Record<string, unknown>> = syscall_table;
  for (const name of CALL_NAMES) {
    const body = table[name] as (k: unknown, t: unknown, ...args: unknown[]) => Task<unknown>;
    calls[name] = function* (...args: unknown[]): Task<unknown> {
      hook?.before(name, args);
      const answer = yield* body(k, task, ...args);
      yield* exit_to_user_mode(k, task, name, answer);
      hook?.after(answer);
      return answer;
    };
  }
  return calls as unknown as Sys;
}
