/**
 * The layers of src/: which folder may import which folder and which package.
 *
 * The only copy of this table; .dependency-cruiser.js enforces it. A folder may always import
 * itself. What is not listed is forbidden.
 */

/**
 * @typedef {object} Layer
 * @property {readonly string[]} folders Folders of src/ that this folder may import.
 * @property {readonly string[]} [packages] npm packages that it may import.
 * @property {boolean} [node] Whether it may import Node's own modules. Everything else has to run
 *   in a browser worker unchanged.
 */

/** @type {Readonly<Record<string, Layer>>} */
export const LAYERS = {
  machine: { folders: [] },
  lockref: { folders: ['machine'] },
  rcu: { folders: ['machine'] },
  dcache: { folders: ['machine', 'lockref', 'rcu'] },
  vfs: { folders: ['machine', 'lockref', 'rcu', 'dcache'] },
  explore: { folders: ['machine'] },
  fs: {
    folders: ['machine', 'lockref', 'rcu', 'dcache', 'vfs', 'explore'],
    packages: ['dist/direct'],
  },
  trace: { folders: ['machine'], packages: ['immer', 'pino'] },
  scenario: { folders: ['machine', 'lockref', 'rcu', 'dcache', 'vfs', 'explore', 'trace'] },
  vitest: {
    folders: ['scenario', 'explore', 'trace', 'vfs', 'machine'],
    packages: ['vitest'],
    node: true,
  },
  cli: {
    folders: ['scenario', 'explore', 'trace', 'machine', 'vfs', 'dcache', 'rcu', 'lockref'],
    packages: ['commander', 'picocolors', 'pino', 'typescript'],
    node: true,
  },
};

/** Folders that src/index.ts, the library's face, does not import: they are programs on top of it. */
export const NOT_IN_INDEX = ['cli', 'vitest', 'fs'];
