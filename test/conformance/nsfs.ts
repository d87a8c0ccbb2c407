/** tools/testing/selftests/filesystems/nsfs and tools/testing/selftests/namespaces. */

import { expect } from 'vitest';
import {
  AT,
  CLONE,
  FD_NSFS_ROOT,
  LISTNS_CURRENT_USER,
  NS,
  O,
  OPEN_TREE,
  P,
  SIG,
} from 'dentrylab/fs';
import type { FileHandleAt, FileStat, Process } from 'dentrylab/fs';
import type { Case, Suite } from './registry.js';
import { id, ok, open, said, spawn } from './world.js';

const O_DIRECT = 0o40000;
const TYPES: readonly (readonly [string, number])[] = [
  ['net', CLONE.NEWNET],
  ['uts', CLONE.NEWUTS],
  ['ipc', CLONE.NEWIPC],
  ['pid', CLONE.NEWPID],
  ['mnt', CLONE.NEWNS],
  ['user', CLONE.NEWUSER],
  ['cgroup', CLONE.NEWCGROUP],
  ['time', CLONE.NEWTIME],
];

const NO_SOCKETS = 'there are no sockets';
const NO_FAULTS = 'memory of programs cannot be unmapped';

/** A file of one of the caller's namespaces. */
function ns(process: Process, name: string, who: number | 'self' = 'self'): number {
  return open(process, `/proc/${who}/ns/${name}`);
}

function handle(process: Process, fd: number): FileHandleAt {
  return ok<FileHandleAt>(process.nameToHandleAtSync(fd, '', AT.EMPTY_PATH));
}

function ns_id(process: Process, fd: number): number {
  return ok<number>(process.ioctlSync(fd, NS.GET_ID));
}

/** A child with new namespaces, and the handle and id of the one of this name. */
function holder(
  init: Process,
  flags: number,
  name: string,
): { process: Process; pid: number; named: FileHandleAt; number: number } {
  const { process, pid, pidfd } = spawn(init, flags);
  init.closeSync(pidfd);
  const fd = ns(init, name, pid);
  const named = handle(init, fd);
  const number = ns_id(init, fd);
  init.closeSync(fd);
  return { process, pid, named, number };
}

function finish(init: Process, { process, pid }: { process: Process; pid: number }): void {
  process.exitGroupSync(0);
  ok(init.waitidSync(P.PID, pid));
}

/** Can a namespace be opened by its handle? */
function reachable(process: Process, named: FileHandleAt): boolean {
  const fd = process.openByHandleAtSync(FD_NSFS_ROOT, named);
  if (fd < 0) {
    expect(said(fd)).toBe('-ESTALE');
    return false;
  }
  process.closeSync(fd);
  return true;
}

function listed(process: Process, types = 0, owner = 0): readonly number[] {
  return ok<readonly number[]>(process.listnsSync(types, owner));
}

// filesystems/nsfs

/** Visit all mount namespaces but one, from there. */
function iterate(next: boolean, enters: boolean): Case {
  return (init) => {
    const kids = Array.from({ length: 4 }, () => spawn(init, CLONE.NEWNS));
    const all = [ns(init, 'mnt'), ...kids.map(({ pid }) => ns(init, 'mnt', pid))];
    const first = next ? all[0] : all.at(-1)!;
    if (enters) expect(init.setnsSync(first, CLONE.NEWNS)).toBe(0);
    let fd = enters ? ns(init, 'mnt') : first;
    const seen: number[] = [];
    for (;;) {
      const other = init.ioctlSync(fd, next ? NS.MNT_GET_NEXT : NS.MNT_GET_PREV);
      if (other < 0) {
        expect(said(other)).toBe('-ENOENT');
        break;
      }
      seen.push(ns_id(init, other));
      fd = other;
    }
    const rest = all.filter((each) => each !== first).map((each) => ns_id(init, each));
    expect(seen).toEqual(next ? rest : rest.reverse());
  };
}

