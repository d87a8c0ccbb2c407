/**
 * The machine of the direct build: one processor, no schedule, every operation done at once.
 *
 * tools/direct/build.js turns kernel code into plain functions over plain fields and puts this in
 * the place of the machine. Invariant: an operation answers what the simulated machine would answer
 * if no other task ever ran.
 */

export * from './err.js';

/** Thrown when the library is used wrongly; the message says what to do instead. */
export class MisuseError extends Error {
  override readonly name: string = 'MisuseError';
}

/** Kernel code would have to wait for somebody, and there is nobody else. */
export class WouldBlock extends Error {
  override readonly name: string = 'WouldBlock';
}

/** A field of an object, where one is passed around. */
export class Ref {
  readonly o: Record<PropertyKey, unknown>;
  readonly k: PropertyKey;

  constructor(object: object, key: PropertyKey) {
    this.o = object as Record<PropertyKey, unknown>;
    this.k = key;
  }

  get value(): unknown {
    return this.o[this.k];
  }

  set value(value: unknown) {
    this.o[this.k] = value;
  }
}

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

let structs = 0;

/** A kernel object: fields are plain. */
export abstract class Struct {
  readonly vid: number;

  constructor(_kind: string) {
    structs += 1;
    this.vid = structs;
  }

  get kind(): string {
    return this.constructor.name;
  }

  protected cell<T>(_name: string, initial: T): T {
    return initial;
  }

  protected lockCell(_name: string, _class: string, initial = 0): number {
    return initial;
  }

  protected refcount(_name: string, initial: number): number {
    return initial;
  }

  protected shadow<T>(_name: string, initial: T): T {
    return initial;
  }
}

export class Slab {
  readonly create: (...args: unknown[]) => unknown;

  constructor(_name: string, create: (...args: unknown[]) => unknown) {
    this.create = create;
  }
}

/** What stands for the machine when a kernel is built. */
export class Machine {
  readonly ruled = false;
  readonly store = {
    values: {
      declare: (): void => undefined,
      list: <T>(items: readonly T[]): Tuple<T> => new Tuple(items),
      bag: <T>(items: readonly T[]): Tuple<T> => new Tuple(items),
    },
  };

  section(): object {
    return {};
  }

  global<T>(object: T): T {
    return object;
  }

  boot<T>(body: () => T): T {
    return body();
  }
}

/** Kernel code, called with whatever the kernel has. */
type Body = (...args: unknown[]) => unknown;

export function branch(fn: string, what: string): object {
  return { fn, what };
}

export function call(body: Body, ...args: unknown[]): unknown {
  return body(...args);
}

export function spawn(_options: unknown, body: Body, ...args: unknown[]): unknown {
  return body(...args);
}

export function kmem_cache_alloc(slab: Slab, ...args: unknown[]): unknown {
  return slab.create(...args);
}

export function xchg(ref: Ref, value: unknown): unknown {
  const old = ref.value;
  ref.value = value;
  return old;
}

export function cmpxchg(ref: Ref, expected: unknown, value: unknown): unknown {
  const old = ref.o[ref.k];
  if (old === expected) ref.o[ref.k] = value;
  return old;
}

export function try_cmpxchg(ref: Ref, expected: unknown, value: unknown): boolean {
  return cmpxchg(ref, expected, value) === expected;
}

export function atomic_fetch_add(ref: Ref, amount: number): number {
  const old = ref.o[ref.k] as number;
  ref.o[ref.k] = old + amount;
  return old;
}

export function atomic_fetch_or(ref: Ref, bits: number): number {
  const old = ref.value as number;
  ref.value = old | bits;
  return old;
}

export function atomic_fetch_and(ref: Ref, bits: number): number {
  const old = ref.value as number;
  ref.value = old & bits;
  return old;
}

export function refcount_inc(ref: Ref): boolean {
  return atomic_fetch_add(ref, 1) > 0;
}

export function refcount_dec(ref: Ref): number {
  return Math.min(1, atomic_fetch_add(ref, -1) - 1);
}

function oldestFirst(list: Tuple): unknown[] {
  return list.items.toReversed();
}

export function list_add(ref: Ref, item: unknown): void {
  const list = ref.o[ref.k] as List | Tuple | null;
  if (list instanceof List) list.add(item);
  else ref.o[ref.k] = new List(list === null ? [item] : oldestFirst(list).concat(item));
}

export function list_del(ref: Ref, item: unknown): void {
  let list = ref.o[ref.k];
  if (list instanceof Tuple) list = new List(oldestFirst(list));
  if (!(list instanceof List) || !list.delete(item)) throw new Error('list_del corruption');
  ref.o[ref.k] = list.size === 0 ? null : list;
}

export function await_until(ref: Ref, condition: (value: unknown) => boolean): unknown {
  const { value } = ref;
  if (!condition(value)) throw new WouldBlock(`waits for ${String(ref.k)}`);
  return value;
}

export function cpu_relax(): void {
  throw new WouldBlock('waits for a change');
}

export function spin_lock(ref: Ref): void {
  const word = ref.o[ref.k] as number;
  if ((word & 1) === 1) throw new WouldBlock(`waits for ${String(ref.k)}`);
  ref.o[ref.k] = word | 1;
}

export function spin_unlock(ref: Ref): void {
  ref.o[ref.k] = (ref.o[ref.k] as number) & ~1;
}

export function spin_trylock(ref: Ref): boolean {
  const word = ref.o[ref.k] as number;
  if ((word & 1) === 1) return false;
  ref.o[ref.k] = word | 1;
  return true;
}

export function spin_lock_nested(ref: Ref): void {
  spin_lock(ref);
}

export function raw_write_seqcount_begin(ref: Ref): void {
  ref.o[ref.k] = (ref.o[ref.k] as number) + 1;
}

export function raw_write_seqcount_end(ref: Ref): void {
  raw_write_seqcount_begin(ref);
}

export function write_seqcount_invalidate(ref: Ref): void {
  ref.o[ref.k] = (ref.o[ref.k] as number) + 2;
}

export function raw_seqcount_begin(ref: Ref): number {
  return (ref.o[ref.k] as number) & ~1;
}

export function read_seqcount_begin(ref: Ref): number {
  return raw_seqcount_begin(ref);
}

export function read_seqcount_retry(ref: Ref, sample: number): boolean {
  return ref.o[ref.k] !== sample;
}

export function atomic_step(step: {
  run: (set: (ref: Ref, value: unknown) => void) => unknown;
}): unknown {
  return step.run((ref, value) => {
    ref.value = value;
  });
}

export function section_actors(): Tuple {
  return new Tuple([]);
}

export function choose(): number {
  return 0;
}

export function WARN(title: string): void {
  throw new Error(title);
}

export function list_add_rcu(ref: Ref, item: unknown): void {
  list_add(ref, item);
}

export function list_del_rcu(ref: Ref, item: unknown): void {
  list_del(ref, item);
}

export function bit_spin_lock(ref: Ref): void {
  spin_lock(ref);
}

/** See retry.ts. */
export const AGAIN = Symbol('again');

export function retry(round: Body, ...args: unknown[]): unknown {
  const result = round(...args);
  // Another round would find what this one found.
  if (result === AGAIN) throw new WouldBlock('tries again until something changes');
  return result;
}

/** See memory.ts. */
export const LIFE = { unallocated: 0, live: 1, freed: 2 } as const;
