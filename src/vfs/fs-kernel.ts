/**
 * A kernel with processes and files: {@link create_kernel} and what system calls need on top.
 *
 * Invariant: process 1 exists from boot on, stands in the root of a tmpfs, and is the parent of
 * whoever has lost its own.
 */

import {
  bind_functions,
  kmem_cache_alloc,
  MisuseError,
  Slab,
  Struct,
  write,
  type Bound,
  type KernelFunction,
  type List,
  type Machine,
  type ReusePolicy,
  type Task,
} from '../machine/index.js';
import { DCACHE, type Dentry } from '../dcache/index.js';
import { fs_functions, fs_functions_of_stash, fs_functions_v6_9 } from './fs-functions.js';
import { fs_at_rest, rule_fs_inode } from './fs-rules.js';
import { namespaces_at_rest, rule_namespace, rule_pid } from './id-rules.js';
import { create_kernel, type KernelOptions, type VfsKernel } from './kernel.js';
import { BatchedNumbers } from './numbers.js';
import { CLONE, LowestFree, Namespace, NS_TYPES, NsProxy, NsTree, SLOT } from './ns/structs.js';
import { PidfsAttr, PidStruct } from './pidfs/structs.js';
import { DHASH_ENTRIES, type Xa } from './platform/index.js';
import { ProcInode, ProcSuper, type ProcWhat } from './proc/structs.js';
import { File, FilesStruct, FsStruct, TaskStruct } from './process/structs.js';
import { nsfs_super, pidfs_super } from './special-files.js';
import { Handles } from './stashed.js';
import type { SuperBlock } from './super.js';
import { S_IFDIR, shmem_sops } from './tmpfs/inode.js';
import { FsInode, FsSuper, type FsOperations } from './tmpfs/structs.js';
import { Mount, MountTable } from './walk/mount.js';

/** What the kernel starts with. */
export interface FsOptions extends KernelOptions {
  /** Most pages in the root filesystem (default: no limit). */
  readonly blocks?: number;
  /** Most inodes in the root filesystem (default: no limit). */
  readonly inodes?: number;
  /** Hand inode numbers out again, newest first (default: every number is new). */
  readonly reuseIno?: boolean;
  /** Most open file descriptions in the whole system; above it is -ENFILE (default 2^20). */
  readonly maxFiles?: number;
  /** Highest process number (default 32768). */
  readonly pidMax?: number;
  /** Bits of a word: 32 makes inode numbers of pidfs repeat, by the rules of the version (default 64). */
  readonly wordSize?: 32 | 64;
  /** Where the virtual clock starts, in milliseconds since 1970 (default 0). */
  readonly now?: number;
}

class LockStruct extends Struct {
  readonly lock = this.lockCell('lock', this.kind);
  /** Counts ends of processes, for those that wait. */
  readonly exits = this.cell('exits', 0);
}

class SemStruct extends Struct {
  readonly sem = this.cell('sem', 0);
}

class Clock extends Struct {
  readonly now = this.cell('now', 0);
}

class FileTable extends Struct {
  readonly lock = this.lockCell('lock', 'files_lock');
  readonly nr_files = this.cell('nr_files', 0);
  readonly free = this.cell<List<File> | null>('free', null);
}

class PidTable extends Struct {
  readonly max: number;
  readonly lock = this.lockCell('lock', 'pidmap_lock');

  constructor(max: number) {
    super('pids');
    this.max = max;
  }
}

class PidIds extends Struct {
  readonly by_id = this.cell<Xa<PidStruct> | null>('by_id', null);
}

/** What the functions above the dcache work on. */
export interface FsState {
  readonly fs_inode_cache: Slab<FsInode, [SuperBlock]>;
  readonly filp_cache: Slab<File, []>;
  readonly files_cache: Slab<FilesStruct, []>;
  readonly fs_cache: Slab<FsStruct, []>;
  readonly task_cache: Slab<TaskStruct, []>;
  readonly mount_cache: Slab<Mount, [SuperBlock]>;
  readonly super_cache: Slab<FsSuper, [number, number]>;
  readonly ino_lock: LockStruct;
  readonly tasklist: LockStruct;
  readonly rename_mutex: SemStruct;
  readonly clock: Clock;
  readonly mount_table: MountTable;
  readonly file_table: FileTable;
  readonly pids: PidTable;
  readonly pid_cachep: Slab<PidStruct, [Handles, Namespace]>;
  readonly pidfs_attr_cachep: Slab<PidfsAttr, []>;
  readonly ns_cachep: Slab<Namespace, [Handles, number, number, boolean]>;
  readonly nsproxy_cachep: Slab<NsProxy, []>;
  readonly proc_inode_cache: Slab<ProcInode, [SuperBlock, ProcWhat, number]>;
  readonly proc_super_cache: Slab<ProcSuper, [Namespace]>;
  /** Stands for the handles of stash scenarios, which nobody looks at here. */
  readonly no_handles: Handles;
  /** Ids of processes in v7.3, by CPU. */
  readonly pidfs_cookie: BatchedNumbers;
  readonly pidfs_ids: PidIds;
  readonly pidfs_inum_ida: LowestFree;
  readonly proc_inum_ida: LowestFree;
  readonly ns_tree: NsTree;
  readonly word_size: 32 | 64;
  readonly pidfs_mnt: Mount;
  readonly nsfs_mnt: Mount;
  /** Processes that run a program access by access: nobody ends them but they themselves. */
  readonly programs: Set<TaskStruct>;
  readonly limits: { readonly files: number };
  readonly init_task: { task: TaskStruct | null };
  list<T>(items: readonly T[]): List<T>;
  /** Can single files of this filesystem be mounted? Those of v6.9's pidfs cannot. */
  may_bind(sb: SuperBlock): boolean;
  /** Length of a name in UTF-8. */
  byte_length(text: string): number;
  ops_of(sb: SuperBlock): FsOperations;
}

