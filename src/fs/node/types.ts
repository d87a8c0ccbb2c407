/**
 * The types of the `node:fs`-shaped object. Invariant: what a program needs of `typeof fs` in the
 * functions that exist here, these types give, with Buffer where Node's types are loaded.
 */

import type {
  DataLike,
  Encoding,
  ModeLike,
  NodeBuffer,
  PathLike,
  TimeLike,
  WithEncoding,
} from './args.js';
import type { FileHandle } from './handle.js';
import type { BigIntStats, Dirent, Stats } from './stats.js';

type Bytes = { readonly encoding?: null | undefined; readonly flag?: string | number | undefined };
type Text = {
  readonly encoding: Encoding;
  readonly flag?: string | number | undefined;
};
type WriteOptions = WithEncoding<{
  readonly mode?: ModeLike | undefined;
  readonly flag?: string | number | undefined;
  readonly flush?: boolean | undefined;
}>;
type Names = {
  readonly withFileTypes?: false | undefined;
  readonly recursive?: boolean | undefined;
};
type ReadOptions = {
  readonly offset?: number | undefined;
  readonly length?: number | undefined;
  readonly position?: number | bigint | null | undefined;
};
type Position = number | bigint | null;
type MkdirOptions = {
  readonly recursive?: boolean | undefined;
  readonly mode?: ModeLike | undefined;
};
type RmOptions = {
  readonly recursive?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly maxRetries?: number | undefined;
  readonly retryDelay?: number | undefined;
};
type ReadFileOptions = WithEncoding<{ readonly flag?: string | number | undefined }>;
type StatOptions = {
  readonly bigint?: boolean | undefined;
  readonly throwIfNoEntry?: boolean | undefined;
};
type NoBigint = { readonly bigint?: false | undefined };

/** stat and lstat: what they answer depends on two options. */
interface StatSync {
  (path: PathLike, options?: undefined): Stats;
  (path: PathLike, options?: NoBigint & { readonly throwIfNoEntry: false }): Stats | undefined;
  (
    path: PathLike,
    options: { readonly bigint: true; readonly throwIfNoEntry: false },
  ): BigIntStats | undefined;
  (path: PathLike, options?: NoBigint): Stats;
  (path: PathLike, options: { readonly bigint: true }): BigIntStats;
  (
    path: PathLike,
    options: { readonly bigint: boolean; readonly throwIfNoEntry?: false | undefined },
  ): Stats | BigIntStats;
  (path: PathLike, options?: StatOptions): Stats | BigIntStats | undefined;
}

/** The functions of `node:fs` that end in `Sync`, and what belongs to them. */
export interface NodeFsSync {
  accessSync(path: PathLike, mode?: number): void;
  appendFileSync(file: PathLike | number, data: DataLike, options?: WriteOptions): void;
  chmodSync(path: PathLike, mode: ModeLike): void;
  chownSync(path: PathLike, uid: number, gid: number): void;
  closeSync(fd: number): void;
  copyFileSync(from: PathLike, to: PathLike, mode?: number): void;
  existsSync(path: PathLike): boolean;
  fchmodSync(fd: number, mode: ModeLike): void;
  fchownSync(fd: number, uid: number, gid: number): void;
  fdatasyncSync(fd: number): void;
  fstatSync(fd: number, options?: NoBigint): Stats;
  fstatSync(fd: number, options: { readonly bigint: true }): BigIntStats;
  fstatSync(fd: number, options?: StatOptions): Stats | BigIntStats;
  fsyncSync(fd: number): void;
  ftruncateSync(fd: number, length?: number | null): void;
  futimesSync(fd: number, atime: TimeLike, mtime: TimeLike): void;
  lchownSync(path: PathLike, uid: number, gid: number): void;
  linkSync(existing: PathLike, path: PathLike): void;
  readonly lstatSync: StatSync;
  lutimesSync(path: PathLike, atime: TimeLike, mtime: TimeLike): void;
  mkdirSync(
    path: PathLike,
    options: MkdirOptions & { readonly recursive: true },
  ): string | undefined;
  mkdirSync(
    path: PathLike,
    options?: ModeLike | (MkdirOptions & { readonly recursive?: false | undefined }) | null,
  ): void;
  mkdirSync(path: PathLike, options?: ModeLike | MkdirOptions | null): string | undefined;
  mkdtempSync(prefix: string): string;
  openSync(path: PathLike, flags?: string | number, mode?: ModeLike | null): number;
  readFileSync(file: PathLike | number, options?: Bytes | null): NodeBuffer;
  readFileSync(file: PathLike | number, options: Text | Encoding): string;
  readFileSync(file: PathLike | number, options?: ReadFileOptions): string | NodeBuffer;
  readSync(
    fd: number,
    buffer: ArrayBufferView,
    offset: number,
    length: number,
    position?: Position,
  ): number;
  readSync(fd: number, buffer: ArrayBufferView, options?: ReadOptions): number;
  readdirSync(path: PathLike, options?: WithEncoding<Names>): string[];

