/** tools/testing/selftests/pidfd/pidfd_file_handle_test.c */

import { expect } from 'vitest';
import { AT, CLONE, F, FD_PIDFS_ROOT, O, P, PIDFD, WEXITED, WNOWAIT } from 'dentrylab/fs';
import type { FileHandleAt, Process } from 'dentrylab/fs';
import type { Suite } from './registry.js';
import { id, ok, said, spawn } from './world.js';

const FASYNC = 0o20000;
const O_NOCTTY = 0o400;
const O_SYNC = 0o4010000;
const O_DSYNC = 0o10000;
const O_DIRECT = 0o40000;
const O_NOATIME = 0o1000000;

function handle(process: Process, fd: number, flags = 0): FileHandleAt {
  return ok<FileHandleAt>(process.nameToHandleAtSync(fd, '', AT.EMPTY_PATH | flags));
}

function reopens(init: Process, flags: number): void {
  const { pidfd } = spawn(init, flags);
  const named = handle(init, pidfd);
  for (const how of [0, O.CLOEXEC, O.NONBLOCK]) {
    const fd = ok<number>(init.openByHandleAtSync(pidfd, named, how));
    expect(id(init, fd)).toBe(id(init, pidfd));
    init.closeSync(fd);
  }
}

export const pidfd_file_handle: Suite = {
  file: 'pidfd/pidfd_file_handle_test.c',
  cases: {
    file_handle_same_pidns: (init) => reopens(init, CLONE.NEWUSER),
    file_handle_child_pidns: (init) => reopens(init, CLONE.NEWUSER | CLONE.NEWPID),
    file_handle_foreign_pidns: (init) => {
      const own = ok<number>(init.pidfdOpenSync(1));
      const named = handle(init, own);
      const { pidfd } = spawn(init, CLONE.NEWUSER | CLONE.NEWPID);
      expect(init.setnsSync(pidfd, CLONE.NEWUSER | CLONE.NEWPID)).toBe(0);
      // Only who is born there is in it.
      const inside = init.forkSync();
      expect(said(inside.openByHandleAtSync(own, named))).toBe('-ESTALE');
    },
    pid_has_exited: (init) => {
      const { process, pid, pidfd } = spawn(init);
      const named = handle(init, pidfd);
      const before = id(init, pidfd);
      init.closeSync(pidfd);
      process.exitGroupSync(0);
      ok(init.waitidSync(P.PID, pid, WEXITED | WNOWAIT));
      const fd = ok<number>(init.openByHandleAtSync(FD_PIDFS_ROOT, named));
      expect(id(init, fd)).toBe(before);
    },
    pid_has_been_reaped: (init) => {
      const { process, pid, pidfd } = spawn(init);
      const named = handle(init, pidfd);
      process.exitGroupSync(0);
      ok(init.waitidSync(P.PID, pid));
      expect(said(init.openByHandleAtSync(FD_PIDFS_ROOT, named))).toBe('-ESTALE');
    },
    open_by_handle_at_valid_flags: (init) => {
      const { pidfd } = spawn(init);
      const named = handle(init, pidfd);
      for (const how of [O.RDONLY, O.WRONLY, O.RDWR, O.NONBLOCK, O.CLOEXEC, O.EXCL]) {
        const fd = ok<number>(init.openByHandleAtSync(pidfd, named, how));
        expect(id(init, fd)).toBe(id(init, pidfd));
        const flags = init.fcntlSync(fd, F.GETFL);
        expect(flags & PIDFD.THREAD).toBe(how === O.EXCL ? PIDFD.THREAD : 0);
        init.closeSync(fd);
      }
    },
    open_by_handle_at_invalid_flags: (init) => {
      const { pidfd } = spawn(init);
      const named = handle(init, pidfd);
      const bad = [FASYNC, O.CREAT, O_NOCTTY, O.TRUNC, O.APPEND, O_SYNC, O_DSYNC, O_DIRECT];
      for (const how of [...bad, O.DIRECTORY, O.NOFOLLOW, O_NOATIME, O.PATH, O.TMPFILE]) {
        expect(said(init.openByHandleAtSync(pidfd, named, how))).toBe('-EINVAL');
      }
    },
    lookup_must_fail: (init) => {
      const { pidfd } = spawn(init);
      for (const flags of [AT.EMPTY_PATH, 0]) {
        expect(said(init.nameToHandleAtSync(pidfd, 'lookup-is-not-possible', flags))).toBe(
          '-ENOTDIR',
        );
      }
    },
    invalid_name_to_handle_at_flags: (init) => {
      const { pidfd } = spawn(init);
      const flags = AT.EMPTY_PATH | AT.HANDLE_CONNECTABLE;
      expect(init.nameToHandleAtSync(pidfd, '', flags)).toBeLessThan(0);
    },
    valid_name_to_handle_at_flags: (init) => {
      const { pidfd } = spawn(init);
      const named = handle(init, pidfd, AT.HANDLE_FID);
      const fd = ok<number>(init.openByHandleAtSync(pidfd, named));
      expect(id(init, fd)).toBe(id(init, pidfd));
    },
    decode_purely_based_on_file_handle: (init) => {
      const { pidfd } = spawn(init);
      const named = handle(init, pidfd);
      const before = id(init, pidfd);
      for (const how of [0, O.CLOEXEC, O.NONBLOCK]) {
        const fd = ok<number>(init.openByHandleAtSync(FD_PIDFS_ROOT, named, how));
        expect(id(init, fd)).toBe(before);
        init.closeSync(fd);
      }
      const other = ok<number>(init.pidfdOpenSync(1));
      expect(id(init, ok<number>(init.openByHandleAtSync(other, named)))).toBe(before);
      expect(said(init.openByHandleAtSync(-9, named))).toBe('-EBADF');
      expect(init.openByHandleAtSync(AT.FDCWD, named)).toBeLessThan(0);
    },
  },
};
