/**
 * A log is rotated while somebody follows it. Who knows a file by its inode number is fooled: the
 * new file may get the number of the old one, and the tailer goes on in the middle of it.
 */

import { createKernel, O } from 'dentrylab/fs';

/** @param {(stat: import('dentrylab/fs').FileStat) => unknown} identity what a file is known by */
function tailing(identity) {
  const k = createKernel({ reuseIno: true, files: { '/log': 'one\n' } });
  k.spawn('rotator', function* (sys) {
    yield* sys.unlink('/log');
    yield* sys.clockSettime(1000);
    const fd = yield* sys.open('/log', O.CREAT | O.WRONLY);
    yield* sys.write(fd, 'two\nthree\n');
  });
  k.spawn('tailer', function* (sys) {
    let known = null;
    let at = 0;
    let text = '';
    for (let poll = 0; poll < 2; poll += 1) {
      const fd = yield* sys.open('/log');
      if (fd < 0) continue;
      const stat = yield* sys.fstat(fd);
      if (typeof stat === 'number') throw new Error('no stat');
      const id = identity(stat);
      if (id !== known) at = 0;
      known = id;
      const more = yield* sys.pread(fd, 100, at);
      yield* sys.close(fd);
      text += more;
      at += String(more).length;
    }
    if (text.includes('three') && !text.includes('two')) throw new Error('a line was missed: two');
  });
  return k;
}

export const byInodeNumber = { expect: 'VIOLATED', kernel: () => tailing(({ ino }) => ino) };
export const byBirthTime = {
  expect: 'HOLDS',
  kernel: () => tailing(({ ino, btime }) => `${ino} ${btime}`),
};
export const byGeneration = {
  expect: 'HOLDS',
  kernel: () => tailing(({ ino, generation }) => `${ino} ${generation}`),
};