const iterate_mntns: Suite = {
  file: 'filesystems/nsfs/iterate_mntns.c',
  cases: {
    iterate_all_forward: iterate(true, false),
    iterate_all_backwards: iterate(false, false),
    iterate_forward: iterate(true, true),
    iterate_backward: iterate(false, true),
    nfs_valid_ioctl: (init) => {
      for (const command of [0x9360, 0x9361, 0xc018937e]) {
        expect(said(init.ioctlSync(ns(init, 'mnt'), command))).toBe('-ENOTTY');
      }
    },
  },
};

const owner: Suite = {
  file: 'filesystems/nsfs/owner.c',
  cases: {
    'NS_GET_USERNS: the owner, and nothing beyond': (init) => {
      const { process, pid } = spawn(init, CLONE.NEWUSER | CLONE.NEWUTS);
      const user = ns(init, 'user', pid);
      const owned_by = ok<number>(init.ioctlSync(ns(init, 'uts', pid), NS.GET_USERNS));
      expect(id(init, owned_by)).toBe(id(init, user));
      const parent = ok<number>(init.ioctlSync(owned_by, NS.GET_USERNS));
      expect(id(init, parent)).toBe(id(init, ns(init, 'user')));
      // There is nothing above the first one, nor above one's own.
      expect(said(init.ioctlSync(parent, NS.GET_USERNS))).toBe('-EPERM');
      const inside = ns(process, 'user', pid);
      expect(said(process.ioctlSync(inside, NS.GET_USERNS))).toBe('-EPERM');
      expect(said(process.ioctlSync(inside, NS.GET_PARENT))).toBe('-EPERM');
    },
  },
};

const pidns: Suite = {
  file: 'filesystems/nsfs/pidns.c',
  cases: {
    'NS_GET_PARENT: the parent, and nothing beyond': (init) => {
      const { pid } = spawn(init, CLONE.NEWUSER | CLONE.NEWPID);
      for (const name of ['pid', 'user']) {
        const parent = ok<number>(init.ioctlSync(ns(init, name, pid), NS.GET_PARENT));
        expect(id(init, parent)).toBe(id(init, ns(init, name)));
        expect(said(init.ioctlSync(parent, NS.GET_PARENT))).toBe('-EPERM');
      }
      expect(said(init.ioctlSync(ns(init, 'uts'), NS.GET_PARENT))).toBe('-EINVAL');
    },
  },
};

// namespaces

/** Without privileges, one's own namespaces can be opened by handle. */
function own_handle(name: string): Case {
  return (init) => {
    const { process, pid } = spawn(init);
    process.setuidSync(65534, 65534);
    const fd = ns(process, name, pid);
    const again = ok<number>(process.openByHandleAtSync(FD_NSFS_ROOT, handle(process, fd)));
    expect(id(process, again)).toBe(id(process, fd));
  };
}

/** From a new user namespace, the parent's namespace cannot be opened. */
function isolation(name: string, flag: number): Case {
  return (init) => {
    const named = handle(init, ns(init, name));
    const { process } = spawn(init, CLONE.NEWUSER | flag);
    if (name === 'time') {
      const later = process.openSync('/proc/self/ns/time_for_children');
      expect(process.unshareSync(CLONE.NEWTIME)).toBe(0);
      process.closeSync(later);
    }
    const inside = name === 'time' ? process.forkSync() : process;
    expect(said(inside.openByHandleAtSync(FD_NSFS_ROOT, named))).toBe('-ESTALE');
  };
}

const file_handle: Suite = {
  file: 'namespaces/file_handle_test.c',
  cases: {
    ...Object.fromEntries(TYPES.map(([name]) => [`nsfs_${name}_handle`, own_handle(name)])),
    ...Object.fromEntries(
      TYPES.filter(([name]) => name !== 'user').map(([name, flag]) => [
        `nsfs_user_${name}_namespace_isolation`,
        isolation(name, name === 'time' ? 0 : flag),
      ]),
    ),
    nsfs_open_flags: (init) => {
      const named = handle(init, ns(init, 'net'));
      const answer = (flags: number): unknown =>
        said(init.openByHandleAtSync(FD_NSFS_ROOT, named, flags));
      for (const flags of [O.WRONLY, O.RDWR, O.TRUNC]) expect(answer(flags)).toBe('-EPERM');
      for (const flags of [O_DIRECT, O.TMPFILE]) expect(answer(flags)).toBe('-EINVAL');
      expect(answer(O.DIRECTORY)).toBe('-ENOTDIR');
    },
  },
};

