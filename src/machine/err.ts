/**
 * Errors as the kernel has them: negative errno numbers, and error pointers.
 *
 * An error pointer is one shared object per errno, so that `===` compares it like any pointer.
 * Mirrors include/linux/err.h and include/uapi/asm-generic/errno*.h.
 */

const NUMBERS = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EREMOTE: 66,
  EOPNOTSUPP: 95,
  ESTALE: 116,
} as const;

/** The name of an error: `'ENOENT'`. */
export type ErrnoName = keyof typeof NUMBERS;

/** errno numbers by name, positive as in C: return `-E.ENOENT`. */
export const E: Readonly<Record<ErrnoName, number>> = NUMBERS;

/** What {@link ERR_PTR} returns: a pointer that is an error. */
export class ErrPtr {
  readonly errno: number;

  /** @param errno negative errno */
  constructor(errno: number) {
    this.errno = errno;
  }

  toString(): string {
    return `ERR_PTR(${errnoName(this.errno)})`;
  }
}

const POINTERS: ReadonlyMap<number, ErrPtr> = new Map(
  Object.values(NUMBERS).map((number) => [-number, new ErrPtr(-number)]),
);

/** The error pointer of a negative errno. Source: include/linux/err.h. */
export function ERR_PTR(errno: number): ErrPtr {
  const pointer = POINTERS.get(errno);
  if (pointer === undefined) {
    throw new RangeError(`ERR_PTR(${errno}): not a known negative errno; use ERR_PTR(-E.ENOMEM)`);
  }
  return pointer;
}

/** Is this pointer an error? Source: include/linux/err.h. */
export function IS_ERR(pointer: unknown): pointer is ErrPtr {
  return pointer instanceof ErrPtr;
}

/** The negative errno in an error pointer. Source: include/linux/err.h. */
export function PTR_ERR(pointer: ErrPtr): number {
  return pointer.errno;
}

/** `'-EAGAIN'` for -11; the number itself if it has no name here. */
export function errnoName(errno: number): string {
  const entry = Object.entries(NUMBERS).find(([, number]) => number === -errno);
  return entry === undefined ? String(errno) : `-${entry[0]}`;
}
