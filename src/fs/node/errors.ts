/**
 * Errors as Node's fs throws them: `code`, `errno`, `syscall`, `path`, `dest`, and the same message.
 * Texts are those of libuv's table of errors.
 */

import { errnoName } from '../../machine/index.js';

const TEXTS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EAGAIN: 'resource temporarily unavailable',
  EBADF: 'bad file descriptor',
  EBUSY: 'resource busy or locked',
  EEXIST: 'file already exists',
  EFAULT: 'bad address in system call argument',
  EFBIG: 'file too large',
  EINTR: 'interrupted system call',
  EINVAL: 'invalid argument',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  ELOOP: 'too many symbolic links encountered',
  EMFILE: 'too many open files',
  EMLINK: 'too many links',
  ENAMETOOLONG: 'name too long',
  ENFILE: 'file table overflow',
  ENODEV: 'no such device',
  ENOENT: 'no such file or directory',
  ENOMEM: 'not enough memory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  ENOTSUP: 'operation not supported on socket',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  EXDEV: 'cross-device link not permitted',
};

/** An error of a call, as Node makes it. */
export interface NodeFsError extends Error {
  readonly errno: number;
  readonly code: string;
  readonly syscall: string;
  readonly path?: string;
  readonly dest?: string;
}

/** The error for a negative errno. */
export function nodeError(
  errno: number,
  syscall: string,
  path?: string,
  dest?: string,
): NodeFsError {
  const name = errnoName(errno).slice(1);
  const code = name === 'EOPNOTSUPP' ? 'ENOTSUP' : name;
  let message = `${code}: ${TEXTS[code] ?? 'unknown error'}, ${syscall}`;
  if (path !== undefined) message += ` '${path}'`;
  if (dest !== undefined) message += ` -> '${dest}'`;
  return Object.assign(new Error(message), {
    errno,
    code,
    syscall,
    ...(path === undefined ? {} : { path }),
    ...(dest === undefined ? {} : { dest }),
  });
}

/** The answer of a call, or its error thrown. */
export function ok<T>(answer: T, syscall: string, path?: string, dest?: string): Exclude<T, never> {
  if (typeof answer === 'number' && answer < 0) throw nodeError(answer, syscall, path, dest);
  return answer;
}

/** An argument that Node does not take, either. */
export function badArgument(code: string, message: string): TypeError {
  const error = new TypeError(message) as TypeError & { code: string };
  error.code = code;
  return error;
}

/** A number that is not one of those that Node takes. */
export function outOfRange(name: string, range: string, value: number): RangeError {
  const error = new RangeError(
    `The value of "${name}" is out of range. ${range} Received ${value}`,
  ) as RangeError & { code: string };
  error.code = 'ERR_OUT_OF_RANGE';
  return error;
}
