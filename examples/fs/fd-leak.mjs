/**
 * A server opens two files for each request. If the second is not there, it forgets to close the
 * first: after some such requests it has no descriptors left, and nothing works any more.
 */

import { createKernel, E } from 'dentrylab/fs';

/** @param {boolean} closes whether the first file is closed if the second cannot be opened */
function serving(closes) {
  const k = createKernel({ files: { '/page': 'p', '/style': 's' } });
  k.spawn('server', function* (sys) {
    yield* sys.setrlimitNofile(3);
    for (let request = 0; request < 4; request += 1) {
      const page = yield* sys.open('/page');
      if (page === -E.EMFILE) throw new Error('out of descriptors');
      const style = yield* sys.open('/style');
      if (style < 0) {
        if (closes) yield* sys.close(page);
        continue;
      }
      yield* sys.close(style);
      yield* sys.close(page);
    }
  });
  k.spawn('editor', function* (sys) {
    yield* sys.rename('/style', '/style.old');
  });
  return k;
}

export const forgets = { expect: 'VIOLATED', kernel: () => serving(false) };
export const closes = { expect: 'HOLDS', kernel: () => serving(true) };
