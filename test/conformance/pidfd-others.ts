/** The other files of tools/testing/selftests/pidfd. */

import { expect } from 'vitest';
import {
  AT,
  CLD,
  CLONE,
  F,
  O,
  OPEN_TREE,
  P,
  PIDFD,
  PIDFD_GET,
  PIDFD_INFO,
  POLL,
  SIG,
  WCONTINUED,
  WEXITED,
  WNOHANG,
  WSTOPPED,
} from 'dentrylab/fs';
import type { PidfdInfo, Process } from 'dentrylab/fs';
import type { Suite } from './registry.js';
import { id, ok, open, said, spawn } from './world.js';

const NO_PROGRAMS = 'programs are not read from files';
const NOT_SIMULATED = 'autoreap and autokill of clone3 are not simulated';

const setattr: Suite = {
  file: 'pidfd/pidfd_setattr_test.c',
  cases: {
    no_chown: (init) => {
      const { pidfd } = spawn(init);
      expect(said(init.fchownSync(pidfd, 1234, 5678))).toBe('-EOPNOTSUPP');
    },
    no_chmod: (init) => {
      const { pidfd } = spawn(init);
      expect(said(init.fchmodSync(pidfd, 0o777))).toBe('-EOPNOTSUPP');
    },
    no_exec: NO_PROGRAMS,
  },
};

const xattr: Suite = {
  file: 'pidfd/pidfd_xattr_test.c',
  cases: {
    set_get_list_xattr_multiple: (init) => {
      const { pidfd } = spawn(init);
      const names = Array.from({ length: 10 }, (_, i) => `trusted.testattr${i}`);
      for (const name of names) expect(init.fsetxattrSync(pidfd, name, `of ${name}`)).toBe(0);
      for (const name of names) expect(init.fgetxattrSync(pidfd, name)).toBe(`of ${name}`);
      expect(init.flistxattrSync(pidfd)).toEqual(names);
      for (const name of names) expect(init.fremovexattrSync(pidfd, name)).toBe(0);
      for (const name of names) expect(said(init.fgetxattrSync(pidfd, name))).toBe('-ENODATA');
    },
    set_get_list_xattr_persistent: (init) => {
      const { pid, pidfd } = spawn(init);
      expect(init.fsetxattrSync(pidfd, 'trusted.persistent', 'value')).toBe(0);
      expect(init.flistxattrSync(pidfd)).toEqual(['trusted.persistent']);
      init.closeSync(pidfd);
      const again = ok<number>(init.pidfdOpenSync(pid));
      expect(init.fgetxattrSync(again, 'trusted.persistent')).toBe('value');
      expect(init.flistxattrSync(again)).toEqual(['trusted.persistent']);
    },
  },
};

/** A pidfd of the caller, mounted on a file. */
function mounted(init: Process): { pidfd: number; tree: number } {
  const pidfd = ok<number>(init.pidfdOpenSync(1));
  ok(init.openSync('/mnt', O.CREAT | O.WRONLY));
  const tree = ok<number>(init.openTreeSync(pidfd, '', OPEN_TREE.CLONE | AT.EMPTY_PATH));
  expect(init.moveMountSync(tree, '/mnt')).toBe(0);
  return { pidfd, tree };
}

const bind_mount: Suite = {
  file: 'pidfd/pidfd_bind_mount.c',
  cases: {
    bind_mount: (init) => {
      const { pidfd, tree } = mounted(init);
      expect(id(init, tree)).toBe(id(init, pidfd));
      expect(init.closeSync(tree)).toBe(0);
      expect(init.umountSync('/mnt', true)).toBe(0);
    },
    reopen: (init) => {
      const pidfd = ok<number>(init.pidfdOpenSync(1));
      const before = id(init, pidfd);
      const again = ok<number>(init.openSync(`/proc/self/fd/${pidfd}`, O.RDONLY));
      expect(id(init, pidfd)).toBe(before);
      expect(id(init, again)).toBe(before);
    },
    bind_mount_reopen: (init) => {
      const { pidfd } = mounted(init);
      const again = open(init, '/mnt');
      expect(id(init, again)).toBe(id(init, pidfd));
      expect(init.umountSync('/mnt', true)).toBe(0);
    },
  },
};