const INIT_INO: readonly (readonly [string, number])[] = [
  ['ipc', 0xefffffff],
  ['uts', 0xeffffffe],
  ['user', 0xeffffffd],
  ['pid', 0xeffffffc],
  ['cgroup', 0xeffffffb],
  ['time', 0xeffffffa],
  ['net', 0xeffffff9],
  ['mnt', 0xeffffff8],
];

const init_ino: Suite = {
  file: 'namespaces/init_ino_test.c',
  cases: Object.fromEntries(
    INIT_INO.map(([name, ino]) => [
      `${name} has its fixed number`,
      (init: Process): void => {
        expect(ok<FileStat>(init.statSync(`/proc/1/ns/${name}`)).ino).toBe(ino);
      },
    ]),
  ),
};

const nsid: Suite = {
  file: 'namespaces/nsid_test.c',
  cases: Object.fromEntries(
    TYPES.flatMap(([name, flag]): [string, Case][] => [
      [
        `nsid_${name}${name === 'mnt' ? 'ns' : ''}_basic`.replace('mntns', 'mntns'),
        (init): void => {
          const number = ns_id(init, ns(init, name));
          expect(number).toBeGreaterThan(0);
          expect(ns_id(init, ns(init, name))).toBe(number);
          if (name === 'mnt') {
            expect(init.ioctlSync(ns(init, name), NS.GET_MNTNS_ID)).toBe(number);
          }
        },
      ],
      [
        `nsid_${name}${name === 'mnt' ? 'ns' : ''}_separate`,
        (init): void => {
          const { pid, process } = spawn(init, name === 'time' ? 0 : flag);
          if (name === 'time') expect(process.unshareSync(CLONE.NEWTIME)).toBe(0);
          const place = name === 'time' ? 'time_for_children' : name;
          expect(ns_id(init, ns(init, place, pid))).not.toBe(ns_id(init, ns(init, name)));
        },
      ],
    ]),
  ),
};

/** Children deeper and deeper; the innermost one's namespaces. */
function nested(init: Process, depth: number): { people: Process[]; handles: FileHandleAt[] } {
  const people: Process[] = [];
  const handles: FileHandleAt[] = [];
  let at = init;
  let pid = 0;
  for (let level = 0; level < depth; level += 1) {
    const child = spawn(at, CLONE.NEWUSER);
    at.closeSync(child.pidfd);
    at = child.process;
    pid = child.pid;
    people.push(at);
    const fd = ns(at, 'user', pid);
    handles.push(handle(at, fd));
    at.closeSync(fd);
  }
  return { people, handles };
}

/** End them all, the innermost first, and reap them. */
function finish_all(init: Process, people: readonly Process[]): void {
  for (const [i, person] of [...people.entries()].reverse()) {
    person.exitGroupSync(0);
    ok((i === 0 ? init : people[i - 1]).waitidSync(P.ALL, 0));
  }
}

