/** Node's calls on names, as the system calls that Node makes of them. See files.ts. */

import { E, type Task } from '../../machine/index.js';
import { O, type FileStat } from '../../vfs/index.js';
import type { Sys } from '../sys.js';
import {
  modeOf,
  nameAs,
  optionsOf,
  pathOf,
  timeOf,
  type Encoding,
  type NodeBuffer,
} from './args.js';
import { nodeError, ok } from './errors.js';
import { statsOf } from './files.js';
import { Dirent, type BigIntStats, type Stats } from './stats.js';

const DIR_MODE = 0o777;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** stat(path[, options]) */
export function* stat(
  sys: Sys,
  path: unknown,
  options?: unknown,
): Task<Stats | BigIntStats | undefined> {
  return yield* statBy(sys, 'stat', pathOf(path), options);
}

/** lstat(path[, options]) */
export function* lstat(
  sys: Sys,
  path: unknown,
  options?: unknown,
): Task<Stats | BigIntStats | undefined> {
  return yield* statBy(sys, 'lstat', pathOf(path), options);
}

function* statBy(
  sys: Sys,
  call: 'stat' | 'lstat',
  path: string,
  options: unknown,
): Task<Stats | BigIntStats | undefined> {
  const answer = yield* sys[call](path);
  if (answer === -E.ENOENT) {
    if (!optionsOf(options, { throwIfNoEntry: true }).throwIfNoEntry) return undefined;
  }
  return statsOf(ok(answer, call, path) as FileStat, options);
}

/** access(path[, mode]) */
export function* access(sys: Sys, path: unknown, mode?: unknown): Task<void> {
  const name = pathOf(path);
  ok(yield* sys.access(name, Number(mode ?? 0)), 'access', name);
}

/** exists(path): never throws. */
export function* exists(sys: Sys, path: unknown): Task<boolean> {
  let name: string;
  try {
    name = pathOf(path);
  } catch {
    return false;
  }
  return (yield* sys.access(name, 0)) === 0;
}

/** mkdir(path[, options]) @returns with `recursive`, the first directory made */
export function* mkdir(sys: Sys, path: unknown, options?: unknown): Task<string | undefined> {
  return yield* mkdirIn(sys, path, options, false);
}

/** mkdir by promise: with `recursive`, an error is of the directory that could not be made. */
export function* mkdirAsync(sys: Sys, path: unknown, options?: unknown): Task<string | undefined> {
  return yield* mkdirIn(sys, path, options, true);
}

function* mkdirIn(
  sys: Sys,
  path: unknown,
  options: unknown,
  isAsync: boolean,
): Task<string | undefined> {
  const name = pathOf(path);
  const given = typeof options === 'object' && options !== null ? options : { mode: options };
  const { recursive, mode } = given as { recursive?: boolean; mode?: unknown };
  const bits = modeOf(mode, DIR_MODE);
  if (recursive === true) return yield* makePath(sys, name, bits, isAsync);
  ok(yield* sys.mkdir(name, bits), 'mkdir', name);
  return undefined;
}

/** A directory and all above it, from the last one that is there. */
function* makePath(
  sys: Sys,
  path: string,
  mode: number,
  isAsync: boolean,
): Task<string | undefined> {
  const todo = [path];
  let first: string | undefined;
  while (todo.length > 0) {
    const next = todo.pop()!;
    const error = yield* sys.mkdir(next, mode);
    if (error === 0) {
      first ??= next;
    } else if (error === -E.ENOENT) {
      const slash = next.lastIndexOf('/');
      const above = slash < 0 ? next : next.slice(0, slash);
      if (above === next) throw nodeError(error, 'mkdir', isAsync ? next : path);
      todo.push(next, above);
    } else if ([-E.EACCES, -E.ENOSPC, -E.ENOTDIR, -E.EPERM].includes(error)) {
      throw nodeError(error, 'mkdir', isAsync ? next : path);
    } else {
      const there = yield* sys.stat(next);
      const inside = error === -E.EEXIST && todo.length > 0;
      let reported = inside ? -E.ENOTDIR : -E.EEXIST;
      if (typeof there !== 'number' && (there.mode & S_IFMT) === S_IFDIR) continue;
      // A link to nowhere on the way: Node's two forms name it differently.
      if (typeof there === 'number' && !(inside && isAsync)) reported = there;
      throw nodeError(reported, 'mkdir', isAsync ? next : path);
    }
  }
  return first;
}

