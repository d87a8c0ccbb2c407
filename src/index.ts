/**
 * dentrylab: the Linux dcache, small enough to read and to run through every interleaving.
 *
 * Patches and scenarios import from here; what is exported by name is the public API.
 */
export * from './machine/index.js';
export * from './lockref/index.js';
export * from './rcu/index.js';
export * from './dcache/index.js';
export * from './vfs/index.js';
export * from './explore/index.js';
export * from './trace/index.js';
export * from './scenario/index.js';
