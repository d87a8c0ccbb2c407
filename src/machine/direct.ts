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

/** A field of an object, where one is passed around. Those with a fixed name have own classes. */
interface Field {
  value: unknown;
}

/** A field by a key that is computed. */
export class Ref implements Field {
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

type Functions = Readonly<Record<string, Body>>;

/** The functions that any kernel was given so far: kernels with the same ones share them. */
const KNOWN: Functions[] = [];

/**
 * Give a kernel its functions. They are on a prototype, which engines keep quick however many there
 * are; kernel code that is built directly hands over the kernel itself.
 */
export function bind_functions(kernel: object, functions: Functions): void {
  const all: Functions = { ...(Object.getPrototypeOf(kernel) as Functions), ...functions };
  const names = Object.keys(all);
  let known = KNOWN.find(
    (other) =>
      Object.keys(other).length === names.length &&
      names.every((name) => other[name] === all[name]),
  );
  if (known === undefined) {
    known = all;
    KNOWN.push(all);
  }
  Object.setPrototypeOf(kernel, known);
}

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

export function xchg(ref: Field, value: unknown): unknown {
  const old = ref.value;
  ref.value = value;
  return old;
}

export function cmpxchg(ref: Field, expected: unknown, value: unknown): unknown {
  const old = ref.value;
  if (old === expected) ref.value = value;
  return old;
}

export function try_cmpxchg(ref: Field, expected: unknown, value: unknown): boolean {
  return cmpxchg(ref, expected, value) === expected;
}

export function atomic_fetch_add(ref: Field, amount: number): number {
  const old = ref.value as number;
  ref.value = old + amount;
  return old;
}

export function atomic_fetch_or(ref: Field, bits: number): number {
  const old = ref.value as number;
  ref.value = old | bits;
  return old;
}

export function atomic_fetch_and(ref: Field, bits: number): number {
  const old = ref.value as number;
  ref.value = old & bits;
  return old;
}

export function refcount_inc(ref: Field): boolean {
  return atomic_fetch_add(ref, 1) > 0;
}

export function refcount_dec(ref: Field): number {
  return Math.min(1, atomic_fetch_add(ref, -1) - 1);
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

/** What await_until answers. */
export function awaited(value: unknown, condition: (value: unknown) => boolean): unknown {
  if (!condition(value)) throw new WouldBlock('waits for a change');
  return value;
}

export function await_until(ref: Field, condition: (value: unknown) => boolean): unknown {
  return awaited(ref.value, condition);
}

/** Nobody else is there who could wake the caller. */
export function sleep_until(ref: Field, isWoken: (value: unknown) => boolean): unknown {
  return await_until(ref, isWoken);
}

export function cpu_relax(): void {
  throw new WouldBlock('waits for a change');
}

/** Nobody else ever holds a lock. */
export function spin_trylock(): boolean {
  return true;
}

export function raw_write_seqcount_begin(ref: Field): void {
  ref.value = (ref.value as number) + 1;
}

export function raw_write_seqcount_end(ref: Field): void {
  raw_write_seqcount_begin(ref);
}

export function write_seqcount_invalidate(ref: Field): void {
  ref.value = (ref.value as number) + 2;
}

export function raw_seqcount_begin(ref: Field): number {
  return (ref.value as number) & ~1;
}

export function read_seqcount_begin(ref: Field): number {
  return raw_seqcount_begin(ref);
}

export function read_seqcount_retry(ref: Field, sample: number): boolean {
  return ref.value !== sample;
}

export function atomic_step(step: {
  run: (set: (ref: Field, value: unknown) => void) => unknown;
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

/** Kinds of writes that rules ask for: nothing has rules here. */
export const KIND = {} as const;

/** See update.ts. */
export const GAVE_UP = Symbol('gave up');

export function cmpxchg_loop(ref: Field, next: (value: unknown) => unknown): unknown {
  const { value } = ref;
  const replacement = next(value);
  if (replacement !== undefined) ref.value = replacement;
  return value;
}

/** There is one processor. */
export function smp_processor_id(): number {
  return 0;
}
