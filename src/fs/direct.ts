/**
 * The direct build with types: each system call as a plain function.
 *
 * Invariant: nothing outside this file names a field of a kernel object of the direct build; fields
 * there are plain values and not cells.
 */

import * as generated from '#direct';
import type { Task } from '../machine/index.js';
import type { FsKernel, FsOptions, syscall_table, TaskStruct } from '../vfs/index.js';

/** A generator as the direct build has it. */
type Plain<F> = F extends (...args: infer A) => Task<infer T> ? (...args: A) => T : never;

type Calls = typeof syscall_table;

/** The calls as plain functions: kernel and task first. */
export type DirectCalls = { readonly [K in keyof Calls]: Plain<Calls[K]> };

/** A kernel of the direct build: its functions are there, and want the kernel first. */
export type DirectKernel = Omit<FsKernel, KeysOfTasks>;

type KeysOfTasks = {
  [K in keyof FsKernel]: FsKernel[K] extends (...args: never[]) => Task<unknown> ? K : never;
}[keyof FsKernel];

interface Generated {
  create_fs_kernel(machine: object, options: FsOptions): DirectKernel;
  readonly syscall_table: DirectCalls;
  readonly fs_functions: {
    sys_read(
      k: DirectKernel,
      task: TaskStruct,
      fd: number,
      count: number,
      pos: number,
    ): Uint8Array | number;
    copy_process(
      k: DirectKernel,
      parent: TaskStruct,
      thread: boolean,
      flags: number,
    ): TaskStruct | number;
  };
  readonly Machine: new () => object;
  readonly WouldBlock: new (message: string) => Error;
}

const direct = generated as unknown as Generated;

/** The calls of the direct build. */
export const direct_calls: DirectCalls = direct.syscall_table;

/** Boot a kernel of the direct build. */
export function boot_direct(options: FsOptions): DirectKernel {
  return direct.create_fs_kernel(new direct.Machine(), options);
}

/** A child of a process, or a thread. @returns -errno if there can be none */
export function copy_process(
  k: DirectKernel,
  parent: TaskStruct,
  thread: boolean,
  flags = 0,
): TaskStruct | number {
  return direct.fs_functions.copy_process(k, parent, thread, flags);
}

/**
 * read(2) into a buffer; pread(2) with a position.
 * @param pos where in the file, or -1 for where the file stands
 * @returns the number of bytes, or -errno
 */
export function read_into(
  k: DirectKernel,
  task: TaskStruct,
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  pos: number,
): number {
  const bytes = direct.fs_functions.sys_read(k, task, fd, length, pos);
  if (typeof bytes === 'number') return bytes;
  buffer.set(bytes, offset);
  return bytes.length;
}

/** Does this error say that the call would have to wait? */
export function wouldBlock(error: unknown): boolean {
  return error instanceof direct.WouldBlock;
}

/** Whether a task can make calls. */
export function state_of(task: TaskStruct): 'runs' | 'is stopped' | 'has ended' {
  const plain = task as unknown as {
    exit_state: number;
    group_leader: { stopped: number } | null;
  };
  if (plain.exit_state !== 0) return 'has ended';
  return (plain.group_leader?.stopped ?? 0) === 0 ? 'runs' : 'is stopped';
}

/** Set the virtual clock. */
export function set_clock(k: DirectKernel, now: number): void {
  (k.clock as unknown as { now: number }).now = now;
}

/** Read the virtual clock. */
export function clock_of(k: DirectKernel): number {
  return (k.clock as unknown as { now: number }).now;
}

/** The first process. */
export function init_of(k: DirectKernel): TaskStruct {
  return k.init_task.task!;
}
