/** Two processes make the same tree of directories. Between looking and making, the other comes. */

import { createKernel } from 'dentrylab/fs';

/** @typedef {import('dentrylab/fs').NodeFsPromises} Fs */

/** @type {(fs: Fs) => Promise<void>} */
async function lookThenMake(fs) {
  for (const path of ['/a', '/a/b']) {
    const isThere = await fs.access(path).then(
      () => true,
      () => false,
    );
    if (!isThere) await fs.mkdir(path);
  }
}

/** @type {(fs: Fs) => Promise<void>} */
async function makeAll(fs) {
  await fs.mkdir('/a/b', { recursive: true });
}

/** @param {(fs: Fs) => Promise<void>} make */
function making(make) {
  const k = createKernel();
  for (const name of ['one', 'two']) k.spawnAsync(name, ({ promises }) => make(promises));
  k.finally((init) => (init.accessSync('/a/b') === 0 ? null : '/a/b is missing'));
  return k;
}

export const lookedFirst = { expect: 'VIOLATED', kernel: () => making(lookThenMake) };
export const recursive = { expect: 'HOLDS', kernel: () => making(makeAll) };
