/**
 * What a kernel for tests is made with: options, files that exist from the start, programs.
 */

import { MisuseError, type Task } from '../machine/index.js';
import { O, type FsOptions } from '../vfs/index.js';
import type { Fault } from './faults.js';
import type { Process, Sys } from './sys.js';

/** What a kernel is made with. */
export interface KernelConfig extends Omit<
  FsOptions,
  'functions' | 'onCreate' | 'd_op' | 'd_flags'
> {
  /** Files that exist from the start; directories are made as needed. A path ending in `/` is one. */
  readonly files?: Readonly<Record<string, string>>;
  /** Errors that calls are made to return: those made at once, and call by call when exploring. */
  readonly faults?: readonly Fault[];
}

/** {@link populate} on the simulated machine. */
export function* populateSimulated(sys: Sys, files: Readonly<Record<string, string>>): Task<void> {
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
}

/** A program: one process's code. Its answer is its outcome. */
export type Body = (sys: Sys) => Task<unknown>;

/** Make directories and files with the first process. */
export function populate(init: Process, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    for (const [i, char] of [...path].entries()) {
      if (char === '/' && i > 0) init.mkdirSync(path.slice(0, i), 0o755);
    }
    if (path.endsWith('/')) continue;
    const fd = init.openSync(path, O.CREAT | O.TRUNC | O.WRONLY, 0o644);
    if (fd < 0) throw new MisuseError(`files: ${path} cannot be made: error ${fd}`);
    if (content !== '') init.writeSync(fd, content);
    init.closeSync(fd);
  }
}