const opening: Suite = {
  file: 'pidfd/pidfd_open_test.c',
  cases: {
    'do not allow invalid pid argument': (init) => {
      expect(said(init.pidfdOpenSync(-1))).toBe('-EINVAL');
    },
    'do not allow invalid flag argument': (init) => {
      expect(said(init.pidfdOpenSync(1, 1))).toBe('-EINVAL');
    },
    'open a pidfd for the caller': (init) => {
      const fd = ok<number>(init.pidfdOpenSync(init.getpidSync()));
      expect(init.fcntlSync(fd, F.GETFD)).toBe(1);
    },
    'get info from pidfd': (init) => {
      const { process } = spawn(init);
      const pid = process.getpidSync();
      const fd = ok<number>(process.pidfdOpenSync(pid));
      const told = ok<PidfdInfo>(process.pidfdInfoSync(fd, PIDFD_INFO.CGROUPID));
      expect(told).toMatchObject({ pid, tgid: pid, ppid: process.getppidSync(), uid: 0, gid: 0 });
      expect(ok<string>(process.fdinfoSync(fd))).toContain(`Pid:\t${pid}\n`);
      expect(told.cgroupid).not.toBe(0);
    },
  },
};

const polling: Suite = {
  file: 'pidfd/pidfd_poll_test.c',
  cases: {
    'poll tells the end of a killed child, many times': (init) => {
      for (let round = 0; round < 20; round += 1) {
        const { pidfd, pid } = spawn(init);
        expect(init.pollSync([pidfd], 0)).toEqual([0]);
        expect(init.killSync(pid, SIG.KILL)).toBe(0);
        expect(init.pollSync([pidfd], -1)).toEqual([POLL.IN]);
        ok(init.waitidSync(P.PIDFD, pidfd));
        init.closeSync(pidfd);
      }
    },
  },
};

const getfd: Suite = {
  file: 'pidfd/pidfd_getfd_test.c',
  cases: {
    disable_ptrace: (init) => {
      const { process, pidfd } = spawn(init);
      const fd = ok<number>(process.openSync('/f', O.CREAT));
      process.setuidSync(65534, 65534);
      process.setDumpableSync(false);
      const other = init.forkSync();
      other.setuidSync(65534, 65534);
      expect(said(other.pidfdGetfdSync(pidfd, fd))).toBe('-EPERM');
    },
    fetch_fd: (init) => {
      const { process, pidfd } = spawn(init);
      const fd = ok<number>(process.openSync('/f', O.CREAT | O.RDWR));
      const own = ok<number>(init.pidfdGetfdSync(pidfd, fd));
      expect(id(init, own)).toBe(id(process, fd));
      // The same open file description: one position.
      ok(process.writeSync(fd, 'text'));
      expect(init.lseekSync(own, 0, 1)).toBe(4);
      expect(init.fcntlSync(own, F.GETFD)).toBe(1);
    },
    test_unknown_fd: (init) => {
      const { pidfd } = spawn(init);
      expect(said(init.pidfdGetfdSync(pidfd, 99))).toBe('-EBADF');
    },
    flags_set: (init) => {
      const { pidfd } = spawn(init);
      expect(said(init.pidfdGetfdSync(pidfd, 0, 1))).toBe('-EINVAL');
    },
    no_strange_EBADF: (init) => {
      const { process, pidfd } = spawn(init);
      process.exitGroupSync(0);
      expect(said(init.pidfdGetfdSync(pidfd, 0))).toBe('-ESRCH');
      ok(init.waitidSync(P.PIDFD, pidfd));
      expect(said(init.pidfdGetfdSync(pidfd, 0))).toBe('-ESRCH');
    },
  },
};