/** A kernel as the code of processes and files sees it. */
export type FsKernel = VfsKernel & Bound<typeof fs_functions> & FsState;

const FIRST_DEV = 2;
/** CPUs that take ids of processes from batches of their own. */
const CPUS = 16;
const RESERVED_PIDS = 300;
const PROC_DYNAMIC_FIRST = 0xf0000000;

/** Length of a text in UTF-8. */
export function byte_length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code >= 0x800) length += code >= 0xd800 && code < 0xe000 ? 1 : 2;
    else if (code >= 0x80) length += 1;
  }
  return length;
}

/** Build a kernel with processes and files on a fresh machine, and boot it. */
export function create_fs_kernel(machine: Machine, options: FsOptions = {}): FsKernel {
  const { functions: replaced = {}, ...rest } = options;
  const old = (options.version ?? 'v7.3') === 'v6.9';
  const own: Record<string, KernelFunction> = {};
  const lower: Record<string, KernelFunction> = {};
  const all = { ...fs_functions, ...fs_functions_of_stash, ...(old ? fs_functions_v6_9 : {}) };
  const bodies: Record<string, KernelFunction> = { ...all, ...replaced };
  for (const [name, body] of Object.entries(bodies)) {
    const is_own = name in fs_functions;
    (is_own ? own : lower)[name] = body;
  }
  const kernel = create_kernel(machine, {
    dhash_entries: DHASH_ENTRIES,
    supers: { pidfs: (op, flags) => pidfs_super(op, flags, old), nsfs: nsfs_super },
    ...rest,
    functions: lower,
  }) as unknown as FsKernel;
  const reuse: ReusePolicy = options.reuse ?? 'never';
  let supers = 0;
  const state: FsState = {
    fs_inode_cache: machine.global(
      new Slab(
        'inode',
        (sb: SuperBlock) => {
          const inode = new FsInode(sb);
          if (machine.ruled) rule_fs_inode(machine, inode);
          return inode;
        },
        reuse,
      ),
    ),
    pid_cachep: machine.global(
      new Slab('pid', (handles: Handles, ns: Namespace) => {
        const pid = new PidStruct(handles, ns);
        if (machine.ruled) rule_pid(machine, pid);
        return pid;
      }),
    ),
    pidfs_attr_cachep: machine.global(new Slab('pidfs_attr', () => new PidfsAttr())),
    ns_cachep: machine.global(
      new Slab('ns', (handles: Handles, type: number, level: number, initial: boolean) => {
        const ns = new Namespace(handles, type, level, initial);
        if (machine.ruled) rule_namespace(machine, kernel, ns);
        return ns;
      }),
    ),
    nsproxy_cachep: machine.global(new Slab('nsproxy', () => new NsProxy())),
    proc_inode_cache: machine.global(
      new Slab(
        'proc_inode_cache',
        (sb: SuperBlock, what: ProcWhat, number: number) => {
          const inode = new ProcInode(sb, what, number);
          if (machine.ruled) rule_fs_inode(machine, inode);
          return inode;
        },
        reuse,
      ),
    ),
    proc_super_cache: machine.global(
      new Slab('proc', (viewer: Namespace) => {
        supers += 1;
        return new ProcSuper(viewer, FIRST_DEV + supers);
      }),
    ),
    no_handles: machine.global(new Handles()),
    pidfs_cookie: machine.global(new BatchedNumbers('pidfs_cookie', 0, CPUS)),
    pidfs_ids: machine.global(new PidIds('pidfs_ino_ht')),
    pidfs_inum_ida: machine.global(new LowestFree('pidfs_inum_ida', RESERVED_PIDS + 1)),
    proc_inum_ida: machine.global(new LowestFree('proc_inum_ida', PROC_DYNAMIC_FIRST)),
    ns_tree: machine.global(new NsTree()),
    word_size: options.wordSize ?? 64,
    pidfs_mnt: machine.global(new Mount(kernel.pidfs)),
    nsfs_mnt: machine.global(new Mount(kernel.nsfs)),
    programs: new Set(),
    filp_cache: machine.global(new Slab('filp', () => new File())),
    files_cache: machine.global(new Slab('files_cache', () => new FilesStruct())),
    fs_cache: machine.global(new Slab('fs_cache', () => new FsStruct())),
    task_cache: machine.global(new Slab('task_struct', () => new TaskStruct())),
    mount_cache: machine.global(new Slab('mnt_cache', (sb: SuperBlock) => new Mount(sb))),
    super_cache: machine.global(
      new Slab('super', (blocks: number, inodes: number) => {
        supers += 1;
        const base = { s_op: shmem_sops, s_d_op: {}, s_d_flags: DCACHE.DONTCACHE };
        return new FsSuper(
          'tmpfs',
          { ...base, s_fs_info: null as never },
          { dev: FIRST_DEV + supers, blocks, inodes, reuseIno: options.reuseIno ?? false },
        );
      }),
    ),
    ino_lock: machine.global(new LockStruct('ino_lock')),
    tasklist: machine.global(new LockStruct('tasklist_lock')),
    rename_mutex: machine.global(new SemStruct('rename_mutex')),
    clock: machine.global(new Clock('clock')),
    mount_table: machine.global(new MountTable()),
    file_table: machine.global(new FileTable('file_table')),
    pids: machine.global(new PidTable(options.pidMax ?? 32768)),
    limits: { files: options.maxFiles ?? 1 << 20 },
    init_task: { task: null },
    list: <T>(items: readonly T[]): List<T> => machine.store.values.list(items),
    may_bind: (sb) => sb === kernel.nsfs || (!old && sb === kernel.pidfs),
    byte_length,
    ops_of: (sb) => (sb as FsSuper).s_fop,
  };
  Object.assign(kernel, state);
  bind_functions(kernel, own);
  if (machine.ruled) {
    machine.atRest.push(() => fs_at_rest(machine, kernel));
    machine.atRest.push(() => namespaces_at_rest(machine, kernel));
  }
  state.init_task.task = machine.boot(() => boot(kernel, options));
  return kernel;
}

