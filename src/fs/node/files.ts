/**
 * Node's calls on contents, as the system calls that Node makes of them.
 *
 * Each is code that makes requests, so that it runs at once, inside a promise, or call by call under
 * an explorer: readFile is open, fstat, reads and close, and others may come in between.
 */

import type { Task } from '../../machine/index.js';
import { O, type FileStat } from '../../vfs/index.js';
import type { Sys } from '../sys.js';
import {
  bufferOf,
  bytesOf,
  decode,
  fdOf,
  flagsOf,
  modeOf,
  optionsOf,
  pathOf,
  timeOf,
  type NodeBuffer,
} from './args.js';
import { badArgument, nodeError, ok, outOfRange } from './errors.js';
import { BigIntStats, Stats } from './stats.js';

const FILE_MODE = 0o666;
const CHUNK = 65536;

/** open(path[, flags[, mode]]) */
export function* open(sys: Sys, path: unknown, flags?: unknown, mode?: unknown): Task<number> {
  const name = pathOf(path);
  return ok(yield* sys.open(name, flagsOf(flags), modeOf(mode, FILE_MODE)), 'open', name);
}

/** close(fd) */
export function* close(sys: Sys, fd: unknown): Task<void> {
  ok(yield* sys.close(fdOf(fd)), 'close');
}

/** Bytes into a buffer. @returns how many; 0 at the end of the file */
function* readInto(sys: Sys, fd: number, into: Uint8Array, position: number | null): Task<number> {
  if (into.length === 0) return 0;
  const at = position === null || position < 0 ? -1 : position;
  const bytes = ok(yield* sys.readBytes(fd, into.length, at), 'read') as Uint8Array;
  into.set(bytes);
  return bytes.length;
}

/** The part of a view that is read into or written from. */
function slice(buffer: unknown, offset: unknown, length: unknown): Uint8Array {
  const bytes = bytesOf(typeof buffer === 'string' ? undefined : buffer);
  const from = Number(offset ?? 0);
  const count = Number(length ?? bytes.length - from);
  if (!(from >= 0 && from <= bytes.length))
    throw outOfRange('offset', `It must be >= 0 && <= ${bytes.length}.`, from);
  if (!(count >= 0 && from + count <= bytes.length))
    throw outOfRange('length', `It must be >= 0 && <= ${bytes.length - from}.`, count);
  return bytes.subarray(from, from + count);
}

function positionOf(position: unknown): number | null {
  return typeof position === 'number' || typeof position === 'bigint' ? Number(position) : null;
}

/** read(fd, buffer[, offset[, length[, position]]]) or read(fd, buffer[, options]) */
export function* read(
  sys: Sys,
  fd: unknown,
  buffer: unknown,
  offset?: unknown,
  length?: unknown,
  position?: unknown,
): Task<number> {
  if (typeof offset === 'object' && offset !== null) {
    const options = offset as { offset?: number; length?: number; position?: number | null };
    return yield* read(sys, fd, buffer, options.offset, options.length, options.position);
  }
  return yield* readInto(sys, fdOf(fd), slice(buffer, offset, length), positionOf(position));
}

/** write(fd, buffer[, offset[, length[, position]]]) or write(fd, text[, position[, encoding]]) */
export function* write(
  sys: Sys,
  fd: unknown,
  data: unknown,
  a?: unknown,
  b?: unknown,
  c?: unknown,
): Task<number> {
  if (typeof data === 'string') {
    const bytes = bytesOf(data, typeof b === 'string' ? b : 'utf8');
    return yield* writeOnce(sys, fdOf(fd), bytes, positionOf(a));
  }
  if (typeof a === 'object' && a !== null) {
    const options = a as { offset?: number; length?: number; position?: number | null };
    return yield* write(sys, fd, data, options.offset, options.length, options.position);
  }
  return yield* writeOnce(sys, fdOf(fd), slice(data, a, b), positionOf(c));
}

function* writeOnce(
  sys: Sys,
  fd: number,
  bytes: Uint8Array,
  position: number | null,
): Task<number> {
  const answer =
    position === null || position < 0
      ? yield* sys.write(fd, bytes)
      : yield* sys.pwrite(fd, bytes, position);
  return ok(answer, 'write');
}