const waiting: Suite = {
  file: 'pidfd/pidfd_wait.c',
  cases: {
    wait_simple: (init) => {
      for (const path of ['/proc/self', '/']) {
        expect(said(init.waitidSync(P.PIDFD, open(init, path)))).toBe('-EBADF');
      }
      const { process, pid, pidfd } = spawn(init);
      process.exitGroupSync(0);
      expect(init.waitidSync(P.PIDFD, pidfd)).toEqual({
        pid,
        uid: 0,
        status: 0,
        code: CLD.EXITED,
      });
    },
    wait_states: (init) => {
      const { pid, pidfd } = spawn(init);
      const next = (signal: number, options: number): unknown => {
        expect(init.pidfdSendSignalSync(pidfd, signal)).toBe(0);
        return init.waitidSync(P.PIDFD, pidfd, options);
      };
      expect(next(SIG.STOP, WSTOPPED)).toMatchObject({ pid, code: CLD.STOPPED });
      expect(next(SIG.CONT, WCONTINUED)).toMatchObject({ pid, code: CLD.CONTINUED });
      expect(next(SIG.STOP, WSTOPPED)).toMatchObject({ pid, code: CLD.STOPPED });
      expect(next(SIG.KILL, WEXITED)).toMatchObject({ pid, code: CLD.KILLED, status: SIG.KILL });
    },
    wait_nonblock: (init) => {
      const own = ok<number>(init.pidfdOpenSync(1, PIDFD.NONBLOCK));
      expect(said(init.waitidSync(P.PIDFD, own))).toBe('-ECHILD');
      const { process, pid } = spawn(init);
      const pidfd = ok<number>(init.pidfdOpenSync(pid, PIDFD.NONBLOCK));
      expect(said(init.waitidSync(P.PIDFD, pidfd))).toBe('-EAGAIN');
      expect(init.waitidSync(P.PIDFD, pidfd, WEXITED | WNOHANG)).toBe(0);
      expect(init.fcntlSync(pidfd, F.SETFL, 0)).toBe(0);
      process.exitGroupSync(0);
      expect(init.waitidSync(P.PIDFD, pidfd)).toMatchObject({ pid });
    },
  },
};

function line(process: Process, fd: number, name: string): string | undefined {
  const text = ok<string>(process.fdinfoSync(fd));
  return text
    .split('\n')
    .find((each) => each.startsWith(`${name}:`))
    ?.slice(name.length + 2);
}

const fdinfo: Suite = {
  file: 'pidfd/pidfd_fdinfo_test.c',
  cases: {
    NSpid: (init) => {
      const a = spawn(init, CLONE.NEWPID);
      const b = spawn(init, CLONE.NEWPID);
      expect(line(init, a.pidfd, 'NSpid')).toBe(`${a.pid}\t1`);
      expect(line(init, b.pidfd, 'NSpid')).toBe(`${b.pid}\t1`);
      // A sibling namespace has no number for it.
      expect(b.process.fdinfoSync(a.pidfd)).toContain('NSpid:\t0\n');
    },
    'dead process': (init) => {
      const { process, pidfd } = spawn(init);
      process.exitGroupSync(0);
      ok(init.waitidSync(P.PIDFD, pidfd));
      expect(line(init, pidfd, 'Pid')).toBe('-1');
      expect(line(init, pidfd, 'NSpid')).toBe('-1');
    },
  },
};

/** A leader, maybe at its end, and a thread that calls execve or ends. */
function early(init: Process, leader_ends: boolean, thread_execs: boolean): void {
  const { process: leader, pid, pidfd } = spawn(init);
  const thread = leader.threadSync();
  const by_thread = ok<number>(init.pidfdOpenSync(pid, PIDFD.THREAD));
  if (leader_ends) leader.exitSync(0);
  expect(init.pollSync([pidfd, by_thread], 0)).toEqual([0, 0]);
  if (thread_execs) {
    expect(thread.execveSync()).toBe(0);
    expect(init.pollSync([pidfd, by_thread], 0)).toEqual([0, 0]);
  }
  thread.exitGroupSync(0);
  expect(init.pollSync([pidfd, by_thread], -1)).toEqual([POLL.IN, POLL.IN]);
}

