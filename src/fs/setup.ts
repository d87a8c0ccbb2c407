/**
 * What a kernel for tests is made with: options, files that exist from the start, programs.
 */

import { MisuseError, type Task } from '../machine/index.js';
import { O, type FsOptions } from '../vfs/index.js';
import type { Fault } from './faults.js';
import type { Sys } from './sys.js';

/** What a kernel is made with. */
export interface KernelConfig extends Omit<
  FsOptions,
  'functions' | 'onCreate' | 'd_op' | 'd_flags'
> {
  /** Files that exist from the start; directories are made as needed. A path ending in `/` is one. */
  readonly files?: Readonly<Record<string, string>>;
  /**
   * Makes what `files` cannot say, owners, modes and links, with the calls of process 1 and before
   * any program begins.
   */
  readonly prepare?: Body;
  /** Errors that calls are made to return: those made at once, and call by call when exploring. */
  readonly faults?: readonly Fault[];
}

/** Make what a kernel is to start with, with the calls of its first process. */
export function* populate(sys: Sys, { files = {}, prepare }: KernelConfig): Task<void> {
  for (const [path, content] of Object.entries(files)) {
    for (const [i, char] of [...path].entries()) {
      if (char === '/' && i > 0) yield* sys.mkdir(path.slice(0, i), 0o755);
    }
    if (path.endsWith('/')) continue;
    const fd = yield* sys.open(path, O.CREAT | O.TRUNC | O.WRONLY, 0o644);
    if (fd < 0) throw new MisuseError(`files: ${path} cannot be made: error ${fd}`);
    if (content !== '') yield* sys.write(fd, content);
    yield* sys.close(fd);
  }
  if (prepare !== undefined) yield* prepare(sys);
}

/** A program: one process's code. Its answer is its outcome. */
export type Body = (sys: Sys) => Task<unknown>;