/** readv(fd, buffers[, position]) */
export function* readv(sys: Sys, fd: unknown, buffers: unknown, position?: unknown): Task<number> {
  let at = positionOf(position);
  let total = 0;
  for (const buffer of viewsOf(buffers)) {
    const count = yield* readInto(sys, fdOf(fd), buffer, at);
    total += count;
    if (at !== null) at += count;
    if (count < buffer.length) break;
  }
  return total;
}

/** writev(fd, buffers[, position]): one call, so all of it is there or none. */
export function* writev(sys: Sys, fd: unknown, buffers: unknown, position?: unknown): Task<number> {
  const views = viewsOf(buffers);
  const whole = new Uint8Array(views.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const view of views) {
    whole.set(view, at);
    at += view.length;
  }
  return yield* writeOnce(sys, fdOf(fd), whole, positionOf(position));
}

function viewsOf(buffers: unknown): Uint8Array[] {
  if (Array.isArray(buffers)) return buffers.map((each) => bytesOf(each));
  throw badArgument(
    'ERR_INVALID_ARG_TYPE',
    'The "buffers" argument must be an instance of ArrayBufferView[].',
  );
}

/** Runs with a descriptor: the file given, or one opened for it and closed whatever happens. */
function* withFile<T>(
  sys: Sys,
  file: unknown,
  flags: unknown,
  mode: unknown,
  body: (fd: number) => Task<T>,
): Task<T> {
  if (typeof file === 'number') return yield* body(fdOf(file));
  const fd = yield* open(sys, file, flags, mode);
  let result: T;
  try {
    result = yield* body(fd);
  } catch (error) {
    yield* sys.close(fd);
    throw error;
  }
  ok(yield* sys.close(fd), 'close');
  return result;
}

/** readFile(path | fd[, options]) */
export function* readFile(sys: Sys, file: unknown, options?: unknown): Task<string | NodeBuffer> {
  const { encoding, flag } = optionsOf(options, { flag: 'r' });
  const bytes = yield* withFile(sys, file, flag, FILE_MODE, function* (fd) {
    const { size } = ok(yield* sys.fstat(fd), 'fstat') as FileStat;
    return yield* readAll(sys, fd, size);
  });
  return encoding === undefined || encoding === null || encoding === 'buffer'
    ? bufferOf(bytes)
    : decode(bytes, encoding);
}

/** readFileSync: a text in UTF-8 is read without asking for the size first. */
export function* readFileAtOnce(
  sys: Sys,
  file: unknown,
  options?: unknown,
): Task<string | NodeBuffer> {
  const { encoding, flag } = optionsOf(options, { flag: 'r' });
  if (encoding !== 'utf8' && encoding !== 'utf-8') return yield* readFile(sys, file, options);
  const bytes = yield* withFile(sys, file, flag, FILE_MODE, (fd) => readAll(sys, fd, 0));
  return decode(bytes, encoding);
}

/**
 * From where the file stands to its end.
 * @param size how much there is; more is not asked for. 0: until a read gives nothing
 */
function* readAll(sys: Sys, fd: number, size: number): Task<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  do {
    const want = size > 0 ? size - length : CHUNK;
    const bytes = ok(yield* sys.readBytes(fd, want), 'read') as Uint8Array;
    if (bytes.length === 0) break;
    parts.push(bytes);
    length += bytes.length;
  } while (size === 0 || length < size);
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** writeFile(path | fd, data[, options]) */
export function* writeFile(sys: Sys, file: unknown, data: unknown, options?: unknown): Task<void> {
  const { encoding, flag, mode, flush } = optionsOf(options, {
    flag: 'w',
    mode: FILE_MODE,
    flush: false,
  });
  const bytes = bytesOf(data, encoding ?? 'utf8');
  yield* withFile(sys, file, flag, mode, function* (fd) {
    yield* writeAll(sys, fd, bytes);
    if (flush) ok(yield* sys.fsync(fd), 'fsync');
  });
}

/** Write again what a short write has left. */
export function* writeAll(sys: Sys, fd: number, bytes: Uint8Array): Task<void> {
  let at = 0;
  while (at < bytes.length) at += ok(yield* sys.write(fd, bytes.subarray(at)), 'write');
}

/** appendFile(path | fd, data[, options]) */
export function* appendFile(sys: Sys, file: unknown, data: unknown, options?: unknown): Task<void> {
  yield* writeFile(sys, file, data, optionsOf(options, { flag: 'a' }));
}

