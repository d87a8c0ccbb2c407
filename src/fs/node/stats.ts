/** What stat and readdir answer, in Node's shape. */

import type { FileStat } from '../../vfs/index.js';

const S_IFMT = 0o170000;
const KINDS = { dir: 0o040000, file: 0o100000, link: 0o120000 } as const;
const BLOCK = 4096;

/** Kinds of files, by the mode. Only three of them exist here. */
class Kind {
  readonly #mode: number;

  constructor(mode: number) {
    this.#mode = mode & S_IFMT;
  }

  isFile(): boolean {
    return this.#mode === KINDS.file;
  }

  isDirectory(): boolean {
    return this.#mode === KINDS.dir;
  }

  isSymbolicLink(): boolean {
    return this.#mode === KINDS.link;
  }

  isFIFO(): boolean {
    return false;
  }

  isSocket(): boolean {
    return false;
  }

  isBlockDevice(): boolean {
    return false;
  }

  isCharacterDevice(): boolean {
    return false;
  }
}

/** What is known of a file. Times are the virtual clock's. */
export class Stats extends Kind {
  readonly dev: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev = 0;
  readonly blksize = BLOCK;
  readonly ino: number;
  readonly size: number;
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
  readonly atime: Date;
  readonly mtime: Date;
  readonly ctime: Date;
  readonly birthtime: Date;

  constructor(stat: FileStat) {
    super(stat.mode);
    this.dev = stat.dev;
    this.mode = stat.mode;
    this.nlink = stat.nlink;
    this.uid = stat.uid;
    this.gid = stat.gid;
    this.ino = stat.ino;
    this.size = stat.size;
    this.blocks = stat.blocks;
    this.atimeMs = stat.atime;
    this.mtimeMs = stat.mtime;
    this.ctimeMs = stat.ctime;
    this.birthtimeMs = stat.btime;
    this.atime = new Date(stat.atime);
    this.mtime = new Date(stat.mtime);
    this.ctime = new Date(stat.ctime);
    this.birthtime = new Date(stat.btime);
  }
}

/** {@link Stats} with `{ bigint: true }`. */
export class BigIntStats extends Kind {
  readonly dev: bigint;
  readonly mode: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly rdev = 0n;
  readonly blksize = BigInt(BLOCK);
  readonly ino: bigint;
  readonly size: bigint;
  readonly blocks: bigint;
  readonly atimeMs: bigint;
  readonly mtimeMs: bigint;
  readonly ctimeMs: bigint;
  readonly birthtimeMs: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;
  readonly atime: Date;
  readonly mtime: Date;
  readonly ctime: Date;
  readonly birthtime: Date;

  constructor(stat: FileStat) {
    super(stat.mode);
    this.dev = BigInt(stat.dev);
    this.mode = BigInt(stat.mode);
    this.nlink = BigInt(stat.nlink);
    this.uid = BigInt(stat.uid);
    this.gid = BigInt(stat.gid);
    this.ino = BigInt(stat.ino);
    this.size = BigInt(stat.size);
    this.blocks = BigInt(stat.blocks);
    this.atimeMs = BigInt(Math.floor(stat.atime));
    this.mtimeMs = BigInt(Math.floor(stat.mtime));
    this.ctimeMs = BigInt(Math.floor(stat.ctime));
    this.birthtimeMs = BigInt(Math.floor(stat.btime));
    this.atimeNs = nanoseconds(stat.atime);
    this.mtimeNs = nanoseconds(stat.mtime);
    this.ctimeNs = nanoseconds(stat.ctime);
    this.birthtimeNs = nanoseconds(stat.btime);
    this.atime = new Date(stat.atime);
    this.mtime = new Date(stat.mtime);
    this.ctime = new Date(stat.ctime);
    this.birthtime = new Date(stat.btime);
  }
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1e6));
}

/** An entry of a directory. */
export class Dirent extends Kind {
  readonly name: string;
  readonly parentPath: string;
  readonly path: string;

  constructor(name: string, parentPath: string, mode: number) {
    super(mode);
    this.name = name;
    this.parentPath = parentPath;
    this.path = parentPath;
  }
}
