/**
 * One kernel: a machine, its caches and filesystems, and every kernel function by name.
 *
 * Functions call each other through the kernel, so a variant or a patch replaces one by its name
 * and everybody calls the new one. Invariant: two kernels share nothing.
 */

import {
  bind_functions,
  MisuseError,
  Slab,
  type Bound,
  type KernelFunction,
  type List,
  type Machine,
  type ReusePolicy,
  type Struct,
} from '../machine/index.js';
import {
  dcache_functions,
  dcache_functions_v6_9,
  dcache_state,
  type DcacheOptions,
  Dentry,
  type DcacheKernel,
  type DentryOperations,
  type DentrySuper,
  rule_dentry,
  ruled_operations,
  type RuledKernel,
} from '../dcache/index.js';
import { lockref_ops, type LockrefModel } from '../lockref/index.js';
import { rcu_functions, rcu_functions_of, rcu_objects, type RcuLevel } from '../rcu/index.js';
import { vfs_functions, vfs_functions_v6_9 } from './functions.js';
import { InodeHashTable } from './icache.js';
import { Ida, InoCounter } from './ino.js';
import { Inode } from './inode.js';
import { nsfs_sops, nsfs_stashed_ops } from './nsfs.js';
import { pidfs_sops, pidfs_stashed_ops, stashed_dentry_operations } from './pidfs.js';
import { kernel_at_rest, rule_counter, rule_inode, rule_inode_hash, rule_number } from './rules.js';
import { NsCommon, Pid, StashedObject, type Handles } from './stashed.js';
import { SuperBlock } from './super.js';
import { BitWaitTable } from './wait-bit.js';

/** Which kernel's steps the dcache takes where versions differ. */
export type Version = 'v6.9' | 'v7.3';

/** Which kernel is wanted: lockref model, version, reuse of memory, replaced functions. */
export interface KernelOptions extends DcacheOptions {
  readonly lockref?: LockrefModel;
  readonly version?: Version;
  /** Width of `unsigned long` (default 64): in v6.9 that is what i_ino is, in v7.3 it has 64 bits. */
  readonly bits_per_long?: 32 | 64;
  /** How RCU is modelled (default abstract); see docs/grace-period.md. */
  readonly rcu?: RcuLevel;
  /** What the slabs of dentries and inodes do with freed objects. */
  readonly reuse?: ReusePolicy;
  /** Functions that replace the kernel's own of the same name. */
  readonly functions?: Readonly<Record<string, KernelFunction>>;
  /** What stashed dentries hook, and the flags they start with. */
  readonly d_op?: DentryOperations;
  readonly d_flags?: number;
  /** The super blocks of pidfs and nsfs, if they are to do more than keep a stash. */
  readonly supers?: {
    readonly pidfs: (d_op: DentryOperations, d_flags: number) => SuperBlock;
    readonly nsfs: (d_op: DentryOperations, d_flags: number) => SuperBlock;
  };
  /** Names of invariants whose rules keep silent, to see what comes of breaking them. */
  readonly unruled?: readonly string[];
  /** Called for every object a slab makes. */
  readonly onCreate?: (object: Struct) => void;
}

/** A kernel as kernel code sees it. */
export type VfsKernel = DcacheKernel &
  Omit<Bound<typeof vfs_functions>, 'iput'> & {
    readonly machine: Machine;
    readonly version: Version;
    readonly inode_cache: Slab<Inode, [SuperBlock, boolean]>;
    readonly inode_hashtable: InodeHashTable;
    readonly bit_wait_table: BitWaitTable;
    readonly pid_cache: Slab<Pid, [Handles]>;
    readonly ns_cache: Slab<NsCommon, [Handles]>;
    readonly pidfs_ino: InoCounter;
    readonly ns_ida: Ida;
    readonly pidfs: SuperBlock;
    readonly nsfs: SuperBlock;
    /** A number as i_ino holds it. */
    i_ino_of(number: number): number;
    /** The machine's list with these items, in an order of its own. */
    bag<T>(items: readonly T[]): List<T>;
    /** The machine's list with these items in this order. */
    list<T>(items: readonly T[]): List<T>;
  };

/** First number of pidfs is one more than the reserved process numbers. */
const RESERVED_PIDS = 300;
/** PROC_DYNAMIC_FIRST: where numbers of namespaces begin. */
const PROC_DYNAMIC_FIRST = 0xf0000000;