/** copyFile(from, to[, mode]) */
export function* copyFile(sys: Sys, from: unknown, to: unknown, mode?: unknown): Task<void> {
  const source = pathOf(from, 'src');
  const target = pathOf(to, 'dest');
  const result = yield* copy(sys, source, target, (Number(mode ?? 0) & 1) !== 0);
  if (result < 0) throw nodeError(result, 'copyfile', source, target);
}

function* copy(sys: Sys, source: string, target: string, exclusive: boolean): Task<number> {
  const from = yield* sys.open(source, flagsOf('r'));
  if (from < 0) return from;
  let result = 0;
  const stat = yield* sys.fstat(from);
  if (typeof stat === 'number') result = stat;
  else {
    // Not cut off yet: it may be the file itself.
    const flags = O.WRONLY | O.CREAT | (exclusive ? O.EXCL : 0);
    const to = yield* sys.open(target, flags, stat.mode & 0o7777);
    result = to;
    if (to >= 0) {
      result = yield* copyOpen(sys, from, to, stat);
      yield* sys.close(to);
      // What could not be copied whole does not stay.
      if (result < 0) yield* sys.unlink(target);
    }
  }
  yield* sys.close(from);
  return result;
}

function* copyOpen(sys: Sys, from: number, to: number, stat: FileStat): Task<number> {
  const over = yield* sys.fstat(to);
  if (typeof over === 'number') return over;
  if (over.ino === stat.ino && over.dev === stat.dev) return 0;
  let error = yield* sys.ftruncate(to, 0);
  if (error === 0) error = yield* sys.fchmod(to, stat.mode & 0o7777);
  while (error === 0) {
    const bytes = yield* sys.readBytes(from, CHUNK);
    if (typeof bytes === 'number') return bytes;
    if (bytes.length === 0) return 0;
    let at = 0;
    while (at < bytes.length) {
      const count = yield* sys.write(to, bytes.subarray(at));
      if (count < 0) return count;
      at += count;
    }
  }
  return error;
}

/** truncate(path[, length]) */
export function* truncate(sys: Sys, path: unknown, length?: unknown): Task<void> {
  yield* withFile(sys, path, 'r+', FILE_MODE, (fd) => ftruncate(sys, fd, length));
}

/** ftruncate(fd[, length]) */
export function* ftruncate(sys: Sys, fd: unknown, length?: unknown): Task<void> {
  ok(yield* sys.ftruncate(fdOf(fd), Math.max(0, Number(length ?? 0))), 'ftruncate');
}

/** fsync(fd) */
export function* fsync(sys: Sys, fd: unknown): Task<void> {
  ok(yield* sys.fsync(fdOf(fd)), 'fsync');
}

/** fdatasync(fd) */
export function* fdatasync(sys: Sys, fd: unknown): Task<void> {
  ok(yield* sys.fdatasync(fdOf(fd)), 'fdatasync');
}

/** What is known of a file, in the shape asked for. */
export function statsOf(stat: FileStat, options: unknown): Stats | BigIntStats {
  const { bigint } = optionsOf(options, { bigint: false });
  return bigint ? new BigIntStats(stat) : new Stats(stat);
}

/** fstat(fd[, options]) */
export function* fstat(sys: Sys, fd: unknown, options?: unknown): Task<Stats | BigIntStats> {
  return statsOf(ok(yield* sys.fstat(fdOf(fd)), 'fstat') as FileStat, options);
}

/** fchmod(fd, mode) */
export function* fchmod(sys: Sys, fd: unknown, mode: unknown): Task<void> {
  ok(yield* sys.fchmod(fdOf(fd), modeOf(mode, 0)), 'fchmod');
}

/** fchown(fd, uid, gid) */
export function* fchown(sys: Sys, fd: unknown, uid: number, gid: number): Task<void> {
  ok(yield* sys.fchown(fdOf(fd), uid, gid), 'fchown');
}

/** futimes(fd, atime, mtime) */
export function* futimes(sys: Sys, fd: unknown, atime: unknown, mtime: unknown): Task<void> {
  ok(yield* sys.futimes(fdOf(fd), timeOf(atime), timeOf(mtime)), 'futime');
}
