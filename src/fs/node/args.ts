/** What Node's fs takes as arguments, made into what system calls take. */

import { O } from '../../vfs/index.js';
import { badArgument, outOfRange } from './errors.js';

/** A path: a text, its bytes, or a `file:` URL. */
export type PathLike = string | Uint8Array | { readonly href: string; readonly pathname: string };

/** What can be written: a text, or a view of bytes. */
export type DataLike = string | ArrayBufferView;

/** A time: seconds, a text of a number of them, or a date. */
export type TimeLike = number | string | Date;

/** A mode: a number, or its octal digits. */
export type ModeLike = number | string;

/** Node's name of an encoding; `buffer` stands for bytes. */
export type Encoding = string;

/** Options that can be given as an encoding alone. */
export type WithEncoding<T> =
  (T & { readonly encoding?: Encoding | null | undefined }) | Encoding | null;

/** Buffer where there is one. */
export type NodeBuffer = typeof globalThis extends { Buffer: { alloc(size: number): infer B } }
  ? B
  : Uint8Array;

interface BufferConstructor {
  from(data: ArrayBufferLike, offset: number, length: number): Uint8Array;
  from(data: string, encoding: string): Uint8Array;
}

function nodeBuffer(): BufferConstructor | undefined {
  return (globalThis as unknown as { Buffer?: BufferConstructor }).Buffer;
}

/** Bytes as Node hands them out. */
export function bufferOf(bytes: Uint8Array): NodeBuffer {
  const made = nodeBuffer()?.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) ?? bytes;
  return made as NodeBuffer;
}

const UTF8 = ['utf8', 'utf-8', 'UTF8', 'UTF-8'];

/** Bytes as a text. */
export function decode(bytes: Uint8Array, encoding: Encoding): string {
  if (UTF8.includes(encoding)) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const buffer = bufferOf(bytes) as { toString(encoding: string): string };
  if (nodeBuffer() === undefined) throw unknownEncoding(encoding);
  return buffer.toString(encoding);
}

/** A text as bytes. */
function encode(text: string, encoding: Encoding): Uint8Array {
  if (UTF8.includes(encoding)) return new TextEncoder().encode(text);
  const buffer = nodeBuffer();
  if (buffer === undefined) throw unknownEncoding(encoding);
  return buffer.from(text, encoding);
}

function unknownEncoding(encoding: string): Error {
  return badArgument(
    'ERR_INVALID_ARG_VALUE',
    `The argument 'encoding' is invalid encoding. Received '${encoding}'`,
  );
}

/** What is written, as bytes. */
export function bytesOf(data: unknown, encoding: Encoding = 'utf8'): Uint8Array {
  if (typeof data === 'string') return encode(data, encoding);
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  throw badArgument(
    'ERR_INVALID_ARG_TYPE',
    'The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView.',
  );
}

/** A path as a text. */
export function pathOf(path: unknown, name = 'path'): string {
  let text: string;
  if (typeof path === 'string') text = path;
  else if (path instanceof Uint8Array) text = new TextDecoder().decode(path);
  else if (isUrl(path)) text = decodeURIComponent(path.pathname);
  else {
    throw badArgument(
      'ERR_INVALID_ARG_TYPE',
      `The "${name}" argument must be of type string or an instance of Buffer or URL.`,
    );
  }
  if (text.includes('\0')) {
    throw badArgument(
      'ERR_INVALID_ARG_VALUE',
      `The argument '${name}' must be a string, Uint8Array, or URL without null bytes.`,
    );
  }
  return text;
}

function isUrl(path: unknown): path is { readonly pathname: string } {
  return (
    typeof path === 'object' &&
    path !== null &&
    'href' in path &&
    String(path.href).startsWith('file:') &&
    'pathname' in path
  );
}

const FD_MAX = 2 ** 31 - 1;