  readdirSync(
    path: PathLike,
    options: { readonly withFileTypes: true; readonly recursive?: boolean | undefined },
  ): Dirent[];
  readlinkSync(path: PathLike, options?: WithEncoding<object>): string;
  readvSync(fd: number, buffers: readonly ArrayBufferView[], position?: number): number;
  realpathSync(path: PathLike, options?: WithEncoding<object>): string;
  renameSync(from: PathLike, to: PathLike): void;
  rmSync(path: PathLike, options?: RmOptions): void;
  rmdirSync(path: PathLike): void;
  readonly statSync: StatSync;
  symlinkSync(target: PathLike, path: PathLike, type?: string | null): void;
  truncateSync(path: PathLike | number, length?: number | null): void;
  unlinkSync(path: PathLike): void;
  utimesSync(path: PathLike, atime: TimeLike, mtime: TimeLike): void;
  writeFileSync(file: PathLike | number, data: DataLike, options?: WriteOptions): void;
  writeSync(
    fd: number,
    buffer: ArrayBufferView,
    offset?: number | null | ReadOptions,
    length?: number | null,
    position?: number | null,
  ): number;
  writeSync(fd: number, text: string, position?: number | null, encoding?: Encoding | null): number;
  writevSync(fd: number, buffers: readonly ArrayBufferView[], position?: number): number;
}

/** `fs.promises`, which is `node:fs/promises`. */
export interface NodeFsPromises {
  access(path: PathLike, mode?: number): Promise<void>;
  appendFile(file: PathLike | FileHandle, data: DataLike, options?: WriteOptions): Promise<void>;
  chmod(path: PathLike, mode: ModeLike): Promise<void>;
  chown(path: PathLike, uid: number, gid: number): Promise<void>;
  copyFile(from: PathLike, to: PathLike, mode?: number): Promise<void>;
  lchown(path: PathLike, uid: number, gid: number): Promise<void>;
  link(existing: PathLike, path: PathLike): Promise<void>;
  lstat(path: PathLike, options?: NoBigint): Promise<Stats>;
  lstat(path: PathLike, options: { readonly bigint: true }): Promise<BigIntStats>;
  lstat(path: PathLike, options?: StatOptions): Promise<Stats | BigIntStats>;
  lutimes(path: PathLike, atime: TimeLike, mtime: TimeLike): Promise<void>;
  mkdir(
    path: PathLike,
    options: MkdirOptions & { readonly recursive: true },
  ): Promise<string | undefined>;
  mkdir(
    path: PathLike,
    options?: ModeLike | (MkdirOptions & { readonly recursive?: false | undefined }) | null,
  ): Promise<void>;
  mkdir(path: PathLike, options?: ModeLike | MkdirOptions | null): Promise<string | undefined>;
  mkdtemp(prefix: string): Promise<string>;
  open(path: PathLike, flags?: string | number, mode?: ModeLike): Promise<FileHandle>;
  readFile(file: PathLike | FileHandle, options?: Bytes | null): Promise<NodeBuffer>;
  readFile(file: PathLike | FileHandle, options: Text | Encoding): Promise<string>;
  readFile(file: PathLike | FileHandle, options?: ReadFileOptions): Promise<string | NodeBuffer>;
  readdir(path: PathLike, options?: WithEncoding<Names>): Promise<string[]>;
  readdir(
    path: PathLike,
    options: { readonly withFileTypes: true; readonly recursive?: boolean | undefined },
  ): Promise<Dirent[]>;
  readlink(path: PathLike, options?: WithEncoding<object>): Promise<string>;
  realpath(path: PathLike, options?: WithEncoding<object>): Promise<string>;
  rename(from: PathLike, to: PathLike): Promise<void>;
  rm(path: PathLike, options?: RmOptions): Promise<void>;
  rmdir(path: PathLike): Promise<void>;
  stat(path: PathLike, options?: NoBigint): Promise<Stats>;
  stat(path: PathLike, options: { readonly bigint: true }): Promise<BigIntStats>;
  stat(path: PathLike, options?: StatOptions): Promise<Stats | BigIntStats>;
  symlink(target: PathLike, path: PathLike, type?: string | null): Promise<void>;
  truncate(path: PathLike, length?: number): Promise<void>;
  unlink(path: PathLike): Promise<void>;
  utimes(path: PathLike, atime: TimeLike, mtime: TimeLike): Promise<void>;
  writeFile(file: PathLike | FileHandle, data: DataLike, options?: WriteOptions): Promise<void>;
  readonly constants: NodeFsConstants;
}

/** Numbers as on Linux. */
export type NodeFsConstants = Readonly<Record<`${'F' | 'R' | 'W' | 'X'}_OK`, number>> &
  Readonly<Record<`O_${string}` | 'COPYFILE_EXCL', number>>;

/** An object to be used in the place of `node:fs`. */
export interface NodeFs extends NodeFsSync {
  readonly promises: NodeFsPromises;
  readonly constants: NodeFsConstants;
  readonly Stats: typeof Stats;
  readonly Dirent: typeof Dirent;
}
