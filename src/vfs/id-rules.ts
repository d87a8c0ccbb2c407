/**
 * What must hold of the identities of processes and namespaces, looked at whenever one is written.
 *
 * Invariant: a record of a process is set once, and a namespace has as many users as it has inodes.
 */

import { IS_ERR, LIFE, type ErrPtr, type Machine } from '../machine/index.js';
import { Inode } from './inode.js';
import type { FsKernel } from './fs-kernel.js';
import { CLONE, Namespace } from './ns/structs.js';
import type { PidfsAttr, PidStruct } from './pidfs/structs.js';
import { rule_number } from './rules.js';

const ONCE = 'what a process leaves behind is set once';
const USERS = 'a namespace counts its inodes as active users';

/** The rules of a process's identity. */
export function rule_pid(machine: Machine, pid: PidStruct): void {
  rule_number(machine, pid);
  pid.attr.rule = (write) => {
    const was = write.old as PidfsAttr | ErrPtr | null;
    const now = pid.attr.value;
    const what = (attr: typeof now): string => (IS_ERR(attr) ? 'DEAD' : String(attr));
    if (was !== null || now === null) {
      write.broken(ONCE, `${pid.toString()}.attr: ${what(was)} -> ${what(now)}`);
    }
  };
}

/** Inodes of nsfs that a dentry of a namespace has: others are not whole yet, or not any more. */
function inodes_of(machine: Machine, k: FsKernel, ns: Namespace): number {
  return [...new Set(machine.allocated)].filter(
    (object) =>
      object instanceof Inode &&
      object.i_sb === k.nsfs &&
      object.life.value === LIFE.live &&
      (object.i_dentry.value?.items.length ?? 0) > 0 &&
      object.i_private.value === ns,
  ).length;
}

function too_few(machine: Machine, k: FsKernel, ns: Namespace): string | null {
  // v6.9 counted no users, and the initial namespaces are used for ever.
  if (ns.initial || k.version === 'v6.9') return null;
  const users = ns.active.value;
  const inodes = inodes_of(machine, k, ns);
  return users < inodes ? `${ns.toString()} has ${inodes} inodes and ${users} active users` : null;
}

/** The rules of a namespace. */
export function rule_namespace(machine: Machine, k: FsKernel, ns: Namespace): void {
  rule_number(machine, ns);
  ns.active.rule = (write) => {
    const wrong = too_few(machine, k, ns);
    if (wrong !== null) write.broken(USERS, wrong);
  };
}

/** What holds of namespaces once nobody runs: the owner of one that is in use is in use, too. */
export function namespaces_at_rest(machine: Machine, k: FsKernel): void {
  for (const ns of new Set(machine.allocated)) {
    if (!(ns instanceof Namespace) || ns.life.value !== LIFE.live) continue;
    const owner = ns.ns_type === CLONE.NEWUSER ? ns.parent.value : ns.user_ns.value;
    const unused = ns.active.value > 0 && owner?.active.value === 0;
    const detail =
      too_few(machine, k, ns) ??
      (unused ? `${ns.toString()} is in use, and its owner ${owner.toString()} is not` : null);
    if (detail === null) continue;
    machine.addFinding({ kind: 'invariant', title: `invariant: ${USERS}`, detail });
  }
}
