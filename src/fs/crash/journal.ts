/**
 * Which updates have reached the disk, and what may be left after a crash.
 *
 * The live kernel is looked at after every call; what has changed since is a list of updates that
 * the call made. An update is safe once it was synced; every other one may be there after a crash
 * or may not. Invariant: survivors() gives every image that the model allows, each once.
 */

import type { TaskStruct } from '../../vfs/index.js';
import { init_of, type DirectKernel } from '../direct.js';
import type { PlainInode, PlainTask } from '../plain.js';
import {
  applied,
  emptied,
  keyOf,
  type DiskInode,
  type Image,
  type NameChange,
  type Update,
} from './image.js';

/**
 * What a crash may take. `posix`: any of the unsynced updates, each for itself; a name is safe after
 * an fsync of its directory. `journal`: updates of names, modes and owners are lost from the last
 * one backwards, and any fsync makes all that came before it safe, as ext4 and XFS do.
 */
export type CrashModel = 'posix' | 'journal';

/** An update, who made it, and whether a crash can still take it. */
interface Entry {
  readonly update: Update;
  readonly by: string;
  isSafe: boolean;
}

/** One image that a crash may leave. */
export interface Survivor {
  readonly image: Image;
  /** Calls whose updates are lost. */
  readonly lost: readonly string[];
}

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const SURVIVORS_MAX = 2048;
const PAGE = 4096;

export class Journal {
  readonly #k: DirectKernel;
  readonly #tasks: readonly TaskStruct[];
  readonly #model: CrashModel;
  readonly #numbers = new Map<object, number>();
  /** The filesystem as it was looked at last. */
  #seen: Image;
  /** What is safe without a doubt. */
  #base: Image;
  #log: Entry[] = [];

  /** Everything that exists now is safe. */
  constructor(k: DirectKernel, tasks: readonly TaskStruct[], model: CrashModel) {
    this.#k = k;
    this.#tasks = tasks;
    this.#model = model;
    this.#seen = this.#look();
    this.#base = this.#seen;
  }

