/**
 * What a kernel of the direct build holds, as a text: equal texts mean that no system call, now or
 * later, can tell the two kernels apart.
 */

import type { TaskStruct } from '../vfs/index.js';
import { identities, standsFor, taskIdentity } from './digest-identities.js';
import { clock_of, init_of, type DirectKernel } from './direct.js';
import type { PlainDentry, PlainInode, PlainTask } from './plain.js';

const INODE_FIELDS = [
  'i_ino',
  'i_mode',
  'i_nlink',
  'i_size',
  'i_uid',
  'i_gid',
  'i_atime',
  'i_mtime',
  'i_ctime',
  'i_generation',
  'i_link',
  'i_blocks',
  'i_dead',
];

/** The text for a kernel and its processes. */
export function digest(k: DirectKernel, tasks: readonly TaskStruct[]): string {
  const numbers = new Map<object, number>();
  const parts: unknown[] = [clock_of(k)];
  const once = (object: object, describe: () => void): void => {
    const known = numbers.get(object);
    if (known !== undefined) {
      parts.push(`#${known}`);
      return;
    }
    numbers.set(object, numbers.size);
    describe();
  };
  const supers = new Set<Record<string, unknown>>();
  const inode = (node: PlainInode): void => {
    once(node, () => {
      supers.add(node.i_sb);
      parts.push('i');
      for (const field of INODE_FIELDS) parts.push(node[field]);
      parts.push(standsFor(node['i_private']));
      for (const [index, page] of node.i_pages ?? []) parts.push(index, bytesOf(page));
      for (const child of node.i_names?.values() ?? []) dentry(child);
    });
  };
  const dentry = (node: PlainDentry): void => {
    once(node, () => {
      parts.push(
        'd',
        typeof node.d_name === 'string' ? node.d_name : node.d_name.name,
        node.d_hash_pprev !== null,
      );
      if (node.d_inode !== null) inode(node.d_inode);
      if (node.d_parent !== null) dentry(node.d_parent);
    });
  };
  const process = (task: PlainTask): void => {
    once(task, () => {
      const { pid, uid, gid, rlimit_nofile } = task;
      parts.push('t', pid, uid, gid, rlimit_nofile, taskIdentity(task));
      const { files, fs } = task;
      if (files !== null) {
        once(files, () => {
          for (const [fd, file] of [...(files.fd ?? [])].sort(([a], [b]) => a - b)) {
            parts.push('f', fd, files.close_on_exec?.has(fd) ?? false);
            once(file, () => {
              parts.push(file.f_pos, file.f_flags);
              if (file.f_inode !== null) inode(file.f_inode);
              if (file.f_dentry !== null) dentry(file.f_dentry);
            });
          }
        });
      }
      if (fs !== null) {
        parts.push(fs.umask);
        if (fs.root !== null) dentry(fs.root);
        if (fs.pwd !== null) dentry(fs.pwd);
      }
      for (const child of task.children ?? []) process(child);
    });
  };
  process(init_of(k) as unknown as PlainTask);
  for (const task of tasks) process(task as unknown as PlainTask);
  const mounts = (k.mount_table as unknown as { mounts: Iterable<object> | null }).mounts;
  for (const mount of mounts ?? []) {
    const { mnt_root, mnt_mountpoint } = mount as Record<string, PlainDentry>;
    parts.push('m');
    dentry(mnt_root);
    dentry(mnt_mountpoint);
  }
  for (const sb of supers) {
    const free = sb['s_free_inos'] as { items: readonly number[] } | null;
    parts.push(sb['s_last_ino'], free?.items ?? null, sb['s_generation'], sb['s_blocks_used']);
  }
  parts.push(identities(k));
  return JSON.stringify(parts);
}

function bytesOf(page: Uint8Array): string {
  let end = page.length;
  while (end > 0 && page[end - 1] === 0) end -= 1;
  return String.fromCharCode(...page.subarray(0, end));
}
