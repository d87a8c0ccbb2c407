/**
 * FileHandle: what `fs.promises.open` answers.
 *
 * Invariant: a handle that is closed makes no call any more, so a descriptor that was given out
 * again is never touched by who had it before.
 */

import type { Task } from '../../machine/index.js';
import { ASKING, driveAsync, type Maker } from '../asking.js';
import type { Sys } from '../sys.js';
import type { DataLike, Encoding, ModeLike, NodeBuffer, TimeLike, WithEncoding } from './args.js';
import * as files from './files.js';
import type { Stats } from './stats.js';

type ReadOptions = {
  readonly buffer?: Uint8Array;
  readonly offset?: number | null;
  readonly length?: number | null;
  readonly position?: number | null;
};

const READ_SIZE = 16384;

export class FileHandle {
  readonly #make: Maker;
  #fd: number;

  constructor(fd: number, make: Maker) {
    this.#fd = fd;
    this.#make = make;
  }

  /** The descriptor; -1 once it is closed. */
  get fd(): number {
    return this.#fd;
  }

  #run<T>(syscall: string, body: (sys: Sys, fd: number) => Task<T>): Promise<T> {
    if (this.#fd < 0) {
      return Promise.reject(Object.assign(new Error('file closed'), { code: 'EBADF', syscall }));
    }
    return driveAsync(body(ASKING, this.#fd), this.#make);
  }

  async close(): Promise<void> {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    await driveAsync(files.close(ASKING, fd), this.#make);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async read<T extends ArrayBufferView = Uint8Array>(
    buffer?: T | ReadOptions,
    offset?: number | ReadOptions | null,
    length?: number | null,
    position?: number | null,
  ): Promise<{ bytesRead: number; buffer: T }> {
    let into: ArrayBufferView;
    let options: ReadOptions = { offset: null, length: length ?? null, position: position ?? null };
    if (ArrayBuffer.isView(buffer)) {
      into = buffer;
      options =
        typeof offset === 'object' && offset !== null
          ? offset
          : { ...options, offset: offset ?? null };
    } else {
      options = buffer ?? {};
      into = options.buffer ?? new Uint8Array(READ_SIZE);
    }
    const bytesRead = await this.#run('read', (sys, fd) =>
      files.read(sys, fd, into, options.offset, options.length, options.position),
    );
    return { bytesRead, buffer: into as T };
  }

  async write<T extends DataLike>(
    data: T,
    offset?: number | null | ReadOptions,
    length?: number | Encoding | null,
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffer: T }> {
    const bytesWritten = await this.#run('write', (sys, fd) =>
      files.write(sys, fd, data, offset, length, position),
    );
    return { bytesWritten, buffer: data };
  }

  async readv(
    buffers: readonly ArrayBufferView[],
    position?: number,
  ): Promise<{ bytesRead: number; buffers: readonly ArrayBufferView[] }> {
    const bytesRead = await this.#run('readv', (sys, fd) =>
      files.readv(sys, fd, buffers, position),
    );
    return { bytesRead, buffers };
  }

  async writev(
    buffers: readonly ArrayBufferView[],
    position?: number,
  ): Promise<{ bytesWritten: number; buffers: readonly ArrayBufferView[] }> {
    const bytesWritten = await this.#run('writev', (sys, fd) =>
      files.writev(sys, fd, buffers, position),
    );
    return { bytesWritten, buffers };
  }

  /** From where the file stands to its end. */
  readFile(options?: { readonly encoding?: null | undefined } | null): Promise<NodeBuffer>;
  readFile(options: { readonly encoding: Encoding } | Encoding): Promise<string>;
  readFile(options?: unknown): Promise<string | NodeBuffer> {
    return this.#run('readFile', (sys, fd) => files.readFile(sys, fd, options));
  }

  /** From where the file stands; what was there is not cut off. */
  writeFile(data: DataLike, options?: WithEncoding<object>): Promise<void> {
    return this.#run('writeFile', (sys, fd) => files.writeFile(sys, fd, data, options));
  }

  appendFile(data: DataLike, options?: WithEncoding<object>): Promise<void> {
    return this.#run('appendFile', (sys, fd) => files.writeFile(sys, fd, data, options));
  }

  stat(): Promise<Stats> {
    return this.#run('fstat', (sys, fd) => files.fstat(sys, fd)) as Promise<Stats>;
  }

  truncate(length?: number): Promise<void> {
    return this.#run('ftruncate', (sys, fd) => files.ftruncate(sys, fd, length));
  }

  sync(): Promise<void> {
    return this.#run('fsync', (sys, fd) => files.fsync(sys, fd));
  }

  datasync(): Promise<void> {
    return this.#run('fdatasync', (sys, fd) => files.fdatasync(sys, fd));
  }

  chmod(mode: ModeLike): Promise<void> {
    return this.#run('fchmod', (sys, fd) => files.fchmod(sys, fd, mode));
  }

  chown(uid: number, gid: number): Promise<void> {
    return this.#run('fchown', (sys, fd) => files.fchown(sys, fd, uid, gid));
  }

  utimes(atime: TimeLike, mtime: TimeLike): Promise<void> {
    return this.#run('futimes', (sys, fd) => files.futimes(sys, fd, atime, mtime));
  }
}
