/** tools/testing/selftests/pidfd/pidfd_info_test.c */

import { expect } from 'vitest';
import { CLONE, P, PIDFD, PIDFD_INFO, POLL, SIG } from 'dentrylab/fs';
import type { PidfdInfo, Process } from 'dentrylab/fs';
import type { Suite } from './registry.js';
import { ok, said, spawn } from './world.js';

const { CGROUPID, CREDS, EXIT, SUPPORTED_MASK } = PIDFD_INFO;

function info(process: Process, fd: number, mask = CGROUPID | EXIT): PidfdInfo {
  return ok<PidfdInfo>(process.pidfdInfoSync(fd, mask));
}

/** A child, killed or ended by itself, and reaped if asked. @returns a pidfd of it */
function ended(init: Process, killed: boolean, reaped: boolean): number {
  const flags = killed ? 0 : CLONE.NEWUSER | CLONE.NEWPID;
  const { process: child, pid, pidfd } = spawn(init, flags);
  if (killed) expect(init.pidfdSendSignalSync(pidfd, SIG.KILL)).toBe(0);
  else child.exitGroupSync(0);
  if (reaped) ok(init.waitidSync(P.PID, pid));
  return pidfd;
}

function zombie(killed: boolean): (init: Process) => void {
  return (init) => {
    const pidfd = ended(init, killed, false);
    expect(info(init, pidfd, CGROUPID).mask & EXIT).toBe(0);
    const { mask } = info(init, pidfd);
    expect(mask & CREDS).toBe(CREDS);
    expect(mask & EXIT).toBe(0);
  };
}

function reaped(killed: boolean): (init: Process) => void {
  return (init) => {
    const pidfd = ended(init, killed, true);
    expect(said(init.pidfdInfoSync(pidfd, CGROUPID))).toBe('-ESRCH');
    const { mask, exit_code } = info(init, pidfd);
    expect(mask & (CREDS | EXIT)).toBe(EXIT);
    expect(exit_code).toBe(killed ? SIG.KILL : 0);
  };
}

/** No event on any of these. */
function quiet(process: Process, ...fds: number[]): void {
  expect(process.pollSync(fds, 0)).toEqual(fds.map(() => 0));
}

/** A process whose leader has ended, or not; a thread lives on and calls execve. */
function thread_execs(leader_ends: boolean): (init: Process) => void {
  return (init) => {
    const leader = init.forkSync();
    const pid = leader.getpidSync();
    const thread = leader.threadSync();
    const tid = thread.gettidSync();
    const pidfd_leader = ok<number>(init.pidfdOpenSync(pid));
    if (leader_ends) leader.exitSync(0);
    const pidfd_leader_thread = ok<number>(init.pidfdOpenSync(pid, PIDFD.THREAD));
    const pidfd_thread = ok<number>(init.pidfdOpenSync(tid, PIDFD.THREAD));
    quiet(init, pidfd_leader_thread);
    expect(thread.execveSync()).toBe(0);
    quiet(init, pidfd_leader_thread);
    expect(init.pollSync([pidfd_thread], -1)[0] & POLL.HUP).toBe(POLL.HUP);
    const left = info(init, pidfd_thread);
    expect(left.mask & (CREDS | EXIT)).toBe(EXIT);
    expect(left.exit_code).toBe(0);
    // The thread has the leader's number now.
    const alive = info(init, pidfd_leader);
    expect(alive.mask & (CREDS | EXIT)).toBe(CREDS);
    expect(alive.pid).toBe(pid);
    expect(thread.gettidSync()).toBe(pid);
    expect(init.pidfdSendSignalSync(pidfd_leader, SIG.KILL)).toBe(0);
    expect(init.pollSync([pidfd_leader_thread], -1)[0]).toBe(POLL.IN);
    ok(init.waitidSync(P.PIDFD, pidfd_leader));
    expect(info(init, pidfd_leader).mask & (CREDS | EXIT)).toBe(EXIT);
  };
}

function supported(wanted: number): (init: Process) => void {
  return (init) => {
    const told = info(init, spawn(init).pidfd, wanted);
    expect(told.mask & wanted).toBe(wanted);
    const known = Object.values(PIDFD_INFO).reduce((all, bit) => all | bit, 0);
    expect(told.supported_mask & known).toBe(known);
  };
}

export const pidfd_info: Suite = {
  file: 'pidfd/pidfd_info_test.c',
  cases: {
    sigkill_exit: zombie(true),
    sigkill_reaped: reaped(true),
    success_exit: zombie(false),
    success_reaped: reaped(false),
    success_reaped_poll: (init) => {
      const pidfd = ended(init, true, true);
      const events = init.pollSync([pidfd], -1)[0];
      expect(events).toBe(POLL.IN | POLL.HUP);
      const { mask, exit_code } = info(init, pidfd);
      expect(mask & (CREDS | EXIT)).toBe(EXIT);
      expect(exit_code).toBe(SIG.KILL);
    },
    thread_group: (init) => {
      const leader = init.forkSync();
      const pid = leader.getpidSync();
      const thread = leader.threadSync();
      const tid = thread.gettidSync();
      const pidfd_leader = ok<number>(init.pidfdOpenSync(pid));
      leader.exitSync(0);
      const pidfd_leader_thread = ok<number>(init.pidfdOpenSync(pid, PIDFD.THREAD));
      quiet(init, pidfd_leader_thread);
      expect(said(init.pidfdOpenSync(tid))).toBe('-ENOENT');
      const pidfd_thread = ok<number>(init.pidfdOpenSync(tid, PIDFD.THREAD));
      const all: [number, number][] = [
        [pidfd_leader, pid],
        [pidfd_leader_thread, pid],
        [pidfd_thread, tid],
      ];
      for (const [fd, number] of all) {
        const told = info(init, fd);
        expect(told.mask & (CREDS | EXIT)).toBe(CREDS);
        expect(told.pid).toBe(number);
      }
      expect(thread.gettidSync()).toBe(tid);
      expect(init.pidfdSendSignalSync(pidfd_leader, SIG.KILL)).toBe(0);
      ok(init.waitidSync(P.PIDFD, pidfd_leader));
      expect(init.pollSync([pidfd_leader], -1)[0]).toBe(POLL.IN | POLL.HUP);
      for (const [fd] of all) {
        const told = info(init, fd);
        expect(told.mask & (CREDS | EXIT)).toBe(EXIT);
        expect(told.exit_code).toBe(SIG.KILL);
      }
    },
    thread_group_exec: thread_execs(true),
    thread_group_exec_thread: thread_execs(false),
    supported_mask_field: supported(SUPPORTED_MASK),
    supported_mask_with_other_fields: supported(SUPPORTED_MASK | CGROUPID),
  },
};
