/** A small filesystem tree to test the dcache on. */

import type { Dentry, DentryOperations } from '../../src/dcache/index.js';
import {
  Machine,
  WRITE_ONCE,
  write,
  type Branch,
  type MachineOptions,
  type Task,
} from '../../src/machine/index.js';
import { explore, type ExploreResult, type Program } from '../../src/explore/index.js';
import {
  create_kernel,
  type Inode,
  SuperBlock,
  type KernelOptions,
  type VfsKernel,
} from '../../src/vfs/index.js';

export const DIR = 0o040755;
export const FILE = 0o100644;

export interface Tree {
  readonly k: VfsKernel;
  readonly sb: SuperBlock;
  readonly root: Dentry;
  readonly machine: Machine;
}

export interface TreeOptions extends KernelOptions {
  readonly s_d_op?: DentryOperations;
}

/** An inode of this mode, with count 1. */
export function* new_inode({ k, sb }: Pick<Tree, 'k' | 'sb'>, mode: number): Task<Inode> {
  const inode = (yield* k.new_inode_pseudo(sb))!;
  yield* write(inode.i_mode, mode);
  return inode;
}

/** A kernel with one empty directory tree. */
export function tree(options: TreeOptions = {}, machineOptions: MachineOptions = {}): Tree {
  const machine = new Machine(machineOptions);
  const k = create_kernel(machine, options);
  const sops = { evict_inode: (kernel: VfsKernel, inode: Inode) => kernel.clear_inode(inode) };
  const sb = machine.global(
    new SuperBlock('testfs', sops as never, options.s_d_op ?? {}, 0, {} as never),
  );
  const root = machine.boot(function* () {
    const inode = yield* new_inode({ k, sb }, DIR);
    const dentry = (yield* k.d_make_root(sb, inode))!;
    yield* WRITE_ONCE(sb.s_root, dentry);
    return dentry;
  });
  return { k, sb, root, machine };
}

/** Add a hashed entry; the caller's reference stays. */
export function* add(t: Tree, parent: Dentry, name: string, mode: number | null): Task<Dentry> {
  const dentry = (yield* t.k.d_alloc(parent, name))!;
  yield* t.k.d_add(dentry, mode === null ? null : yield* new_inode(t, mode));
  return dentry;
}

/** Add a hashed entry that nobody uses. */
export function* add_unused(
  t: Tree,
  parent: Dentry,
  name: string,
  mode: number | null,
): Task<Dentry> {
  const dentry = yield* add(t, parent, name, mode);
  yield* t.k.dput(dentry);
  return dentry;
}

/** What a set-up leaves for the tasks. */
export type SetUp<W> = (t: Tree) => Task<W>;
export type TaskBody<W> = (t: Tree, world: W) => Task<void>;

export function program<W>(
  options: TreeOptions,
  setUp: SetUp<W>,
  tasks: readonly TaskBody<W>[],
  branches: readonly Branch[] = [],
  atEnd: (t: Tree, world: W) => void = () => undefined,
): Program {
  return {
    name: 'tree',
    branches,
    build(machineOptions) {
      const t = tree(options, machineOptions);
      const world = t.machine.boot(() => setUp(t));
      for (const [i, body] of tasks.entries()) {
        t.machine.addTask({ name: `t${i}` }, () => body(t, world));
      }
      return {
        machine: t.machine,
        atEnd: () => atEnd(t, world),
      };
    },
  };
}

/** Explore every interleaving. */
export function check<W>(
  setUp: SetUp<W>,
  tasks: readonly TaskBody<W>[],
  atEnd?: (t: Tree, world: W) => void,
  options: TreeOptions = {},
): ExploreResult {
  return explore(program(options, setUp, tasks, [], atEnd), { keepGoing: true, minimise: false });
}

/** Run alone, to the end. */
export function alone<T>(t: Tree, body: () => Task<T>): T {
  return t.machine.boot(body);
}
