/**
 * A service is stopped by the number in its pid file. It has ended meanwhile, and its number belongs
 * to somebody else. A pidfd stays with the process that it was opened for, and the inode of a pidfd
 * is never given to another process.
 */

import { CLONE_PIDFD, createKernel, O, SIG } from 'dentrylab/fs';

/** @typedef {import('dentrylab/fs').Sys} Sys */

/** @param {Sys} sys */
function* pidFile(sys) {
  const text = yield* sys.read(yield* sys.open('/run/pid'));
  return String(text).split(' ').map(Number);
}

/** @param {Sys} sys */
function* killNumber(sys) {
  const [pid] = yield* pidFile(sys);
  yield* sys.kill(pid, SIG.TERM);
}

/** @param {Sys} sys */
function* killPidfd(sys) {
  const [pid, ino] = yield* pidFile(sys);
  const pidfd = yield* sys.pidfdOpen(pid);
  const stat = pidfd < 0 ? pidfd : yield* sys.fstat(pidfd);
  // Another process already? Then it is not ours to stop. If not, the pidfd can only be ours.
  if (typeof stat === 'number' || stat.ino !== ino) return;
  yield* sys.pidfdSendSignal(pidfd, SIG.TERM);
}

/** @param {(sys: Sys) => Generator<any, void, any>} stop */
function stopping(stop) {
  const k = createKernel({ pidMax: 4, files: { '/run/': '', '/run/pid': '0 0' } });
  k.spawn('manager', function* (sys) {
    const service = yield* sys.clone(CLONE_PIDFD);
    if (typeof service === 'number') throw new Error('no service');
    const [pid, pidfd] = service;
    const stat = yield* sys.fstat(pidfd);
    if (typeof stat === 'number') throw new Error('no stat');
    yield* sys.pwrite(yield* sys.open('/run/pid', O.WRONLY), `${pid} ${stat.ino}`, 0);
    // It ends by itself, and another process gets its number.
    yield* sys.pidfdSendSignal(pidfd, SIG.KILL);
    yield* sys.wait4(pid);
    const other = yield* sys.clone();
    if (typeof other !== 'number' || other < 0) throw new Error('no other process');
    if ((yield* sys.wait4(other, 1)) !== 0) throw new Error('the wrong process was stopped');
  });
  k.spawn('stopper', stop);
  return k;
}

export const byNumber = { expect: 'VIOLATED', kernel: () => stopping(killNumber) };
export const byPidfd = { expect: 'HOLDS', kernel: () => stopping(killPidfd) };
