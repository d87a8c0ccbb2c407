/**
 * Namespaces: what a process sees its own copy of, each with a file in nsfs.
 *
 * Two counts: `count` keeps the memory, `active` says whether anybody uses the namespace. Invariant:
 * a namespace that is active has an active owner; the initial ones are active for ever. Mirrors
 * include/linux/ns_common.h, pid_namespace.h, user_namespace.h and nsproxy.h.
 */

import { Struct, type Cell, type List, type Spinlock } from '../../machine/index.js';
import type { Xa } from '../platform/index.js';
import type { PidStruct } from '../pidfs/structs.js';
import type { TaskStruct } from '../process/structs.js';
import { NsCommon, type Handles } from '../stashed.js';

/** Flags of clone(2), unshare(2) and setns(2) that name a type of namespace. */
export const CLONE = {
  NEWTIME: 0x80,
  NEWNS: 0x20000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
} as const;

/** Every flag of {@link CLONE}. */
export const CLONE_NEW_ALL = Object.values(CLONE).reduce((all, flag) => all | flag, 0);

/** Places of namespaces in an nsproxy; the user namespace belongs to the credentials. */
export const SLOT = {
  mnt: 0,
  uts: 1,
  ipc: 2,
  net: 3,
  cgroup: 4,
  time: 5,
  time_for_children: 6,
  pid_for_children: 7,
} as const;

const SLOTS = Object.keys(SLOT);

/** A type of namespace. */
export interface NsType {
  readonly name: string;
  readonly flag: number;
  /** Where an nsproxy has it; -1 for the user namespace. */
  readonly slot: number;
  /** Number of the initial one; its low bits, since its high ones are the same for all. */
  readonly inum: number;
  /** ns_id of the initial one. */
  readonly id: number;
  /** Has its initial number been fixed from the start? Others came later. */
  readonly early: boolean;
}

const INIT_BASE = 0xeffffff8;

const type = (
  name: string,
  flag: number,
  slot: number,
  last: number,
  id: number,
  early: boolean,
): NsType => ({ name, flag, slot, inum: INIT_BASE + last, id, early });

/** All types. Source: include/uapi/linux/nsfs.h. */
export const NS_TYPES: readonly NsType[] = [
  type('user', CLONE.NEWUSER, -1, 5, 3, true),
  type('mnt', CLONE.NEWNS, SLOT.mnt, 0, 8, false),
  type('uts', CLONE.NEWUTS, SLOT.uts, 6, 2, true),
  type('ipc', CLONE.NEWIPC, SLOT.ipc, 7, 1, true),
  type('net', CLONE.NEWNET, SLOT.net, 1, 7, false),
  type('cgroup', CLONE.NEWCGROUP, SLOT.cgroup, 3, 5, true),
  type('time', CLONE.NEWTIME, SLOT.time, 2, 6, true),
  type('pid', CLONE.NEWPID, SLOT.pid_for_children, 4, 4, true),
];

/** The type of a flag. */
export function ns_type_of(flag: number): NsType {
  return NS_TYPES.find((each) => each.flag === flag)!;
}

/** One namespace, of any type. */
export class Namespace extends NsCommon {
  /** Flag of {@link CLONE}. */
  readonly ns_type: number;
  /** Depth in the hierarchy of user or process namespaces. */
  readonly level: number;
  /** Is it one of those that the kernel begins with? They are never counted. */
  readonly initial: boolean;
  readonly ns_id = this.cell('ns_id', 0);
  /** Users: nsproxies, credentials, inodes in nsfs, and active namespaces that it owns. */
  readonly active = this.cell('__ns_ref_active', 0);
  /** The user namespace that owns it; null for user namespaces, which have a parent. */
  readonly user_ns = this.cell<Namespace | null>('user_ns', null);
  readonly parent = this.cell<Namespace | null>('parent', null);
  /** Of a user namespace: who made it. */
  readonly owner_uid = this.cell('owner_uid', 0);
  // Of a process namespace; pidmap_lock protects these:
  readonly table: Cell<Xa<PidStruct> | null> = this.cell<Xa<PidStruct> | null>('idr', null);
  readonly last = this.cell('last_pid', 0);
  readonly child_reaper = this.cell<TaskStruct | null>('child_reaper', null);
  /** Its first process has ended: there will be no others. */
  readonly dying = this.cell('dying', false);

  constructor(handles: Handles, ns_type: number, level: number, initial: boolean) {
    super(handles);
    this.ns_type = ns_type;
    this.level = level;
    this.initial = initial;
  }

  /** See ns_get_unless_inactive(). */
  protected override counter(): Cell<number> {
    return this.cell('count', 1);
  }
}

/** The namespaces of a task and its threads. Mirrors struct nsproxy. */
export class NsProxy extends Struct {
  readonly count = this.cell('count', 1);
  /** By {@link SLOT}; constant once the nsproxy is shared. */
  readonly ns: readonly Cell<Namespace | null>[];

  constructor() {
    super('nsproxy');
    this.ns = SLOTS.map((name) => this.cell<Namespace | null>(name, null));
  }
}

/** All namespaces by their ns_id. Mirrors kernel/nstree.c. */
export class NsTree extends Struct {
  readonly lock: Spinlock = this.lockCell('lock', 'ns_tree_lock');
  readonly by_id: Cell<Xa<Namespace> | null> = this.cell<Xa<Namespace> | null>('by_id', null);
  readonly last_id = this.cell('last_id', 0);
  /** The initial ones, in the order of {@link NS_TYPES}. */
  readonly initial = this.cell<List<Namespace> | null>('initial', null);

  constructor() {
    super('ns_tree');
  }
}

/** Numbers handed out lowest free first, and again as soon as they are free. Mirrors lib/idr.c. */
export class LowestFree extends Struct {
  readonly first: number;
  readonly lock: Spinlock = this.lockCell('lock', 'ida_lock');
  readonly used: Cell<Xa<number> | null> = this.cell<Xa<number> | null>('used', null);
  /** No number below this one is free. */
  readonly hint = this.cell('hint', 0);

  constructor(kind: string, first: number) {
    super(kind);
    this.first = first;
  }
}
