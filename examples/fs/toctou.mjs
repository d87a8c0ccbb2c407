/**
 * A server with all rights shows users their own files. It looks whose file it is, and then opens
 * it by its name; in between, the user makes the name a link to somebody else's.
 */

import { createKernel, O } from 'dentrylab/fs';

const USER = 1000;

/** @typedef {import('dentrylab/fs').Sys} Sys */

/**
 * A plain file of the user's?
 * @param {import('dentrylab/fs').FileStat | number} stat
 */
function isTheirs(stat) {
  return typeof stat !== 'number' && (stat.mode & 0o170000) === 0o100000 && stat.uid === USER;
}

/** @param {Sys} sys */
function* checkThenOpen(sys) {
  const stat = yield* sys.lstat('/home/f');
  if (!isTheirs(stat)) return 'refused';
  return yield* sys.read(yield* sys.open('/home/f'));
}

/** @param {Sys} sys */
function* openThenCheck(sys) {
  const fd = yield* sys.open('/home/f', O.NOFOLLOW);
  if (fd < 0) return 'refused';
  if (!isTheirs(yield* sys.fstat(fd))) return 'refused';
  return yield* sys.read(fd);
}

/** @param {(sys: Sys) => Generator<any, unknown, any>} show */
function serving(show) {
  const k = createKernel({
    files: { '/home/f': 'mine', '/secret': 'secret' },
    *prepare(sys) {
      yield* sys.chmod('/secret', 0o600);
      yield* sys.chown('/home', USER, USER);
      yield* sys.chown('/home/f', USER, USER);
    },
  });
  k.spawn('server', function* (sys) {
    if ((yield* show(sys)) === 'secret') throw new Error('the secret is shown');
  });
  k.spawn('user', function* (sys) {
    yield* sys.setuid(USER, USER);
    yield* sys.unlink('/home/f');
    yield* sys.symlink('/secret', '/home/f');
  });
  return k;
}

export const checkedByName = { expect: 'VIOLATED', kernel: () => serving(checkThenOpen) };
export const checkedWhenOpen = { expect: 'HOLDS', kernel: () => serving(openThenCheck) };
