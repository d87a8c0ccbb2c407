/**
 * Containers and file contents as values: what cells of the filesystem hold.
 *
 * Invariant: every function here is pure, so a value in a cell is changed by storing another one.
 * Values are interned, so equal contents are equal states. The direct build swaps this file for
 * direct.ts, in which the same functions change the value in place.
 */

import type { List } from '../../machine/index.js';

/** Whoever can intern lists: the kernel. */
export interface Interner {
  list<T>(items: readonly T[]): List<T>;
}

/** A map from numbers, ascending: stands for xarrays, maple trees and the table of descriptors. */
export type Xa<T> = List<number | T>;

/** Bytes as a program hands them over: here one character for each byte. */
export interface Bytes {
  readonly length: number;
}

/** What a file holds: pages by number, each without its trailing zeros. */
export type Pages = Xa<string>;

export const PAGE_SIZE = 4096;

/** The value of a key, or null. */
export function xa_load<T>(xa: Xa<T> | null, key: number): T | null {
  const { items } = xa ?? { items: [] as readonly (number | T)[] };
  for (let i = 0; i < items.length; i += 2) if (items[i] === key) return items[i + 1] as T;
  return null;
}

/** The map with one value changed, or taken out if it is null. An empty map is null. */
export function xa_store<T>(
  k: Interner,
  xa: Xa<T> | null,
  key: number,
  value: T | null,
): Xa<T> | null {
  const entries = xa_entries(xa).filter(([other]) => other !== key);
  if (value !== null) entries.push([key, value]);
  if (entries.length === 0) return null;
  entries.sort(([a], [b]) => a - b);
  return k.list<number | T>(entries.flat());
}

/** Keys and values, ascending. */
export function xa_entries<T>(xa: Xa<T> | null): [number, T][] {
  const entries: [number, T][] = [];
  const { items } = xa ?? { items: [] as readonly (number | T)[] };
  for (let i = 0; i < items.length; i += 2) entries.push([items[i] as number, items[i + 1] as T]);
  return entries;
}

/** How many keys there are. */
export function xa_size(xa: Xa<unknown> | null): number {
  return xa === null ? 0 : xa.items.length / 2;
}

/** Bytes after bytes. `null` stands for none yet; `capacity` is how long the whole will get. */
export function bytes_append(to: Bytes | null, more: Bytes, _capacity: number): Bytes {
  return ((to ?? '') as string) + (more as string);
}

/** No bytes. */
export function bytes_empty(): Bytes {
  return '';
}

/** `length` bytes of one page, zeros where nothing was written. */
export function page_read(pages: Pages | null, index: number, from: number, length: number): Bytes {
  const page = xa_load(pages, index) ?? '';
  return page.slice(from, from + length).padEnd(length, '\0');
}

/** The file with bytes `from` to `to` of `source` copied to `offset` of a page. */
export function page_write(
  k: Interner,
  pages: Pages | null,
  index: number,
  offset: number,
  source: Bytes,
  from: number,
  to: number,
): Pages | null {
  const page = xa_load(pages, index) ?? '';
  const chunk = (source as string).slice(from, to);
  const whole =
    page.slice(0, offset).padEnd(offset, '\0') + chunk + page.slice(offset + chunk.length);
  return xa_store(k, pages, index, whole.replace(/\0+$/u, ''));
}

/** Is there memory for this page? */
export function page_present(pages: Pages | null, index: number): boolean {
  return xa_load(pages, index) !== null;
}

/** The file cut off at `size`: later pages are gone, the last one is zero from there on. */
export function pages_truncate(k: Interner, pages: Pages | null, size: number): Pages | null {
  let cut = pages;
  for (const [index, page] of xa_entries(pages)) {
    const keep = Math.max(0, Math.min(PAGE_SIZE, size - index * PAGE_SIZE));
    if (keep === 0) cut = xa_store(k, cut, index, null);
    else if (keep < page.length) {
      cut = xa_store(k, cut, index, page.slice(0, keep).replace(/\0+$/u, ''));
    }
  }
  return cut;
}

/** Buckets of the dentry hash table: few, since every one is an object of the state. */
export const DHASH_ENTRIES = 8;

/** A text in UTF-8, or bytes as they are. */
export function bytes_of(data: string | Uint8Array): Bytes {
  let bytes = '';
  const array = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  for (const byte of array) bytes += String.fromCharCode(byte);
  return bytes;
}

/** Bytes as an array of one's own. */
export function array_of(bytes: Bytes): Uint8Array {
  return Uint8Array.from(bytes as string, (char) => char.charCodeAt(0));
}

/** The text that bytes in UTF-8 say. */
export function text_of(bytes: Bytes): string {
  return new TextDecoder().decode(array_of(bytes));
}