/** A descriptor. */
export function fdOf(fd: unknown): number {
  if (typeof fd !== 'number') {
    throw badArgument('ERR_INVALID_ARG_TYPE', 'The "fd" argument must be of type number.');
  }
  if (!Number.isInteger(fd)) throw outOfRange('fd', 'It must be an integer.', fd);
  if (fd < 0 || fd > FD_MAX) throw outOfRange('fd', `It must be >= 0 && <= ${FD_MAX}.`, fd);
  return fd;
}

const { CREAT, EXCL, TRUNC, APPEND, RDONLY, WRONLY, RDWR } = O;
const FLAGS: Readonly<Record<string, number>> = {
  r: RDONLY,
  rs: RDONLY,
  sr: RDONLY,
  'r+': RDWR,
  'rs+': RDWR,
  'sr+': RDWR,
  w: TRUNC | CREAT | WRONLY,
  wx: TRUNC | CREAT | WRONLY | EXCL,
  xw: TRUNC | CREAT | WRONLY | EXCL,
  'w+': TRUNC | CREAT | RDWR,
  'wx+': TRUNC | CREAT | RDWR | EXCL,
  'xw+': TRUNC | CREAT | RDWR | EXCL,
  a: APPEND | CREAT | WRONLY,
  ax: APPEND | CREAT | WRONLY | EXCL,
  xa: APPEND | CREAT | WRONLY | EXCL,
  as: APPEND | CREAT | WRONLY,
  sa: APPEND | CREAT | WRONLY,
  'a+': APPEND | CREAT | RDWR,
  'ax+': APPEND | CREAT | RDWR | EXCL,
  'xa+': APPEND | CREAT | RDWR | EXCL,
  'as+': APPEND | CREAT | RDWR,
  'sa+': APPEND | CREAT | RDWR,
};

/** `'r+'` and its like, or a number. */
export function flagsOf(flags: unknown): number {
  if (flags === undefined || flags === null) return RDONLY;
  if (typeof flags === 'number') return flags;
  if (typeof flags === 'string' && Object.hasOwn(FLAGS, flags)) return FLAGS[flags];
  throw badArgument(
    'ERR_INVALID_ARG_VALUE',
    `The argument 'flags' is invalid. Received ${JSON.stringify(flags)}`,
  );
}

/** A mode as a number. */
export function modeOf(mode: unknown, otherwise: number): number {
  if (mode === undefined || mode === null) return otherwise;
  if (typeof mode === 'number') return mode;
  if (typeof mode === 'string' && /^[0-7]+$/.test(mode)) return Number.parseInt(mode, 8);
  throw badArgument(
    'ERR_INVALID_ARG_VALUE',
    `The argument 'mode' must be a 32-bit unsigned integer or an octal string. Received ${JSON.stringify(mode)}`,
  );
}

/** A time in milliseconds. */
export function timeOf(time: unknown): number {
  if (time instanceof Date) return time.getTime();
  const seconds = typeof time === 'string' ? Number(time) : time;
  if (typeof seconds === 'number' && Number.isFinite(seconds)) return seconds * 1000;
  throw badArgument(
    'ERR_INVALID_ARG_TYPE',
    'The "time" argument must be of type number or string or an instance of Date.',
  );
}

/** Options, or the encoding alone. */
export function optionsOf<T extends object>(
  options: unknown,
  defaults: T,
): T & { readonly encoding?: Encoding | null } {
  if (options === undefined || options === null || typeof options === 'function') return defaults;
  if (typeof options === 'string') return { ...defaults, encoding: options };
  if (typeof options === 'object') return { ...defaults, ...options };
  throw badArgument(
    'ERR_INVALID_ARG_TYPE',
    'The "options" argument must be of type string or an instance of Object.',
  );
}

/** A text, in the encoding that names are wanted in. */
export function nameAs(name: string, encoding: Encoding | null | undefined): string | NodeBuffer {
  if (encoding === undefined || encoding === null || UTF8.includes(encoding)) return name;
  const bytes = new TextEncoder().encode(name);
  return encoding === 'buffer' ? bufferOf(bytes) : decode(bytes, encoding);
}