const ns_active_ref: Suite = {
  file: 'namespaces/ns_active_ref_test.c',
  cases: {
    init_ns_always_active: (init) => {
      for (const [name] of TYPES) {
        const fd = ns(init, name);
        const named = handle(init, fd);
        init.closeSync(fd);
        expect(reachable(init, named)).toBe(true);
      }
    },
    ns_inactive_after_exit: (init) => {
      const child = holder(init, CLONE.NEWNET, 'net');
      expect(reachable(init, child.named)).toBe(true);
      finish(init, child);
      expect(reachable(init, child.named)).toBe(false);
    },
    ns_active_with_multiple_processes: (init) => {
      const child = holder(init, CLONE.NEWNET, 'net');
      const other = spawn(child.process);
      finish(init, child);
      expect(reachable(init, child.named)).toBe(true);
      other.process.exitGroupSync(0);
      ok(init.waitidSync(P.PID, other.pid));
      expect(reachable(init, child.named)).toBe(false);
    },
    userns_active_ref_lifecycle: (init) => {
      const child = holder(init, CLONE.NEWUSER, 'user');
      expect(listed(init, CLONE.NEWUSER)).toContain(child.number);
      finish(init, child);
      expect(reachable(init, child.named)).toBe(false);
    },
    pidns_active_ref_lifecycle: (init) => {
      const child = holder(init, CLONE.NEWPID, 'pid');
      expect(reachable(init, child.named)).toBe(true);
      finish(init, child);
      expect(reachable(init, child.named)).toBe(false);
    },
    ns_fd_keeps_active: (init) => {
      const child = holder(init, CLONE.NEWNET, 'net');
      const fd = ns(init, 'net', child.pid);
      finish(init, child);
      expect(reachable(init, child.named)).toBe(true);
      init.closeSync(fd);
      expect(reachable(init, child.named)).toBe(false);
    },
    ns_parent_always_reachable: (init) => {
      const { people, handles } = nested(init, 2);
      expect(handles.map((named) => reachable(init, named))).toEqual([true, true]);
      // The parent's process ends; the child's namespace keeps its owner in use.
      people[0].exitGroupSync(0);
      ok(init.waitidSync(P.ALL, 0));
      expect(handles.map((named) => reachable(init, named))).toEqual([true, true]);
      people[1].exitGroupSync(0);
      ok(init.waitidSync(P.ALL, 0));
      expect(handles.map((named) => reachable(init, named))).toEqual([false, false]);
    },
    ns_bind_mount_keeps_in_tree: (init) => {
      const child = holder(init, CLONE.NEWNET, 'net');
      ok(init.openSync('/mnt', O.CREAT | O.WRONLY));
      const fd = ns(init, 'net', child.pid);
      const tree = ok<number>(init.openTreeSync(fd, '', OPEN_TREE.CLONE | AT.EMPTY_PATH));
      expect(init.moveMountSync(tree, '/mnt')).toBe(0);
      init.closeSync(tree);
      init.closeSync(fd);
      finish(init, child);
      expect(reachable(init, child.named)).toBe(true);
      expect(init.umountSync('/mnt', true)).toBe(0);
      expect(reachable(init, child.named)).toBe(false);
    },
    ns_multilevel_hierarchy: (init) => {
      const { people, handles } = nested(init, 3);
      expect(handles.map((named) => reachable(init, named))).toEqual([true, true, true]);
      finish_all(init, people);
      expect(handles.map((named) => reachable(init, named))).toEqual([false, false, false]);
    },
    ns_multiple_children_same_parent: (init) => {
      const parent = holder(init, CLONE.NEWUSER, 'user');
      const a = spawn(parent.process, CLONE.NEWUSER);
      const b = spawn(parent.process, CLONE.NEWUSER);
      finish(init, parent);
      a.process.exitGroupSync(0);
      ok(init.waitidSync(P.PID, a.pid));
      expect(reachable(init, parent.named)).toBe(true);
      b.process.exitGroupSync(0);
      ok(init.waitidSync(P.PID, b.pid));
      expect(reachable(init, parent.named)).toBe(false);
    },
    ns_different_types_same_owner: (init) => {
      const child = spawn(init, CLONE.NEWUSER | CLONE.NEWNET | CLONE.NEWUTS);
      const named = ['user', 'net', 'uts'].map((name) => {
        const fd = ns(init, name, child.pid);
        const of = handle(init, fd);
        init.closeSync(fd);
        return of;
      });
      const uts = ns(init, 'uts', child.pid);
      finish(init, child);
      expect(named.map((each) => reachable(init, each))).toEqual([true, false, true]);
      init.closeSync(uts);
      expect(named.map((each) => reachable(init, each))).toEqual([false, false, false]);
    },
    ns_deep_hierarchy_propagation: (init) => {
      const { people, handles } = nested(init, 4);
      // All but the innermost process end: its namespace keeps all above in use.
      for (const person of people.slice(0, -1)) {
        person.exitGroupSync(0);
        ok(init.waitidSync(P.ALL, 0));
      }
      expect(handles.map((named) => reachable(init, named))).toEqual([true, true, true, true]);
      people.at(-1)!.exitGroupSync(0);
      ok(init.waitidSync(P.ALL, 0));
      expect(handles.some((named) => reachable(init, named))).toBe(false);
    },
    ns_parent_multiple_children_refcount: (init) => {
      const parent = holder(init, CLONE.NEWUSER, 'user');
      const kids = [1, 2, 3].map(() => spawn(parent.process, CLONE.NEWUSER));
      finish(init, parent);
      for (const kid of kids) {
        expect(reachable(init, parent.named)).toBe(true);
        kid.process.exitGroupSync(0);
        ok(init.waitidSync(P.PID, kid.pid));
      }
      expect(reachable(init, parent.named)).toBe(false);
    },
    ns_userns_child_propagation: (init) => {
      const child = holder(init, CLONE.NEWUSER | CLONE.NEWNET, 'user');
      const net = ns(init, 'net', child.pid);
      finish(init, child);
      expect(reachable(init, child.named)).toBe(true);
      init.closeSync(net);
      expect(reachable(init, child.named)).toBe(false);
    },
    ns_mixed_types_same_owner: (init) => {
      const child = holder(init, CLONE.NEWUSER | CLONE.NEWNET | CLONE.NEWIPC, 'user');
      const fds = ['net', 'ipc'].map((name) => ns(init, name, child.pid));
      finish(init, child);
      for (const fd of fds) {
        expect(reachable(init, child.named)).toBe(true);
        init.closeSync(fd);
      }
      expect(reachable(init, child.named)).toBe(false);
    },
    thread_ns_inactive_after_exit: (init) => {
      const { process, pid, pidfd } = spawn(init);
      init.closeSync(pidfd);
      const thread = process.threadSync();
      expect(thread.unshareSync(CLONE.NEWNET)).toBe(0);
      const tid = thread.gettidSync();
      const fd = ns(init, 'net', tid);
      const named = handle(init, fd);
      expect(id(init, fd)).not.toBe(id(init, ns(init, 'net', pid)));
      init.closeSync(fd);
      expect(reachable(init, named)).toBe(true);
      thread.exitSync(0);
      expect(reachable(init, named)).toBe(false);
    },
    thread_ns_fd_keeps_active: (init) => {
      const thread = init.threadSync();
      expect(thread.unshareSync(CLONE.NEWNET)).toBe(0);
      const fd = ns(init, 'net', thread.gettidSync());
      const named = handle(init, fd);
      thread.exitSync(0);
      expect(reachable(init, named)).toBe(true);
      init.closeSync(fd);
      expect(reachable(init, named)).toBe(false);
    },
    thread_subprocess_ns_inactive_after_all_exit: (init) => {
      const thread = init.threadSync();
      expect(thread.unshareSync(CLONE.NEWNET)).toBe(0);
      const fd = ns(init, 'net', thread.gettidSync());
      const named = handle(init, fd);
      init.closeSync(fd);
      const child = spawn(thread);
      thread.exitSync(0);
      expect(reachable(init, named)).toBe(true);
      child.process.exitGroupSync(0);
      ok(init.waitidSync(P.PID, child.pid));
      expect(reachable(init, named)).toBe(false);
    },
  },
};