/** mkdtemp(prefix): names are taken in order, so that every run takes the same. */
export function* mkdtemp(sys: Sys, prefix: unknown): Task<string> {
  const start = pathOf(prefix, 'prefix');
  for (let n = 0; ; n += 1) {
    const name = `${start}${n.toString(36).padStart(6, '0')}`;
    const error = yield* sys.mkdir(name, 0o700);
    if (error === -E.EEXIST) continue;
    ok(error, 'mkdtemp', `${start}XXXXXX`);
    return name;
  }
}

/** rmdir(path) */
export function* rmdir(sys: Sys, path: unknown): Task<void> {
  const name = pathOf(path);
  ok(yield* sys.rmdir(name), 'rmdir', name);
}

/** unlink(path) */
export function* unlink(sys: Sys, path: unknown): Task<void> {
  const name = pathOf(path);
  ok(yield* sys.unlink(name), 'unlink', name);
}

/** rm(path[, options]) */
export function* rm(sys: Sys, path: unknown, options?: unknown): Task<void> {
  const name = pathOf(path);
  const { recursive, force } = optionsOf(options, { recursive: false, force: false });
  const there = yield* sys.lstat(name);
  if (typeof there === 'number') {
    if (force && there === -E.ENOENT) return;
    throw nodeError(there, 'lstat', name);
  }
  if ((there.mode & S_IFMT) === S_IFDIR && !recursive) throw isDirectory(name);
  yield* removeAll(sys, name);
}

/** What Node throws where rm needs `recursive`: an error of its own, not of a call. */
function isDirectory(path: string): Error {
  const message = `Path is a directory: rm returned EISDIR (is a directory) ${path}`;
  const info = { code: 'EISDIR', message: 'is a directory', path, syscall: 'rm', errno: E.EISDIR };
  const error = Object.assign(new Error(message), {
    code: 'ERR_FS_EISDIR',
    errno: E.EISDIR,
    syscall: 'rm',
    path,
    info,
  });
  error.name = 'SystemError';
  return error;
}

/** A name and everything below it; whatever others have removed meanwhile is fine. */
function* removeAll(sys: Sys, path: string): Task<void> {
  const there = yield* sys.lstat(path);
  if (there === -E.ENOENT) return;
  const { mode } = ok(there, 'lstat', path) as FileStat;
  if ((mode & S_IFMT) !== S_IFDIR) {
    const error = yield* sys.unlink(path);
    if (error !== -E.ENOENT) ok(error, 'unlink', path);
    return;
  }
  const error = yield* sys.rmdir(path);
  if (error === -E.ENOENT) return;
  if (error !== -E.ENOTEMPTY) {
    ok(error, 'rmdir', path);
    return;
  }
  for (const name of entriesIn(yield* list(sys, path))) {
    yield* removeAll(sys, `${path.endsWith('/') ? path.slice(0, -1) : path}/${name.name}`);
  }
  ok(yield* sys.rmdir(path), 'rmdir', path);
}

interface Entry {
  readonly name: string;
  readonly mode: number;
}

function entriesIn(flat: readonly (string | number)[]): Entry[] {
  const entries: Entry[] = [];
  for (let i = 0; i < flat.length; i += 3) {
    entries.push({ name: flat[i] as string, mode: flat[i + 2] as number });
  }
  return entries;
}

/** Everything in a directory, as it lies there. */
function* list(sys: Sys, path: string): Task<readonly (string | number)[]> {
  const fd = ok(yield* sys.open(path, O.RDONLY | O.DIRECTORY | O.CLOEXEC), 'scandir', path);
  const flat = yield* sys.getdents(fd);
  yield* sys.close(fd);
  return ok(flat, 'scandir', path) as readonly (string | number)[];
}

/** By the bytes of the names, as libuv sorts them. */
function byBytes(a: Entry, b: Entry): number {
  const [x, y] = [a.name, b.name].map((name) => new TextEncoder().encode(name));
  for (let i = 0; i < Math.min(x.length, y.length); i += 1) if (x[i] !== y[i]) return x[i] - y[i];
  return x.length - y.length;
}

/** readdir(path[, options]) */
export function* readdir(
  sys: Sys,
  path: unknown,
  options?: unknown,
): Task<(string | NodeBuffer | Dirent)[]> {
  const { encoding, withFileTypes, recursive } = optionsOf(options, {
    withFileTypes: false,
    recursive: false,
  });
  const top = pathOf(path);
  const found: (string | NodeBuffer | Dirent)[] = [];
  const queue = [''];
  for (const below of queue) {
    const here = below === '' ? top : `${top.replace(/\/$/u, '')}/${below}`;
    for (const { name, mode } of entriesIn(yield* list(sys, here)).sort(byBytes)) {
      const relative = below === '' ? name : `${below}/${name}`;
      found.push(withFileTypes ? new Dirent(name, here, mode) : nameAs(relative, encoding));
      if (recursive && (mode & S_IFMT) === S_IFDIR) queue.push(relative);
    }
  }
  return found;
}

