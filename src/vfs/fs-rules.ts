/**
 * What must hold of open files, and of all references of paths once every call has returned.
 *
 * Invariant: at rest a dentry's count is the number of its children, of files and working
 * directories on it, of mounts there, and of its filesystem's pin; so a walk that leaks a reference,
 * or drops one too many, is found whatever it did in between.
 */

import {
  assert_not_in_section,
  E,
  inspect,
  LIFE,
  type Machine,
  type Struct,
  type Task,
} from '../machine/index.js';
import { count_of } from '../lockref/index.js';
import { DCACHE, Dentry } from '../dcache/index.js';
import type { FsKernel } from './fs-kernel.js';
import { I_CLEAR, type Inode } from './inode.js';
import { File, FsStruct, type TaskStruct } from './process/structs.js';
import { rule_inode } from './rules.js';
import { Mount } from './walk/mount.js';

function live<S extends Struct>(machine: Machine, type: new (...args: never[]) => S): S[] {
  return [...new Set(machine.allocated)].filter(
    (object): object is S => object instanceof type && object.life.value === LIFE.live,
  );
}

function open_files(machine: Machine): File[] {
  return live(machine, File).filter((file) => file.f_count.value > 0);
}

/** The rules of an inode that files can be open on. */
export function rule_fs_inode(machine: Machine, inode: Inode): void {
  rule_inode(inode);
  const { rule } = inode.i_state;
  inode.i_state.rule = (write) => {
    rule?.(write);
    if ((inode.i_state.value & I_CLEAR) === 0) return;
    const file = open_files(machine).find(({ f_inode }) => f_inode.value === inode);
    if (file !== undefined) {
      write.broken(
        'an unlinked open file lives until it is closed',
        `${inode.toString()} is evicted, and ${file.toString()} is open on it`,
      );
    }
  };
}

/** Has the filesystem a reference of its own? In v6.9 nothing says so but that it is a name. */
function is_pinned({ version }: FsKernel, dentry: Dentry): boolean {
  if (version !== 'v6.9') return (dentry.d_flags.value & DCACHE.PERSISTENT) !== 0;
  const { d_parent, d_inode, d_hash_pprev } = dentry;
  return d_parent.value !== dentry && d_inode.value !== null && d_hash_pprev.value !== null;
}

/** Calls that may answer so, for reasons of their own: no child is left, a file handle is stale. */
const MAY_ANSWER: Readonly<Record<number, RegExp>> = {
  [-E.ECHILD]: /^wait/,
  [-E.ESTALE]: /handle/i,
};

/**
 * A call returns to its program: outside every reader, and with no answer that only a walk may give
 * itself. Takes no step.
 */
export function* exit_to_user_mode(
  k: FsKernel,
  task: TaskStruct,
  call: string,
  answer: unknown,
): Task<void> {
  yield* assert_not_in_section(
    k.rcu,
    `system call ${call} returns inside a reader`,
    'WARNING: lock held when returning to user space!',
  );
  if (typeof answer !== 'number' || MAY_ANSWER[answer]?.test(call) !== false) return;
  yield* inspect(task, (write) => {
    write.broken('-ECHILD and -ESTALE stay inside the walk', `${call} answers ${answer}`);
  });
}

/** What holds of references once every call has returned. */
export function fs_at_rest(machine: Machine, k: FsKernel): void {
  const held = new Map<Struct, number>();
  const owe = (object: Struct | null, amount = 1): void => {
    if (object !== null) held.set(object, (held.get(object) ?? 0) + amount);
  };
  const of_files = new Map<Struct, number>();
  for (const { f_dentry, f_mnt } of open_files(machine)) {
    owe(f_dentry.value);
    owe(f_mnt.value);
    for (const object of [f_dentry.value, f_mnt.value]) {
      if (object !== null) of_files.set(object, (of_files.get(object) ?? 0) + 1);
    }
  }
  for (const fs of live(machine, FsStruct)) {
    if (fs.count.value <= 0) continue;
    for (const cell of [fs.root, fs.pwd, fs.root_mnt, fs.pwd_mnt]) owe(cell.value);
  }
  const mounts = [...live(machine, Mount), k.pidfs_mnt, k.nsfs_mnt];
  for (const mount of mounts) {
    if (mount.mnt_count.value > 0) owe(mount.mnt_root.value);
    if (k.mount_table.mounts.value?.includes(mount) === true) {
      owe(mount.mnt_mountpoint.value);
      owe(mount.mnt_parent.value);
      owe(mount);
    } else if (mount.mnt_parent.value === null && !mount.detached.value) owe(mount);
  }
  const dentries = live(machine, Dentry);
  for (const dentry of dentries) {
    owe(dentry, dentry.d_children.value?.items.length ?? 0);
    if (is_pinned(k, dentry)) owe(dentry);
  }
  const counts: [Struct, number][] = [
    ...dentries.map((dentry): [Struct, number] => [dentry, count_of(dentry.d_lockref.value)]),
    ...mounts.map((mount): [Struct, number] => [mount, mount.mnt_count.value]),
  ];
  for (const [object, count] of counts) {
    const owners = held.get(object) ?? 0;
    if (count === owners) continue;
    const name =
      count < (of_files.get(object) ?? 0)
        ? 'a file holds one dentry and one mount reference'
        : 'a lockless walk leaks no reference';
    machine.addFinding({
      kind: 'invariant',
      title: `invariant: ${name}`,
      detail: `${object.toString()} has count ${count} for ${owners} owners`,
    });
  }
}