const basics: Suite = {
  file: 'pidfd/pidfd_test.c',
  cases: {
    'check for support: pidfd_send_signal': (init) => {
      expect(init.pidfdSendSignalSync(ok<number>(init.pidfdOpenSync(1)), 0)).toBe(0);
      expect(said(init.pidfdSendSignalSync(open(init, '/'), 0))).toBe('-EBADF');
    },
    'send signal: a live process': (init) => {
      const { pidfd } = spawn(init);
      expect(init.pidfdSendSignalSync(pidfd, SIG.USR1)).toBe(0);
      expect(init.pollSync([pidfd], -1)).toEqual([POLL.IN]);
    },
    'send signal: PIDFD_SELF_THREAD and PIDFD_SELF_THREAD_GROUP':
      'descriptors that stand for oneself without being open are not simulated',
    'send signal: exited process': (init) => {
      const { process, pidfd } = spawn(init);
      process.exitGroupSync(0);
      ok(init.waitidSync(P.PIDFD, pidfd));
      expect(said(init.pidfdSendSignalSync(pidfd, 0))).toBe('-ESRCH');
    },
    'send signal: recycled pid': (init) => {
      // In a namespace of its own, where few numbers are taken.
      const { process: inner } = spawn(init, CLONE.NEWPID);
      expect(inner.mkdirSync('/inner')).toBe(0);
      expect(inner.mountProcSync('/inner')).toBe(0);
      const first = ok<number>(inner.cloneSync() as number);
      const stale = ok<number>(inner.openSync(`/inner/${first}`));
      const pidfd = ok<number>(inner.pidfdOpenSync(first));
      expect(inner.killSync(first, SIG.KILL)).toBe(0);
      ok(inner.waitidSync(P.PID, first));
      for (let nr = 0; nr !== first;) {
        nr = ok<number>(inner.cloneSync() as number);
        if (nr === first) break;
        expect(inner.killSync(nr, SIG.KILL)).toBe(0);
        ok(inner.waitidSync(P.PID, nr));
      }
      expect(said(inner.pidfdSendSignalSync(stale, 0))).toBe('-ESRCH');
      expect(said(inner.pidfdSendSignalSync(pidfd, 0))).toBe('-ESRCH');
      expect(id(inner, ok<number>(inner.pidfdOpenSync(first)))).not.toBe(id(inner, pidfd));
    },
    'poll: no early event when a thread calls execve, by thread or by group': (init) =>
      early(init, false, true),
    'poll: no early event when the leader has ended, by thread or by group': (init) =>
      early(init, true, false),
  },
};

const TYPES = ['user', 'mnt', 'pid', 'uts', 'ipc', 'net', 'cgroup', 'pid_for_children', 'time'];
const FLAGS = new Map<string, number>([
  ['user', CLONE.NEWUSER],
  ['mnt', CLONE.NEWNS],
  ['pid', CLONE.NEWPID],
  ['uts', CLONE.NEWUTS],
  ['ipc', CLONE.NEWIPC],
  ['net', CLONE.NEWNET],
  ['cgroup', CLONE.NEWCGROUP],
  ['time', CLONE.NEWTIME],
]);
const GET = new Map<string, number>([
  ['user', PIDFD_GET.USER_NAMESPACE],
  ['mnt', PIDFD_GET.MNT_NAMESPACE],
  ['pid', PIDFD_GET.PID_NAMESPACE],
  ['uts', PIDFD_GET.UTS_NAMESPACE],
  ['ipc', PIDFD_GET.IPC_NAMESPACE],
  ['net', PIDFD_GET.NET_NAMESPACE],
  ['cgroup', PIDFD_GET.CGROUP_NAMESPACE],
  ['pid_for_children', PIDFD_GET.PID_FOR_CHILDREN_NAMESPACE],
  ['time', PIDFD_GET.TIME_NAMESPACE],
]);
const ALL = [...FLAGS.values()].reduce((all, flag) => all | flag, 0);

/** Two children with namespaces of their own, by pidfd and by the files in procfs. */
function nsset(init: Process): {
  me: Process;
  own: Map<string, number>;
  one: { pidfd: number; fds: Map<string, number>; pid: number };
  two: { pidfd: number; fds: Map<string, number>; pid: number };
} {
  const files = (who: string): Map<string, number> =>
    new Map(TYPES.map((name) => [name, open(init, `/proc/${who}/ns/${name}`)]));
  const child = (): { pidfd: number; fds: Map<string, number>; pid: number } => {
    const { process, pid, pidfd } = spawn(init, ALL & ~CLONE.NEWTIME);
    expect(process.unshareSync(CLONE.NEWTIME)).toBe(0);
    const later = open(process, `/proc/${pid}/ns/time_for_children`);
    expect(process.setnsSync(later, CLONE.NEWTIME)).toBe(0);
    return { pidfd, pid, fds: files(String(pid)) };
  };
  const one = child();
  const two = child();
  const own = files('self');
  return { me: init, own, one, two };
}

/** Is the process in the namespaces of the child, but for its own process namespace? */
function moved(
  init: Process,
  own: Map<string, number>,
  to: Map<string, number>,
  names: readonly string[],
): void {
  for (const name of names) {
    const expected = name === 'pid' ? own.get(name)! : to.get(name)!;
    expect(id(init, open(init, `/proc/self/ns/${name}`))).toBe(id(init, expected));
  }
}