  /** Tells two journals apart that can leave different things behind. */
  get key(): string {
    return JSON.stringify([
      keyOf(this.#base),
      this.#log.map(({ update, isSafe }) => [update, isSafe]),
    ]);
  }

  #number(object: object): number {
    let number = this.#numbers.get(object);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(object, number);
    }
    return number;
  }

  /** Every inode that has a name or is open. */
  #look(): Image {
    const image = new Map<number, DiskInode>();
    const visit = (inode: PlainInode): number => {
      const ino = this.#number(inode);
      if (image.has(ino)) return ino;
      const names = new Map<string, number>();
      const record: DiskInode = {
        mode: inode['i_mode'] as number,
        uid: inode['i_uid'] as number,
        gid: inode['i_gid'] as number,
        size: ((inode['i_mode'] as number) & S_IFMT) === S_IFDIR ? 0 : (inode['i_size'] as number),
        target: inode['i_link'] as string | null,
        pages: new Map(
          [...(inode.i_pages ?? [])]
            .map(([i, page]) => [i, textOf(page)] as const)
            .filter(([, page]) => page !== ''),
        ),
        names,
      };
      image.set(ino, record);
      for (const { d_name, d_inode } of inode.i_names?.values() ?? []) {
        if (d_inode === null) continue;
        names.set(typeof d_name === 'string' ? d_name : d_name.name, visit(d_inode));
      }
      return ino;
    };
    const init = init_of(this.#k) as unknown as PlainTask;
    visit(init.fs!.root!.d_inode!);
    for (const task of [init, ...(this.#tasks as unknown as PlainTask[])]) {
      for (const { f_inode } of task.files?.fd?.values() ?? []) {
        if (f_inode !== null && f_inode.i_sb === init.fs!.root!.d_inode!.i_sb) visit(f_inode);
      }
    }
    return image;
  }

  /** Take down what a call has changed. */
  note(by: string): void {
    const before = this.#seen;
    const now = this.#look();
    const names: NameChange[] = [];
    const updates: Update[] = [];
    const made = new Map(this.#base);
    for (const [ino, inode] of now) {
      const old = before.get(ino);
      // Without a name nobody finds it, so that it is there takes nothing away from a crash.
      if (old === undefined && !this.#base.has(ino)) made.set(ino, emptied(inode));
      for (const [name, child] of inode.names) {
        if (old?.names.get(name) === child) continue;
        names.push({ dir: ino, name, ino: child });
      }
      for (const name of old?.names.keys() ?? []) {
        if (!inode.names.has(name)) names.push({ dir: ino, name, ino: null });
      }
      updates.push(...contents(ino, old, inode));
    }
    if (names.length > 0) updates.unshift({ kind: 'names', changes: names });
    for (const update of updates) this.#log.push({ update, by, isSafe: false });
    this.#base = made;
    this.#seen = now;
  }

  /** A call has synced what a descriptor stands for. */
  synced(task: TaskStruct, fd: number): void {
    const file = (task as unknown as PlainTask).files?.fd?.get(fd);
    if (file?.f_inode === null || file === undefined) return;
    const ino = this.#number(file.f_inode);
    for (const entry of this.#log) {
      if (touches(entry.update, ino)) entry.isSafe = true;
      if (this.#model === 'journal' && isMetadata(entry.update)) entry.isSafe = true;
    }
    this.#fold();
  }

  /** A call has synced everything. */
  syncedAll(): void {
    for (const entry of this.#log) entry.isSafe = true;
    this.#fold();
  }

  /** What is safe with nothing unsafe before it needs no entry. */
  #fold(): void {
    while (this.#log.length > 0 && this.#log[0].isSafe) {
      this.#base = applied(this.#base, this.#log.shift()!.update);
    }
  }

  /** Every image that a crash now may leave; null if there are more than can be looked at. */
  survivors(): readonly Survivor[] | null {
    interface Branch extends Survivor {
      /** A journal keeps no update of names after one that it has lost. */
      readonly isCut: boolean;
    }
    let branches: Branch[] = [{ image: this.#base, lost: [], isCut: false }];
    for (const { update, by, isSafe } of this.#log) {
      const next = new Map<string, Branch>();
      const add = (branch: Branch): void => {
        const key = `${branch.isCut} ${JSON.stringify([...branch.image].map(([ino, inode]) => [ino, inode.mode, inode.uid, inode.gid, inode.size, inode.target, [...inode.pages], [...inode.names]]))}`;
        const known = next.get(key);
        if (known === undefined || known.lost.length > branch.lost.length) next.set(key, branch);
      };
      const ordered = this.#model === 'journal' && isMetadata(update);
      for (const branch of branches) {
        if (!(ordered && branch.isCut)) add({ ...branch, image: applied(branch.image, update) });
        if (isSafe) continue;
        const lost = branch.lost.includes(by) ? branch.lost : [...branch.lost, by];
        add({ image: branch.image, lost, isCut: branch.isCut || ordered });
      }
      branches = [...next.values()];
      if (branches.length > SURVIVORS_MAX) return null;
    }
    const distinct = new Map<string, Survivor>();
    for (const { image, lost } of branches) {
      const key = keyOf(image);
      const known = distinct.get(key);
      if (known === undefined || known.lost.length > lost.length)
        distinct.set(key, { image, lost });
    }
    return [...distinct.values()];
  }
}

/** Updates of one inode's contents, size, mode and owner. */
function contents(ino: number, old: DiskInode | undefined, inode: DiskInode): Update[] {
  const updates: Update[] = [];
  const before = old?.size ?? (inode.target === null ? 0 : inode.size);
  const { mode, uid, gid, size } = inode;
  if (size < before) updates.push({ kind: 'size', ino, size });
  let end = Math.min(before, size);
  const indices = new Set([...(old?.pages.keys() ?? []), ...inode.pages.keys()]);
  for (const index of [...indices].sort((a, b) => a - b)) {
    const page = inode.pages.get(index) ?? '';
    const was = cutAt(old?.pages.get(index) ?? '', end - index * PAGE);
    if (page === was || index * PAGE >= size) continue;
    end = Math.max(end, Math.min(size, (index + 1) * PAGE));
    updates.push({ kind: 'page', ino, index, page, end: Math.min(size, (index + 1) * PAGE) });
  }
  if (size > end) updates.push({ kind: 'size', ino, size });
  if (old !== undefined && (old.mode !== mode || old.uid !== uid || old.gid !== gid)) {
    updates.push({ kind: 'attributes', ino, mode, uid, gid });
  }
  return updates;
}

/** What a cut at `length` leaves of a page. */
function cutAt(page: string, length: number): string {
  return length >= page.length ? page : page.slice(0, Math.max(0, length)).replace(/\0+$/u, '');
}

function touches(update: Update, ino: number): boolean {
  if (update.kind === 'names') return update.changes.some(({ dir }) => dir === ino);
  return update.ino === ino;
}

function isMetadata(update: Update): boolean {
  return update.kind === 'names' || update.kind === 'attributes';
}

function textOf(page: Uint8Array): string {
  let end = page.length;
  while (end > 0 && page[end - 1] === 0) end -= 1;
  return String.fromCharCode(...page.subarray(0, end));
}