const listns: Suite = {
  file: 'namespaces/listns_test.c',
  cases: {
    listns_basic_unified: (init) => {
      expect(listed(init).length).toBeGreaterThanOrEqual(TYPES.length);
      expect(listed(init).every((number) => number > 0)).toBe(true);
    },
    listns_filter_by_type: (init) => {
      spawn(init, CLONE.NEWNET);
      const found = listed(init, CLONE.NEWNET);
      expect(found).toHaveLength(2);
      for (const number of found) {
        const named = { type: 0xf1, id: number, ns_type: 0, inum: 0 };
        const fd = ok<number>(init.openByHandleAtSync(FD_NSFS_ROOT, named));
        expect(init.ioctlSync(fd, NS.GET_NSTYPE)).toBe(CLONE.NEWNET);
      }
    },
    listns_pagination: (init) => {
      const all = listed(init);
      const pages: number[] = [];
      for (let after = 0; ; after = pages.at(-1)!) {
        const page = ok<readonly number[]>(init.listnsSync(0, 0, after, 2));
        if (page.length === 0) break;
        pages.push(...page);
      }
      expect(pages).toEqual(all);
      expect([...pages].sort((a, b) => a - b)).toEqual(pages);
    },
    listns_current_user: (init) => {
      expect(listed(init, 0, LISTNS_CURRENT_USER).length).toBeGreaterThan(0);
    },
    listns_only_active: (init) => {
      const child = holder(init, CLONE.NEWNET, 'net');
      expect(listed(init, CLONE.NEWNET)).toContain(child.number);
      finish(init, child);
      expect(listed(init, CLONE.NEWNET)).not.toContain(child.number);
    },
    listns_specific_userns: (init) => {
      const child = holder(init, CLONE.NEWUSER | CLONE.NEWNET, 'user');
      const net = ns_id(init, ns(init, 'net', child.pid));
      expect(listed(init, 0, child.number)).toEqual([net]);
    },
    listns_multiple_types: (init) => {
      const found = listed(init, CLONE.NEWNET | CLONE.NEWUTS);
      expect(found).toEqual([ns_id(init, ns(init, 'uts')), ns_id(init, ns(init, 'net'))]);
    },
    listns_hierarchical_visibility: (init) => {
      const { people } = nested(init, 2);
      expect(listed(init, CLONE.NEWUSER)).toHaveLength(3);
      // From inside, one sees oneself and not the first one.
      expect(listed(people[1], CLONE.NEWUSER)).toHaveLength(1);
    },
    listns_error_cases: (init) => {
      expect(said(init.listnsSync(1))).toBe('-EINVAL');
      expect(said(init.listnsSync(0, 9999))).toBe('-EINVAL');
    },
  },
};

