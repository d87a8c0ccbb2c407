/**
 * Processes and namespaces as a text: the part of a kernel's digest that tells identities apart.
 */

import type { DirectKernel } from './direct.js';

interface PlainNs {
  ns_id: number;
  ino: number;
  ns_type: number;
  active: number;
  owner_uid: number;
  user_ns: PlainNs | null;
  parent: PlainNs | null;
  table: Map<number, PlainPid> | null;
  last: number;
  dying: boolean;
  child_reaper: { pid: number } | null;
}

interface PlainPid {
  ino: number;
  numbers: { items: readonly (PlainNs | number)[] };
  task_pid: { pid: number } | null;
  task_tgid: { pid: number } | null;
  attr: Record<string, unknown> | null;
}

interface PlainCounters {
  ns_tree: { by_id: Map<number, PlainNs> | null; last_id: number };
  pidfs_cookie: { shared: number; last: readonly number[] };
  pidfs_ino: { last: number };
}

const TASK_FIELDS = [
  'caps',
  'group_exit_code',
  'stopped',
  'untold',
  'dumpable',
  'exit_state',
  'exit_code',
] as const;

function items(list: unknown): unknown {
  return (list as { items: unknown } | null)?.items ?? null;
}

function pid(node: PlainPid): unknown {
  const { ino, numbers, task_pid, task_tgid, attr } = node;
  const record =
    attr === null || 'errno' in attr
      ? attr
      : [attr['mask'], attr['exit_code'], items(attr['xattrs'])];
  return [
    ino,
    numbers.items.map((item) => (typeof item === 'number' ? item : item.ns_id)),
    task_pid?.pid ?? 0,
    task_tgid?.pid ?? 0,
    record,
  ];
}

/** What an inode of pidfs or nsfs stands for; null for others. */
export function standsFor(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return null;
  if ('numbers' in data) return pid(data as PlainPid);
  return 'ns_id' in data ? ['n', (data as PlainNs).ns_id] : null;
}

/** What a task is beyond its files. */
export function taskIdentity(task: Record<string, unknown>): unknown {
  const nsproxy = task['nsproxy'] as { ns: readonly PlainNs[] } | null;
  return [
    TASK_FIELDS.map((field) => task[field]),
    items(task['groups']),
    (task['user_ns'] as PlainNs | null)?.ns_id ?? 0,
    nsproxy?.ns.map(({ ns_id }) => ns_id) ?? null,
    (task['group_leader'] as { pid: number } | null)?.pid ?? 0,
    (task['real_parent'] as { pid: number } | null)?.pid ?? 0,
  ];
}

/** Every namespace with its processes, and the counters that numbers come from. */
export function identities(k: DirectKernel): unknown {
  const { ns_tree, pidfs_cookie, pidfs_ino } = k as unknown as PlainCounters;
  const namespaces = [...(ns_tree.by_id?.values() ?? [])].map((ns) => [
    [ns.ns_id, ns.ino, ns.ns_type, ns.active, ns.owner_uid, ns.last, ns.dying],
    ns.user_ns?.ns_id ?? 0,
    ns.parent?.ns_id ?? 0,
    ns.child_reaper?.pid ?? 0,
    [...(ns.table ?? [])].map(([number, each]) => [number, pid(each)]),
  ]);
  return [
    namespaces.sort((a, b) => Number((a[0] as number[])[0]) - Number((b[0] as number[])[0])),
    ns_tree.last_id,
    pidfs_cookie.shared,
    pidfs_cookie.last[0],
    pidfs_ino.last,
  ];
}