/** rename(from, to) */
export function* rename(sys: Sys, from: unknown, to: unknown): Task<void> {
  const [a, b] = [pathOf(from, 'oldPath'), pathOf(to, 'newPath')];
  ok(yield* sys.rename(a, b), 'rename', a, b);
}

/** link(existing, name) */
export function* link(sys: Sys, existing: unknown, name: unknown): Task<void> {
  const [a, b] = [pathOf(existing, 'existingPath'), pathOf(name, 'newPath')];
  ok(yield* sys.link(a, b), 'link', a, b);
}

/** symlink(target, path) */
export function* symlink(sys: Sys, target: unknown, path: unknown): Task<void> {
  const [a, b] = [pathOf(target, 'target'), pathOf(path)];
  ok(yield* sys.symlink(a, b), 'symlink', a, b);
}

/** readlink(path[, options]) */
export function* readlink(sys: Sys, path: unknown, options?: unknown): Task<string | NodeBuffer> {
  const name = pathOf(path);
  const target = ok(yield* sys.readlink(name), 'readlink', name) as string;
  return nameAs(target, encodingOf(options));
}

function encodingOf(options: unknown): Encoding | null | undefined {
  return optionsOf(options, {}).encoding;
}

const LINKS_MAX = 40;

/** realpath.native(path[, options]): as realpath, but an error is of the path that was asked for. */
export function* realpathNative(
  sys: Sys,
  path: unknown,
  options?: unknown,
): Task<string | NodeBuffer> {
  try {
    return yield* realpath(sys, path, options);
  } catch (error) {
    const { errno } = error as { errno?: number };
    if (errno === undefined) throw error;
    throw nodeError(errno, 'realpath', pathOf(path));
  }
}

/** realpath(path[, options]): where a path leads, without links, `.` and `..`. */
export function* realpath(sys: Sys, path: unknown, options?: unknown): Task<string | NodeBuffer> {
  const name = pathOf(path);
  let todo = name.split('/');
  let real = '';
  if (!name.startsWith('/')) {
    const cwd = ok(yield* sys.getcwd(), 'getcwd') as string;
    real = cwd === '/' ? '' : cwd;
  }
  let links = 0;
  while (todo.length > 0) {
    const [next, ...rest] = todo;
    todo = rest;
    if (next === '' || next === '.') continue;
    if (next === '..') {
      real = real.slice(0, Math.max(0, real.lastIndexOf('/')));
      continue;
    }
    const here = `${real}/${next}`;
    const { mode } = ok(yield* sys.lstat(here), 'lstat', here) as FileStat;
    if ((mode & S_IFMT) !== 0o120000) {
      real = here;
      continue;
    }
    links += 1;
    if (links > LINKS_MAX) throw nodeError(-E.ELOOP, 'stat', here);
    const target = ok(yield* sys.readlink(here), 'readlink', here) as string;
    if (target.startsWith('/')) real = '';
    todo = [...target.split('/'), ...todo];
  }
  return nameAs(real === '' ? '/' : real, encodingOf(options));
}

/** chmod(path, mode) */
export function* chmod(sys: Sys, path: unknown, mode: unknown): Task<void> {
  const name = pathOf(path);
  ok(yield* sys.chmod(name, modeOf(mode, 0)), 'chmod', name);
}

/** chown(path, uid, gid) */
export function* chown(sys: Sys, path: unknown, uid: number, gid: number): Task<void> {
  const name = pathOf(path);
  ok(yield* sys.chown(name, uid, gid), 'chown', name);
}

/** lchown(path, uid, gid) */
export function* lchown(sys: Sys, path: unknown, uid: number, gid: number): Task<void> {
  const name = pathOf(path);
  ok(yield* sys.lchown(name, uid, gid), 'lchown', name);
}

/** utimes(path, atime, mtime) */
export function* utimes(sys: Sys, path: unknown, atime: unknown, mtime: unknown): Task<void> {
  const name = pathOf(path);
  ok(yield* sys.utimes(name, timeOf(atime), timeOf(mtime)), 'utime', name);
}

/** lutimes(path, atime, mtime) */
export function* lutimes(sys: Sys, path: unknown, atime: unknown, mtime: unknown): Task<void> {
  const name = pathOf(path);
  ok(yield* sys.lutimes(name, timeOf(atime), timeOf(mtime)), 'lutime', name);
}