/** Build a kernel on a fresh machine, before it has tasks. */
export function create_kernel(machine: Machine, options: KernelOptions = {}): VfsKernel {
  const reuse = options.reuse ?? 'never';
  let ruled: RuledKernel | null = null;
  const created = <S extends Struct>(object: S): S => {
    if (ruled !== null) {
      if (object instanceof Dentry) rule_dentry(ruled, object);
      else if (object instanceof Inode) rule_inode(object);
      else if (object instanceof StashedObject) rule_number(machine, object);
    }
    options.onCreate?.(object);
    return object;
  };
  const version = options.version ?? 'v7.3';
  const old = version === 'v6.9';
  if (old && options.dentry_negative === true) {
    throw new MisuseError("v6.9 has no dentry_negative: use version 'v7.3', or leave it out");
  }
  const d_op = options.d_op ?? stashed_dentry_operations;
  const d_flags = options.d_flags ?? 0;
  const state = {
    machine,
    version,
    ...rcu_objects(machine, options.rcu ?? 'abstract'),
    ...dcache_state(machine, options),
    dentry_cache: machine.global(
      new Slab(
        'dentry',
        (sb: DentrySuper) =>
          created(new Dentry(sb, machine.ruled ? ruled_operations(sb.s_d_op) : sb.s_d_op)),
        reuse,
      ),
    ),
    inode_cache: machine.global(
      new Slab('inode', (sb: SuperBlock, pseudo: boolean) => created(new Inode(sb, pseudo)), reuse),
    ),
    inode_hashtable: machine.global(new InodeHashTable()),
    bit_wait_table: machine.global(new BitWaitTable()),
    pid_cache: machine.global(new Slab('pid', (handles: Handles) => created(new Pid(handles)))),
    ns_cache: machine.global(new Slab('ns', (handles: Handles) => created(new NsCommon(handles)))),
    pidfs_ino: machine.global(new InoCounter(RESERVED_PIDS), 'pidfs_ino'),
    ns_ida: machine.global(new Ida(PROC_DYNAMIC_FIRST), 'proc_inum_ida'),
    pidfs: machine.global(
      options.supers?.pidfs(d_op, d_flags) ??
        new SuperBlock('pidfs', pidfs_sops, d_op, d_flags, pidfs_stashed_ops as never),
    ),
    nsfs: machine.global(
      options.supers?.nsfs(d_op, d_flags) ??
        new SuperBlock('nsfs', nsfs_sops, d_op, d_flags, nsfs_stashed_ops as never),
    ),
    i_ino_of: old && options.bits_per_long === 32 ? low_word : (number: number) => number,
    bag: <T>(items: readonly T[]): List<T> => machine.store.values.bag(items),
    list: <T>(items: readonly T[]): List<T> => machine.store.values.list(items),
  };
  const functions: Record<string, KernelFunction> = {
    ...LOCKREF_FUNCTIONS[options.lockref ?? 'faithful'],
    ...(rcu_functions_of[options.rcu ?? 'abstract'] as unknown as Record<string, KernelFunction>),
    ...dcache_functions,
    ...(old ? dcache_functions_v6_9 : {}),
    ...vfs_functions,
    ...(old ? vfs_functions_v6_9 : {}),
  };
  for (const [name, replacement] of Object.entries(options.functions ?? {})) {
    if (!(name in functions)) throw unknownFunction(name, Object.keys(functions));
    functions[name] = replacement;
  }
  const kernel = { ...state } as unknown as VfsKernel;
  machine.store.values.declare(kernel, 'kernel');
  bind_functions(kernel, functions);
  if (machine.ruled) ruled = set_rules(kernel, functions, options);
  return kernel;
}

function low_word(number: number): number {
  return number % 2 ** 32;
}

/** Have the invariants looked at, in every run. */
function set_rules(
  kernel: VfsKernel,
  functions: Readonly<Record<string, KernelFunction>>,
  { lockref = 'faithful', unruled = [] }: KernelOptions,
): RuledKernel {
  const names = new Map(Object.entries(functions).map(([name, body]) => [body as unknown, name]));
  const name_of_function: RuledKernel['name_of_function'] = (body) => names.get(body) ?? null;
  const ruled = { k: kernel, lockref, name_of_function };
  const { machine } = kernel;
  for (const name of unruled) machine.unruled.add(name);
  rule_inode_hash(ruled, kernel);
  rule_counter(kernel.pidfs_ino);
  machine.atRest.push(() => kernel_at_rest(machine, kernel));
  return ruled;
}

/** The names of all kernel functions: what a patch can replace. */
export function kernel_function_names(): string[] {
  return [
    ...Object.keys(lockref_ops('faithful')),
    ...Object.keys(rcu_functions),
    ...Object.keys(dcache_functions),
    ...Object.keys(vfs_functions),
  ].sort();
}

/** lockref needs no kernel; a parameter in front makes its functions replaceable like the others. */
function lockref_functions(model: LockrefModel): Record<string, KernelFunction> {
  return Object.fromEntries(
    Object.entries(lockref_ops(model)).map(([name, body]) => [
      name,
      (_k: never, ...args: never[]) => (body as KernelFunction)(...(args as [never])),
    ]),
  );
}

const LOCKREF_FUNCTIONS: Readonly<Record<LockrefModel, Record<string, KernelFunction>>> = {
  faithful: lockref_functions('faithful'),
  spinlock: lockref_functions('spinlock'),
  counter: lockref_functions('counter'),
};

function unknownFunction(name: string, known: readonly string[]): MisuseError {
  const near = nearest(name, known);
  return new MisuseError(
    `there is no kernel function '${name}'; the nearest are ${near.join(', ')}`,
  );
}

/** The three names most like `name`. */
export function nearest(name: string, known: readonly string[]): string[] {
  const scored = known.map((candidate) => ({ candidate, distance: editDistance(name, candidate) }));
  scored.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1));
  return scored.slice(0, 3).map(({ candidate }) => candidate);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitute = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