const listns_permissions: Suite = {
  file: 'namespaces/listns_permissions_test.c',
  cases: {
    listns_unprivileged_current_only: (init) => {
      const hidden = holder(init, CLONE.NEWNET, 'net');
      const { process } = spawn(init, CLONE.NEWUSER);
      expect(process.unshareSync(CLONE.NEWNET)).toBe(0);
      const own = ns_id(process, ns(process, 'net'));
      expect(listed(process, CLONE.NEWNET)).toContain(own);
      expect(listed(process, CLONE.NEWNET)).not.toContain(hidden.number);
    },
    listns_cap_sys_admin_in_userns: (init) => {
      const { process } = spawn(init, CLONE.NEWUSER | CLONE.NEWNS);
      const own = ns_id(process, ns(process, 'user'));
      for (const flag of [CLONE.NEWNET, CLONE.NEWUTS, CLONE.NEWIPC]) {
        expect(process.unshareSync(flag)).toBe(0);
      }
      expect(listed(process, 0, own).length).toBeGreaterThanOrEqual(4);
    },
    listns_cannot_see_sibling_userns_namespaces: (init) => {
      const a = holder(init, CLONE.NEWUSER | CLONE.NEWNET, 'net');
      const b = spawn(init, CLONE.NEWUSER);
      expect(listed(b.process, CLONE.NEWNET)).not.toContain(a.number);
    },
    listns_parent_userns_cap_sys_admin: (init) => {
      const { process } = spawn(init, CLONE.NEWUSER);
      const parent = ns_id(process, ns(process, 'user'));
      expect(process.unshareSync(CLONE.NEWUSER)).toBe(0);
      const child = ns_id(process, ns(process, 'user'));
      expect(process.unshareSync(CLONE.NEWNET)).toBe(0);
      expect(listed(process, 0, parent)).toContain(child);
    },
    listns_current_user_permissions: (init) => {
      const { process } = spawn(init, CLONE.NEWUSER | CLONE.NEWNS);
      for (const flag of [CLONE.NEWNET, CLONE.NEWUTS]) {
        expect(process.unshareSync(flag)).toBe(0);
      }
      expect(listed(process, 0, LISTNS_CURRENT_USER).length).toBeGreaterThanOrEqual(3);
    },
    'after dropping the capability': (init) => {
      const other = holder(init, CLONE.NEWNET, 'net');
      const { process } = spawn(init);
      expect(listed(process, CLONE.NEWNET)).toContain(other.number);
      process.setuidSync(1000, 1000);
      expect(listed(process, CLONE.NEWNET)).toEqual([ns_id(process, ns(process, 'net'))]);
    },
  },
};

