/**
 * Containers and file contents of the direct build: the functions of index.ts, changing in place.
 *
 * Invariant: each gives the result of its namesake as long as nobody keeps a value from before.
 * Memory of a page grows with what is written to it, up to a page.
 */

export const PAGE_SIZE = 4096;
const PAGE_MIN = 64;

export type Xa<T> = Map<number, T>;
export type Bytes = Uint8Array;
export type Pages = Map<number, Uint8Array>;

const NO_BYTES = new Uint8Array(0);

export function xa_load<T>(xa: Xa<T> | null, key: number): T | null {
  if (xa === null) return null;
  return xa.get(key) ?? null;
}

export function xa_store<T>(
  _k: unknown,
  xa: Xa<T> | null,
  key: number,
  value: T | null,
): Xa<T> | null {
  if (value === null) {
    if (xa === null) return null;
    xa.delete(key);
    return xa.size === 0 ? null : xa;
  }
  return (xa ?? new Map<number, T>()).set(key, value);
}

export function xa_entries<T>(xa: Xa<T> | null): [number, T][] {
  return [...(xa ?? [])].sort(([a], [b]) => a - b);
}

export function xa_size(xa: Xa<unknown> | null): number {
  return xa === null ? 0 : xa.size;
}

/** Bytes under construction: the buffer may be longer than what is in it. */
export function bytes_append(to: Bytes | null, more: Bytes, capacity: number): Bytes {
  if (to === null) {
    if (more.length >= capacity) return more;
    const whole = new Uint8Array(capacity);
    whole.set(more);
    return whole.subarray(0, more.length);
  }
  const whole = new Uint8Array(to.buffer, to.byteOffset, to.length + more.length);
  whole.set(more, to.length);
  return whole;
}

export function bytes_empty(): Bytes {
  return NO_BYTES;
}

export function page_read(pages: Pages | null, index: number, from: number, length: number): Bytes {
  const page = pages?.get(index);
  // Where it lies: who makes the call copies it before anybody can write.
  if (page !== undefined && from + length <= page.length) return page.subarray(from, from + length);
  const bytes = new Uint8Array(length);
  if (page !== undefined && from < page.length) bytes.set(page.subarray(from));
  return bytes;
}

export function page_write(
  _k: unknown,
  pages: Pages | null,
  index: number,
  offset: number,
  source: Bytes,
  from: number,
  to: number,
): Pages | null {
  const all = pages ?? new Map<number, Uint8Array>();
  const end = offset + to - from;
  let page = all.get(index);
  if (page === undefined || page.length < end) {
    let size = PAGE_MIN;
    while (size < end) size *= 2;
    const grown = new Uint8Array(size);
    if (page !== undefined) grown.set(page);
    all.set(index, grown);
    page = grown;
  }
  page.set(from === 0 && to === source.length ? source : source.subarray(from, to), offset);
  return all;
}

export function page_present(pages: Pages | null, index: number): boolean {
  return pages !== null && pages.has(index);
}

export function pages_truncate(_k: unknown, pages: Pages | null, size: number): Pages | null {
  if (pages === null) return null;
  for (const [index, page] of pages) {
    const keep = Math.max(0, Math.min(PAGE_SIZE, size - index * PAGE_SIZE));
    if (keep === 0) pages.delete(index);
    else if (keep < page.length) page.fill(0, keep);
  }
  return pages.size === 0 ? null : pages;
}

export const DHASH_ENTRIES = 1 << 13;

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

export function bytes_of(data: string | Uint8Array): Bytes {
  return typeof data === 'string' ? ENCODER.encode(data) : data;
}

export function array_of(bytes: Bytes): Uint8Array {
  return bytes.slice();
}

export function text_of(bytes: Bytes): string {
  return DECODER.decode(bytes);
}