/** The mount of a filesystem that nobody can get at by name. Source: fs/namespace.c, kern_mount. */
function* kern_mount(k: FsKernel, mount: Mount): Task<void> {
  const inode = (yield* k.new_inode_pseudo(mount.mnt_sb))!;
  yield* k.fill_inode(inode, 1, S_IFDIR | 0o600);
  yield* write<Dentry | null>(mount.mnt_root, yield* k.d_make_root(mount.mnt_sb, inode));
}

/** Everything before process 1 runs. */
function* boot(k: FsKernel, options: FsOptions): Task<TaskStruct> {
  yield* write(k.clock.now, options.now ?? 0);
  yield* k.init_namespaces((options.version ?? 'v7.3') !== 'v6.9');
  yield* kern_mount(k, k.pidfs_mnt);
  yield* kern_mount(k, k.nsfs_mnt);
  const task = (yield* kmem_cache_alloc(k.task_cache))!;
  const files = (yield* kmem_cache_alloc(k.files_cache))!;
  const fs = (yield* kmem_cache_alloc(k.fs_cache))!;
  yield* write<unknown>(task.files, files);
  yield* write<unknown>(task.fs, fs);
  yield* write<unknown>(task.group_leader, task);
  yield* write(task.threads, k.list<TaskStruct>([task]));
  yield* init_identity(k, task);
  const root = (yield* k.shmem_fill_super(
    task,
    options.blocks ?? Number.MAX_SAFE_INTEGER,
    options.inodes ?? Number.MAX_SAFE_INTEGER,
  )) as Dentry;
  const mount = yield* k.do_mount(root.d_sb as never, root, null, null);
  if (typeof mount === 'number') throw new MisuseError('the root filesystem cannot be mounted');
  yield* k.dget(root);
  yield* k.dget(root);
  yield* k.mntget(mount);
  yield* k.mntget(mount);
  yield* write<unknown>(fs.root, root);
  yield* write<unknown>(fs.pwd, root);
  yield* write<unknown>(fs.root_mnt, mount);
  yield* write<unknown>(fs.pwd_mnt, mount);
  return task;
}

/** Process 1 in the initial namespaces, as their superuser. */
function* init_identity(k: FsKernel, task: TaskStruct): Task<void> {
  yield* write(task.caps, true);
  yield* write<unknown>(task.user_ns, yield* k.init_ns(CLONE.NEWUSER));
  const nsproxy = (yield* kmem_cache_alloc(k.nsproxy_cachep))!;
  for (const { flag, slot } of NS_TYPES) {
    const ns = yield* k.init_ns(flag);
    yield* k.get_data(ns);
    if (slot >= 0) yield* write<unknown>(nsproxy.ns[slot], ns);
  }
  const time = yield* k.init_ns(CLONE.NEWTIME);
  yield* k.get_data(time);
  yield* write<unknown>(nsproxy.ns[SLOT.time_for_children], time);
  yield* write<unknown>(task.nsproxy, nsproxy);
  const pid_ns = yield* k.init_ns(CLONE.NEWPID);
  const pid = (yield* k.alloc_struct_pid(pid_ns)) as PidStruct;
  yield* write<unknown>(task.thread_pid, pid);
  yield* write(task.pid, 1);
  yield* write(task.tgid, 1);
  yield* write<unknown>(pid_ns.child_reaper, task);
  yield* k.attach_pid(task, pid);
}
