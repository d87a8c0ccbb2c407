/**
 * A lock file whose owner is dead. Two find that out; one removes the stale lock and takes it, and
 * then the other removes the lock of the first. Who breaks a lock needs a lock for that.
 */

import { createKernel, E, O } from 'dentrylab/fs';

/** Its owner, process 99, does not run any more. */
const STALE = '99';

/** @typedef {import('dentrylab/fs').Sys} Sys */

/** @param {Sys} sys */
function* isStale(sys) {
  const fd = yield* sys.open('/lock');
  if (fd < 0) return false;
  const owner = yield* sys.read(fd);
  yield* sys.close(fd);
  return owner === STALE;
}

/** @param {Sys} sys */
function* breakAtOnce(sys) {
  if (yield* isStale(sys)) yield* sys.unlink('/lock');
}

/** @param {Sys} sys */
function* breakGuarded(sys) {
  const guard = yield* sys.open('/lock.break', O.CREAT | O.EXCL);
  if (guard < 0) return;
  if (yield* isStale(sys)) yield* sys.unlink('/lock');
  yield* sys.unlink('/lock.break');
}

/** @param {(sys: Sys) => Generator<any, void, any>} breakLock */
function locking(breakLock) {
  const k = createKernel({ files: { '/lock': STALE } });
  for (const name of ['a', 'b']) {
    k.spawn(name, function* (sys) {
      yield* breakLock(sys);
      const fd = yield* sys.open('/lock', O.CREAT | O.EXCL | O.WRONLY);
      if (fd < 0) return 'later';
      // Only one may be here: a second one finds the mark of the first.
      if ((yield* sys.mkdir('/inside')) === -E.EEXIST) throw new Error('two have the lock');
      yield* sys.rmdir('/inside');
      yield* sys.unlink('/lock');
      return 'done';
    });
  }
  return k;
}

export const brokenAtOnce = { expect: 'VIOLATED', kernel: () => locking(breakAtOnce) };
export const brokenUnderGuard = { expect: 'HOLDS', kernel: () => locking(breakGuarded) };
