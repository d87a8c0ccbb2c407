/**
 * A settings file is saved while another process reads it, and while the power may fail. Writing in
 * place shows half a file to readers; rename shows a whole one, but only fsync makes it last.
 */

import { createKernel } from 'dentrylab/fs';

/** @typedef {import('dentrylab/fs').NodeFsPromises} Fs */

/** @type {(fs: Fs) => Promise<void>} */
const inPlace = (fs) => fs.writeFile('/cfg', 'new');

/** @type {(fs: Fs) => Promise<void>} */
async function byRename(fs) {
  await fs.writeFile('/cfg.tmp', 'new');
  await fs.rename('/cfg.tmp', '/cfg');
}

/** @type {(fs: Fs) => Promise<void>} */
async function byRenameSynced(fs) {
  await fs.writeFile('/cfg.tmp', 'new', { flush: true });
  await fs.rename('/cfg.tmp', '/cfg');
  const directory = await fs.open('/');
  await directory.sync();
  await directory.close();
}

/** @param {(fs: Fs) => Promise<void>} save */
function read(save) {
  const k = createKernel({ files: { '/cfg': 'old' } });
  k.spawnAsync('saver', ({ promises }) => save(promises));
  k.spawnAsync('reader', async ({ promises }) => {
    const text = await promises.readFile('/cfg', 'utf8');
    if (text !== 'old' && text !== 'new') throw new Error(`read '${text}'`);
  });
  return k;
}

/** @param {(fs: Fs) => Promise<void>} save */
function crashed(save) {
  const k = createKernel({ files: { '/cfg': 'old' } });
  k.spawnAsync('saver', async ({ promises }) => {
    await save(promises);
    return 'saved';
  });
  k.afterCrash((init, { saver }) => {
    const text = init.readSync(init.openSync('/cfg'));
    if (text === 'new' || (text === 'old' && saver !== 'saved')) return null;
    return `${saver === 'saved' ? 'saved, then a crash' : 'a crash'}: '${text}' is left`;
  });
  return k;
}

/** @type {import('dentrylab/fs').FsExploreOptions} */
const options = { crash: 'posix' };

export const readInPlace = { expect: 'VIOLATED', kernel: () => read(inPlace) };
export const readRenamed = { expect: 'HOLDS', kernel: () => read(byRename) };
export const crashRenamed = { expect: 'VIOLATED', kernel: () => crashed(byRename), options };
export const crashSynced = { expect: 'HOLDS', kernel: () => crashed(byRenameSynced), options };
