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
import { fs_functions } from './fs-functions.js';
import { fs_at_rest, rule_fs_inode } from './fs-rules.js';
import { create_kernel, type KernelOptions, type VfsKernel } from './kernel.js';
import { DHASH_ENTRIES, type Xa } from './platform/index.js';
import { File, FilesStruct, FsStruct, TaskStruct } from './process/structs.js';
import type { SuperBlock } from './super.js';
import { shmem_sops } from './tmpfs/inode.js';
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
  readonly table = this.cell<Xa<TaskStruct> | null>('table', null);
  readonly last = this.cell('last', 0);

  constructor(max: number) {
    super('pids');
    this.max = max;
  }
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
  readonly limits: { readonly files: number };
  readonly init_task: { task: TaskStruct | null };
  list<T>(items: readonly T[]): List<T>;
  /** Length of a name in UTF-8. */
  byte_length(text: string): number;
  ops_of(sb: SuperBlock): FsOperations;
}

/** A kernel as the code of processes and files sees it. */
export type FsKernel = VfsKernel & Bound<typeof fs_functions> & FsState;

const FIRST_DEV = 2;
const NO_OPERATIONS: FsOperations = {};

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
  const own: Record<string, KernelFunction> = { ...fs_functions };
  const lower: Record<string, KernelFunction> = {};
  for (const [name, body] of Object.entries(replaced)) {
    if (name in own) own[name] = body;
    else lower[name] = body;
  }
  const kernel = create_kernel(machine, {
    dhash_entries: DHASH_ENTRIES,
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
    byte_length,
    ops_of: () => NO_OPERATIONS,
  };
  Object.assign(kernel, state);
  bind_functions(kernel, own);
  if (machine.ruled) machine.atRest.push(() => fs_at_rest(machine, kernel));
  state.init_task.task = machine.boot(() => boot(kernel, options));
  return kernel;
}

/** Everything before process 1 runs. */
function* boot(k: FsKernel, options: FsOptions): Task<TaskStruct> {
  yield* write(k.clock.now, options.now ?? 0);
  const task = (yield* kmem_cache_alloc(k.task_cache))!;
  const files = (yield* kmem_cache_alloc(k.files_cache))!;
  const fs = (yield* kmem_cache_alloc(k.fs_cache))!;
  yield* write<unknown>(task.files, files);
  yield* write<unknown>(task.fs, fs);
  yield* write<unknown>(task.group_leader, task);
  yield* write(task.threads, k.list<TaskStruct>([task]));
  const pid = yield* k.alloc_pid_number(task);
  yield* write(task.pid, pid);
  yield* write(task.tgid, pid);
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
