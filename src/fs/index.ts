/** dentrylab/fs: filesystems for tests, in one schedule or in all of them. */
export { F, O, RENAME, WNOHANG, type FileStat } from '../vfs/index.js';
export { E, errnoName } from '../machine/index.js';
export { createKernel, type FsExploreOptions, type Kernel } from './kernel.js';
export type { Body, KernelConfig } from './setup.js';
export type { Process, Sys, SyncSys } from './sys.js';
export type { AccessOptions } from './accesses.js';
export type { CallsOptions, Check, CrashCheck } from './calls.js';
export type { CrashModel } from './crash/journal.js';
export type { AsyncBody } from './programs.js';
export type { Fault } from './faults.js';
export type { FsBug, FsReport } from './report.js';
export type { SearchOptions } from './search.js';
export { createNodeFs } from './node/index.js';
export type { NodeFsError } from './node/errors.js';
export type { FileHandle } from './node/handle.js';
export type { BigIntStats, Dirent, Stats } from './node/stats.js';
export type { NodeFs, NodeFsPromises, NodeFsSync } from './node/types.js';
