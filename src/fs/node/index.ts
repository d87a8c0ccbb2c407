/**
 * An object in the shape of `node:fs` over the calls of a process, for programs that are given
 * their filesystem. Every function is written once, as requests for system calls; here they are
 * made at once (`readFileSync`) or inside a promise (`promises.readFile`).
 */

import type { Task } from '../../machine/index.js';
import { O } from '../../vfs/index.js';
import { ASKING, drive, driveAsync, type Maker } from '../asking.js';
import type { Process, Sys } from '../sys.js';
import { ok } from './errors.js';
import * as files from './files.js';
import { FileHandle } from './handle.js';
import * as names from './names.js';
import { Dirent, Stats } from './stats.js';
import type { NodeFs, NodeFsConstants, NodeFsPromises, NodeFsSync } from './types.js';

/** Code of a function: the calls first. */
type Steps = (sys: Sys, ...args: never[]) => Task<unknown>;

const {
  close,
  fchmod,
  fchown,
  fdatasync,
  fstat,
  fsync,
  ftruncate,
  futimes,
  open,
  read,
  readv,
  write,
  writev,
} = files;
const { appendFile, copyFile, readFile, readFileAtOnce, truncate, writeFile } = files;
const { exists, mkdirAsync, realpathNative, ...onNames } = names;

/** Functions that both forms have. */
const BOTH: Readonly<Record<string, Steps>> = {
  ...onNames,
  appendFile,
  copyFile,
  readFile,
  truncate,
  writeFile,
};
/** Functions on descriptors, for which promises have handles, and what only the sync form does so. */
const SYNC: Readonly<Record<string, Steps>> = {
  close,
  exists,
  fchmod,
  fchown,
  fdatasync,
  fstat,
  fsync,
  ftruncate,
  futimes,
  open,
  read,
  readFile: readFileAtOnce,
  readv,
  write,
  writev,
};

/** What promises do otherwise than calls at once: they name other paths in some errors. */
const PROMISES: Readonly<Record<string, Steps>> = {
  ...BOTH,
  mkdir: mkdirAsync,
  realpath: realpathNative,
};

const constants = {
  F_OK: 0,
  X_OK: 1,
  W_OK: 2,
  R_OK: 4,
  COPYFILE_EXCL: 1,
  ...Object.fromEntries(Object.entries(O).map(([name, bits]) => [`O_${name}`, bits])),
} as NodeFsConstants;

/** What file functions get in the place of a path: the descriptor of a handle. */
function withoutHandle(args: readonly unknown[]): unknown[] {
  return args.map((arg) => (arg instanceof FileHandle ? arg.fd : arg));
}

/** `fs.promises` on whoever makes calls. */
export function promisesOn(make: Maker): NodeFsPromises {
  const promises: Record<string, unknown> = { constants };
  for (const [name, steps] of Object.entries(PROMISES)) {
    promises[name] = async (...args: unknown[]) =>
      driveAsync(steps(ASKING, ...(withoutHandle(args) as never[])), make);
  }
  promises['open'] = async (...args: unknown[]) => {
    const fd = await driveAsync(open(ASKING, ...(args as [unknown])), make);
    return new FileHandle(ok(fd, 'open'), make);
  };
  return promises as unknown as NodeFsPromises;
}

/**
 * A `node:fs` whose files are those of a process: give it to a program instead of Node's.
 * @param process makes the calls: its place, its credentials, its descriptors
 */
export function createNodeFs(process: Process): NodeFs {
  const calls = process as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>;
  const make: Maker = (name, args) => calls[`${name}Sync`](...args);
  const sync: Record<string, unknown> = {};
  for (const [name, steps] of Object.entries({ ...BOTH, ...SYNC })) {
    sync[`${name}Sync`] = (...args: unknown[]) => drive(steps(ASKING, ...(args as never[])), make);
  }
  return {
    ...(sync as unknown as NodeFsSync),
    promises: promisesOn(make),
    constants,
    Stats,
    Dirent,
  };
}