/** Change credentials in a user namespace: it stays in use until the process ends. */
function credentials(change: (process: Process, round: number) => void): Case {
  return (init) => {
    const child = holder(init, CLONE.NEWUSER, 'user');
    for (let round = 0; round < 8; round += 1) {
      change(child.process, round);
      expect(listed(init, CLONE.NEWUSER)).toContain(child.number);
    }
    finish(init, child);
    expect(listed(init, CLONE.NEWUSER)).not.toContain(child.number);
  };
}

const cred_change: Suite = {
  file: 'namespaces/cred_change_test.c',
  cases: {
    setuid_preserves_active_refs: credentials((p, round) => p.setuidSync(round % 3, -1)),
    setgid_preserves_active_refs: credentials((p, round) => p.setuidSync(-1, round % 3)),
    setresuid_preserves_active_refs: 'a process has one user: real, effective and saved are one',
    cred_change_nested_userns: (init) => {
      const { people, handles } = nested(init, 2);
      for (const person of people) person.setuidSync(0, 0);
      expect(handles.map((named) => reachable(init, named))).toEqual([true, true]);
      finish_all(init, people);
      expect(handles.map((named) => reachable(init, named))).toEqual([false, false]);
    },
    rapid_cred_changes_no_leak: credentials((p, round) => {
      p.setuidSync(-1, round % 5);
      p.setgroupsSync([round % 5]);
      p.setuidSync(round % 5, -1);
    }),
    setfsuid_preserves_active_refs: 'there is no user for files apart from that of the process',
  },
};

/** Make and end processes with namespaces; afterwards none is left. */
function churn(rounds: number, flags: readonly number[], at_once: boolean): Case {
  return (init) => {
    const before = listed(init);
    const alive: { process: Process; pid: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const child = spawn(init, flags[round % flags.length]);
      init.closeSync(child.pidfd);
      expect(listed(init).length).toBeGreaterThan(before.length);
      if (at_once) alive.push(child);
      else finish(init, child);
    }
    for (const child of alive) finish(init, child);
    expect(listed(init)).toEqual(before);
  };
}

const stress: Suite = {
  file: 'namespaces/stress_test.c',
  cases: {
    rapid_namespace_creation_destruction: churn(8, [CLONE.NEWUSER | CLONE.NEWNET], false),
    many_concurrent_namespaces: churn(8, [CLONE.NEWUSER], true),
    rapid_mixed_namespace_creation: churn(
      8,
      [CLONE.NEWNET, CLONE.NEWPID, CLONE.NEWUTS | CLONE.NEWIPC, CLONE.NEWNS],
      false,
    ),
    nested_namespace_churn: (init) => {
      const before = listed(init);
      for (let round = 0; round < 3; round += 1) finish_all(init, nested(init, 3).people);
      expect(listed(init)).toEqual(before);
    },
    listns_pagination_stress: (init) => {
      for (let i = 0; i < 6; i += 1) spawn(init, CLONE.NEWUTS);
      const all = listed(init, CLONE.NEWUTS);
      const pages: number[] = [];
      for (let page: readonly number[] = [0]; page.length > 0; pages.push(...page)) {
        page = ok<readonly number[]>(init.listnsSync(CLONE.NEWUTS, 0, pages.at(-1) ?? 0, 2));
      }
      expect(pages).toEqual(all);
    },
    concurrent_namespace_operations: churn(6, [CLONE.NEWNET, CLONE.NEWUSER], true),
    namespace_churn: churn(8, [CLONE.NEWUSER | CLONE.NEWPID | CLONE.NEWNET], true),
  },
};

