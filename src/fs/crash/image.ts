/**
 * A filesystem as it would lie on a disk, and what one update makes of it.
 *
 * Invariant: images are never changed; an update gives a new one that shares what stays the same.
 * Equal keys mean that nobody who comes by name can tell two images apart.
 */

import { MisuseError } from '../../machine/index.js';
import type { Process } from '../sys.js';
import { O } from '../../vfs/index.js';

const PAGE = 4096;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;

/** One inode. Pages are texts of one character for each byte, without their trailing zeros. */
export interface DiskInode {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly target: string | null;
  readonly pages: ReadonlyMap<number, string>;
  /** What a directory holds: names, and the numbers of their inodes. */
  readonly names: ReadonlyMap<string, number>;
}

/** A whole filesystem: inodes by number. The root is number 0. */
export type Image = ReadonlyMap<number, DiskInode>;

/** One change that survives as a whole or not at all. */
export type Update =
  | { readonly kind: 'names'; readonly changes: readonly NameChange[] }
  | {
      readonly kind: 'page';
      readonly ino: number;
      readonly index: number;
      readonly page: string;
      readonly end: number;
    }
  | { readonly kind: 'size'; readonly ino: number; readonly size: number }
  | {
      readonly kind: 'attributes';
      readonly ino: number;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

/** A name in a directory that now stands for an inode, or for none. */
export interface NameChange {
  readonly dir: number;
  readonly name: string;
  readonly ino: number | null;
}

/** An inode as it was made. */
export function emptied(inode: DiskInode): DiskInode {
  const size = inode.target === null ? 0 : inode.size;
  return { ...inode, size, pages: new Map(), names: new Map() };
}

/** The image after an update. */
export function applied(image: Image, update: Update): Image {
  const next = new Map(image);
  if (update.kind === 'names') {
    for (const { dir, name, ino } of update.changes) {
      const directory = next.get(dir);
      if (directory === undefined) continue;
      const names = new Map(directory.names);
      if (ino === null) names.delete(name);
      else names.set(name, ino);
      next.set(dir, { ...directory, names });
    }
    return next;
  }
  const inode = next.get(update.ino);
  if (inode === undefined) return image;
  next.set(update.ino, inodeAfter(inode, update));
  return next;
}

function inodeAfter(inode: DiskInode, update: Exclude<Update, { kind: 'names' }>): DiskInode {
  if (update.kind === 'attributes') {
    return { ...inode, mode: update.mode, uid: update.uid, gid: update.gid };
  }
  const pages = new Map(inode.pages);
  if (update.kind === 'page') {
    if (update.page === '') pages.delete(update.index);
    else pages.set(update.index, update.page);
    return { ...inode, pages, size: Math.max(inode.size, update.end) };
  }
  for (const [index, page] of pages) {
    const cut = page.slice(0, Math.max(0, update.size - index * PAGE)).replace(/\0+$/u, '');
    if (cut === '') pages.delete(index);
    else pages.set(index, cut);
  }
  return { ...inode, pages, size: update.size };
}

/** The image as a text: what is reachable from the root, hard links told apart from copies. */
export function keyOf(image: Image): string {
  const numbers = new Map<number, number>();
  const describe = (ino: number): unknown => {
    const known = numbers.get(ino);
    if (known !== undefined) return known;
    numbers.set(ino, numbers.size);
    const { mode, uid, gid, size, target, pages, names } = image.get(ino)!;
    const entries = [...names].sort(([a], [b]) => (a < b ? -1 : 1));
    return [
      [mode, uid, gid, size, target],
      [...pages].sort(([a], [b]) => a - b),
      entries.map(([name, child]) => [name, describe(child)]),
    ];
  };
  return JSON.stringify(describe(0));
}

/** Make the files of an image in an empty kernel, as its first process. */
export function restore(init: Process, image: Image): void {
  const made = new Map<number, string>();
  const check = (answer: number, path: string): void => {
    if (answer < 0)
      throw new MisuseError(`after the crash ${path} cannot be made: error ${answer}`);
  };
  const mask = init.umaskSync(0);
  const make = (ino: number, path: string): void => {
    const inode = image.get(ino)!;
    const kind = inode.mode & S_IFMT;
    const first = made.get(ino);
    if (first !== undefined) {
      // A directory may have two names if one half of a move is lost; the second is not reachable.
      if (kind !== S_IFDIR) check(init.linkSync(first, path), path);
      return;
    }
    made.set(ino, path);
    if (kind === S_IFDIR) {
      if (ino !== 0) check(init.mkdirSync(path, 0o700), path);
      for (const [name, child] of inode.names) make(child, `${path === '/' ? '' : path}/${name}`);
    } else if (kind === S_IFLNK) {
      check(init.symlinkSync(inode.target ?? '', path), path);
    } else {
      const fd = init.openSync(path, O.CREAT | O.WRONLY, 0o600);
      check(fd, path);
      for (const [index, page] of inode.pages) {
        const bytes = Uint8Array.from(page, (char) => char.charCodeAt(0));
        check(init.pwriteSync(fd, bytes, index * PAGE), path);
      }
      check(init.ftruncateSync(fd, inode.size), path);
      init.closeSync(fd);
    }
    if (kind !== S_IFLNK) {
      check(init.chownSync(path, inode.uid, inode.gid), path);
      check(init.chmodSync(path, inode.mode & 0o7777), path);
    }
  };
  make(0, '/');
  init.umaskSync(mask);
}
