/** dentrylab/fs: filesystems for tests, in one schedule or in all of them. */
export { F, O, RENAME, WNOHANG, type FileStat } from '../vfs/index.js';
export { E, errnoName } from '../machine/index.js';
export { createKernel, type Kernel } from './kernel.js';
export type { Body, KernelConfig } from './setup.js';
export type { Process, Sys, SyncSys } from './sys.js';
export type { CallsOptions } from './calls.js';
export type { Fault } from './faults.js';
export type { FsBug, FsReport, SearchOptions } from './search.js';
