/**
 * Lists of the direct build. Invariant: whoever iterates a list sees it as it was when it began,
 * newest first, as with the lists of the simulated machine.
 */

import type { Field } from './direct-fields.js';

/** A list that is changed in place; whoever iterates sees it as it was. Newest first. */
export class List<T = unknown> {
  /** Oldest first. */
  readonly #items: T[];
  #index: Map<T, number> | null = null;
  #holes = 0;

  constructor(items: T[]) {
    this.#items = items;
  }

  get items(): readonly T[] {
    return this.#live().reverse();
  }

  #live(): T[] {
    return this.#items.filter((item) => item !== undefined);
  }

  get size(): number {
    return this.#items.length - this.#holes;
  }

  includes(item: T): boolean {
    return this.#items.includes(item);
  }

  add(item: T): void {
    this.#index?.set(item, this.#items.length);
    this.#items.push(item);
  }

  delete(item: T): boolean {
    const items = this.#items;
    const last = items.length - 1;
    if (items[last] === item) {
      items.pop();
      this.#index?.delete(item);
      return true;
    }
    let at: number;
    if (items.length > 32) {
      this.#index ??= new Map(items.map((entry, i) => [entry, i]));
      at = this.#index.get(item) ?? -1;
    } else {
      at = items.lastIndexOf(item);
    }
    if (at < 0) return false;
    if (this.#index === null) {
      items.splice(at, 1);
      return true;
    }
    this.#index.delete(item);
    (items as unknown[])[at] = undefined;
    this.#holes += 1;
    if (this.#holes * 2 > items.length) this.#compact();
    return true;
  }

  #compact(): void {
    const live = this.#live();
    this.#items.length = 0;
    for (const item of live) this.#items.push(item);
    this.#index = null;
    this.#holes = 0;
  }

  [Symbol.iterator](): Iterator<T> {
    if (this.#items.length === 1) return new One(this.#items[0]);
    return this.items[Symbol.iterator]();
  }
}

/** The iterator of a list with one item: what a hash bucket nearly always is. */
class One<T> implements Iterator<T> {
  readonly #item: T;
  #done = false;

  constructor(item: T) {
    this.#item = item;
  }

  next(): IteratorResult<T> {
    if (this.#done) return { done: true, value: undefined };
    this.#done = true;
    return { done: false, value: this.#item };
  }
}

/** A list of fixed content, in order: what kernel functions answer. */
export class Tuple<T = unknown> {
  readonly items: readonly T[];

  constructor(items: readonly T[]) {
    this.items = items;
  }

  includes(item: T): boolean {
    return this.items.includes(item);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.items[Symbol.iterator]();
  }
}

function oldestFirst(list: Tuple): unknown[] {
  return list.items.toReversed();
}

/** What list_add stores. */
export function listAdd(list: List | Tuple | null, item: unknown): List {
  if (!(list instanceof List))
    return new List(list === null ? [item] : [...oldestFirst(list), item]);
  list.add(item);
  return list;
}

/** What list_del stores. */
export function listDel(list: List | Tuple | null, item: unknown): List | null {
  const from = list instanceof Tuple ? new List(oldestFirst(list)) : list;
  if (from === null || !from.delete(item)) throw new Error('list_del corruption');
  return from.size === 0 ? null : from;
}

export function list_add(ref: Field, item: unknown): void {
  ref.value = listAdd(ref.value as List | null, item);
}

export function list_del(ref: Field, item: unknown): void {
  ref.value = listDel(ref.value as List | null, item);
}

export function list_add_rcu(ref: Field, item: unknown): void {
  list_add(ref, item);
}

export function list_del_rcu(ref: Field, item: unknown): void {
  list_del(ref, item);
}