/** setns to a process that is ending: by pidfd, or the pidfd that clone answers. */
function late_setns(by_clone: boolean): Case {
  return (init) => {
    const before = listed(init);
    let pid: number;
    let pidfd: number;
    if (by_clone) {
      const CLONE_PIDFD = 0x1000;
      [pid, pidfd] = init.cloneSync(CLONE.NEWUTS | CLONE_PIDFD) as number[];
    } else ({ pid, pidfd } = spawn(init, CLONE.NEWUTS));
    expect(init.setnsSync(pidfd, CLONE.NEWUTS)).toBe(0);
    expect(init.killSync(pid, SIG.KILL)).toBe(0);
    ok(init.waitidSync(P.PID, pid));
    // The caller is in it, so it is in use, once; and not after it has gone back.
    expect(said(init.setnsSync(pidfd, CLONE.NEWUTS))).toBe('-ESRCH');
    expect(listed(init)).toHaveLength(before.length + 1);
    const first = { type: 0xf1, id: 2, ns_type: 0, inum: 0 };
    const home = ok<number>(init.openByHandleAtSync(FD_NSFS_ROOT, first));
    expect(init.setnsSync(home, CLONE.NEWUTS)).toBe(0);
    expect(listed(init)).toEqual(before);
  };
}

const regression: Suite = {
  file: 'namespaces/regression_pidfd_setns_test.c',
  cases: { simple_pidfd_setns: late_setns(false), simple_pidfd_setns_clone: late_setns(true) },
};

function beyond(file: string, why: string, ...names: string[]): Suite {
  return { file, cases: Object.fromEntries(names.map((name) => [name, why])) };
}

export const nsfs: readonly Suite[] = [
  iterate_mntns,
  owner,
  pidns,
  file_handle,
  init_ino,
  nsid,
  ns_active_ref,
  beyond(
    'namespaces/siocgskns_test.c',
    NO_SOCKETS,
    'siocgskns_basic',
    'siocgskns_socket_keeps_netns_active',
    'siocgskns_socket_types',
    'siocgskns_across_setns',
    'siocgskns_non_socket',
    'siocgskns_multiple_sockets',
    'siocgskns_netns_lifecycle',
    'siocgskns_ipv6',
    'siocgskns_listns_visibility',
    'siocgskns_file_handle',
    'siocgskns_combined',
    'siocgskns_multilevel_resurrection',
  ),
  listns,
  beyond('namespaces/listns_efault_test.c', NO_FAULTS, 'listns_partial_fault_with_ns_cleanup'),
  beyond('namespaces/listns_pagination_bug.c', NO_FAULTS, 'pagination_with_type_filter'),
  listns_permissions,
  cred_change,
  stress,
  regression,
  beyond(
    'filesystems/mount_cycle',
    'trees are not mounted recursively; a single file is',
    'own_ns_file_below_foreign_source',
    'detached_nsfs_bind_not_walked',
    'detached_pidfs_bind_not_walked',
    'vacant_child_not_copied',
    'copy_of_detached_bind_is_ordinary',
    'detached_tree_setattr_refused',
    'existing_mount_stays_on_top',
  ),
  beyond('filesystems/anon_inode_test.c', 'there is no fsopen', 'anon_inode_no_chown'),
  beyond('net/af_unix/scm_pidfd.c', NO_SOCKETS, 'test'),
  beyond('coredump', 'processes leave no core', 'socket', 'stackdump'),
  beyond('filesystems/empty_mntns', 'mounts are not copied with their namespace', 'with_pidfd'),
];
