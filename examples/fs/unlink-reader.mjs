/**
 * A file is read in parts while a cleaner removes it and somebody makes a new one of that name. An
 * open descriptor keeps the old file; a name does not.
 */

import { createKernel, O } from 'dentrylab/fs';

/** @typedef {import('dentrylab/fs').Sys} Sys */

/** @param {Sys} sys */
function* byName(sys) {
  let text = '';
  for (const at of [0, 3]) {
    const fd = yield* sys.open('/f');
    if (fd < 0) return null;
    text += yield* sys.pread(fd, 3, at);
    yield* sys.close(fd);
  }
  return text;
}

/** @param {Sys} sys */
function* byDescriptor(sys) {
  const fd = yield* sys.open('/f');
  if (fd < 0) return null;
  const text = `${yield* sys.read(fd, 3)}${yield* sys.read(fd, 3)}`;
  yield* sys.close(fd);
  return text;
}

/** @param {(sys: Sys) => Generator<any, string | null, any>} read */
function reading(read) {
  const k = createKernel({ files: { '/f': 'oldold', '/tmp': 'newnew' } });
  k.spawn('reader', function* (sys) {
    const text = yield* read(sys);
    if (text === 'oldnew') throw new Error('half of one file and half of the next');
  });
  k.spawn('cleaner', function* (sys) {
    yield* sys.unlink('/f');
    yield* sys.rename('/tmp', '/f');
  });
  k.finally((init) => (init.openSync('/f', O.RDONLY) < 0 ? 'no file is left' : null));
  return k;
}

export const reopened = { expect: 'VIOLATED', kernel: () => reading(byName) };
export const keptOpen = { expect: 'HOLDS', kernel: () => reading(byDescriptor) };