const setns: Suite = {
  file: 'pidfd/pidfd_setns_test.c',
  cases: {
    invalid_flags: (init) => {
      const pidfd = ok<number>(init.pidfdOpenSync(1));
      const CLONE_VM = 0x100;
      for (const flags of [0, -1, CLONE_VM, CLONE.NEWUSER | CLONE_VM]) {
        expect(said(init.setnsSync(pidfd, flags))).toBe('-EINVAL');
      }
    },
    pidfd_exited_child: (init) => {
      const { process, pidfd } = spawn(init, CLONE.NEWUSER | CLONE.NEWNET);
      process.exitGroupSync(0);
      const before = TYPES.map((name) => init.readlinkSync(`/proc/self/ns/${name}`));
      expect(said(init.setnsSync(pidfd, CLONE.NEWUSER | CLONE.NEWNET))).toBe('-ESRCH');
      expect(TYPES.map((name) => init.readlinkSync(`/proc/self/ns/${name}`))).toEqual(before);
    },
    pidfd_incremental_setns: (init) => {
      const { me, own, one } = nsset(init);
      for (const name of TYPES) {
        const flag = FLAGS.get(name);
        if (flag !== undefined) expect(me.setnsSync(one.pidfd, flag)).toBe(0);
        moved(me, own, one.fds, [name]);
      }
    },
    nsfd_incremental_setns: (init) => {
      const { me, own, one } = nsset(init);
      for (const name of TYPES) {
        const flag = FLAGS.get(name);
        if (flag !== undefined) expect(me.setnsSync(one.fds.get(name)!, flag)).toBe(0);
        moved(me, own, one.fds, [name]);
      }
    },
    pidfd_derived_nsfd_incremental_setns: (init) => {
      const { me, own, one } = nsset(init);
      const derived = new Map(
        TYPES.map((name) => [name, ok<number>(me.ioctlSync(one.pidfd, GET.get(name)!))]),
      );
      for (const name of TYPES) {
        const flag = FLAGS.get(name);
        if (flag !== undefined) expect(me.setnsSync(derived.get(name)!, flag)).toBe(0);
        moved(me, own, derived, [name]);
      }
    },
    pidfd_one_shot_setns: (init) => {
      const { me, own, one } = nsset(init);
      expect(me.setnsSync(one.pidfd, ALL)).toBe(0);
      moved(me, own, one.fds, TYPES);
    },
    no_foul_play: (init) => {
      const { me, one, two } = nsset(init);
      expect(me.setnsSync(one.pidfd, ALL)).toBe(0);
      for (const [name, flag] of FLAGS) {
        expect(me.setnsSync(two.pidfd, flag)).toBeLessThan(0);
        expect(me.setnsSync(two.fds.get(name)!, flag)).toBeLessThan(0);
      }
    },
    setns_einval: (init) => {
      const fd = ok<number>(init.openSync('/rostock', O.CREAT | O.RDWR));
      expect(said(init.setnsSync(fd, 0))).toBe('-EINVAL');
    },
  },
};

const autoreap: Suite = {
  file: 'pidfd/pidfd_autoreap_test.c',
  cases: Object.fromEntries(
    [
      'autoreap_without_pidfd',
      'autoreap_basic',
      'autoreap_signaled',
      'autoreap_reparent',
      'autoreap_multithreaded',
      'autoreap_no_inherit',
      'autoreap_rejects_exit_signal',
      'autoreap_rejects_parent',
      'autoreap_rejects_thread',
      'nnp_sets_no_new_privs',
      'nnp_rejects_thread',
      'autoreap_no_new_privs_unset',
      'autokill_basic',
      'autokill_pidfd_open_no_effect',
      'autokill_requires_pidfd',
      'autokill_requires_autoreap',
      'autokill_rejects_thread',
      'autokill_requires_cap_sys_admin',
      'autokill_without_nnp_with_cap',
    ].map((name) => [name, NOT_SIMULATED]),
  ),
};

export const pidfd_others: readonly Suite[] = [
  setattr,
  xattr,
  bind_mount,
  opening,
  polling,
  getfd,
  waiting,
  fdinfo,
  basics,
  setns,
  autoreap,
];
