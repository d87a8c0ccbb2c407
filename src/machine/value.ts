/**
 * What a memory cell can hold, the small integers by which values are looked up, and the names by
 * which they are hashed.
 *
 * Invariant: two values are the same value if and only if they are `===`. Lists are therefore
 * interned: one frozen List per content and machine, so that a list can be compared like a number.
 */

import { ErrPtr } from './err.js';
import { compare, number, numberInto, pair, text, type Lanes } from './lanes.js';

/** A thing with a number of its own, unique inside one machine, and a name that all agree on. */
export interface Identified extends Lanes {
  readonly vid: number;
}

/** An immutable list, interned by its machine: equal content means the same object. */
export class List<T = unknown> implements Identified {
  readonly items: readonly T[];
  readonly vid: number;
  l0: number;
  l1: number;
  l2: number;

  /** Only the table of values makes lists. */
  constructor(items: readonly T[], vid: number, name: Lanes) {
    this.items = Object.freeze([...items]);
    this.vid = vid;
    this.l0 = name.l0;
    this.l1 = name.l1;
    this.l2 = name.l2;
  }

  includes(item: T): boolean {
    return this.items.includes(item);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.items[Symbol.iterator]();
  }
}

const TAG_BITS = 2;
const TAG_OBJECT = 2;
const TAG_OTHER = 3;
const SMALL_INT_MAX = 1 << 28;

const NULL = text('null');
const UNDEFINED = text('undefined');
const TRUE = text('true');
const FALSE = text('false');

/** The name of null, which is also that of a task that has ended. */
export const NULL_NAME: Lanes = NULL;

/**
 * Numbers and names for values. A small integer is its own number; null, undefined and the booleans
 * have fixed ones; objects carry theirs; everything else is numbered when first seen.
 */
export class ValueTable {
  #nextVid = 1;
  readonly #others = new Map<unknown, number>();
  readonly #names = new Map<unknown, Lanes>();
  readonly #functions = new Map<string, unknown>();
  readonly #lists = new Map<string, List>();
  readonly empty: List<never>;
  /** A value whose name another machine may not agree on; null if there is none. */
  unnamed: string | null = null;
  #scratch: Lanes = { l0: 0, l1: 0, l2: 0 };
  #otherScratch: Lanes = { l0: 0, l1: 0, l2: 0 };

  constructor() {
    this.empty = this.list<never>([]);
  }

  newVid(): number {
    return this.#nextVid++;
  }

  /** The one List with these items. */
  list<T>(items: readonly T[]): List<T> {
    const key = items.map((item) => this.idOf(item)).join();
    let list = this.#lists.get(key);
    if (list === undefined) {
      let name = number(items.length);
      for (const item of items) name = pair(name, this.nameOf(item));
      list = new List<unknown>(items, this.newVid(), name);
      this.#lists.set(key, list);
    }
    return list as List<T>;
  }

  /** The one List with these items whatever their order: a set, or a bag. */
  bag<T>(items: readonly T[]): List<T> {
    return this.list([...items].sort((a, b) => compare(this.nameOf(a), this.nameOf(b))));
  }

  /** Give a thing that kernel code passes around, and that is no struct, a name. */
  declare(value: object, name: string): void {
    this.#names.set(value, text(`declared ${name}`));
  }

  /** The number of a value: equal exactly for values that are `===`. */
  idOf(value: unknown): number {
    switch (typeof value) {
      case 'number':
        if ((value | 0) === value && value > -SMALL_INT_MAX && value < SMALL_INT_MAX) {
          return value << TAG_BITS;
        }
        break;
      case 'boolean':
        return value ? 9 : 13;
      case 'undefined':
        return 5;
      case 'object': {
        if (value === null) return 1;
        const vid = (value as Partial<Identified>).vid;
        if (vid !== undefined) return (vid << TAG_BITS) | TAG_OBJECT;
        break;
      }
      default:
        break;
    }
    let index = this.#others.get(value);
    if (index === undefined) {
      index = this.#others.size;
      this.#others.set(value, index);
    }
    return (index << TAG_BITS) | TAG_OTHER;
  }

  /** The name of a value; that of a number is good until the next but one call. */
  nameOf(value: unknown): Lanes {
    switch (typeof value) {
      case 'number':
        if ((value | 0) === value) {
          const scratch = this.#scratch;
          this.#scratch = this.#otherScratch;
          this.#otherScratch = scratch;
          return numberInto(scratch, value);
        }
        break;
      case 'boolean':
        return value ? TRUE : FALSE;
      case 'undefined':
        return UNDEFINED;
      case 'object':
        if (value === null) return NULL;
        if ((value as Partial<Identified>).l0 !== undefined) return value as Identified;
        break;
      default:
        break;
    }
    let name = this.#names.get(value);
    if (name === undefined) {
      name = this.#newName(value);
      this.#names.set(value, name);
    }
    return name;
  }

  #newName(value: unknown): Lanes {
    if (value instanceof ErrPtr) return text(`error ${value.errno}`);
    if (typeof value === 'function') {
      const source = `${value.name} ${value.toString()}`;
      const other = this.#functions.get(source);
      // Two functions of one text may differ in what they captured.
      if (other !== undefined) this.unnamed ??= `function ${value.name}`;
      this.#functions.set(source, value);
      return text(other === undefined ? source : `${source} ${this.#names.size}`);
    }
    if (typeof value === 'object') {
      this.unnamed ??= Object.prototype.toString.call(value);
      return text(`unnamed ${this.#names.size}`);
    }
    return text(`${typeof value} ${(value as bigint | number | string | symbol).toString()}`);
  }
}

/** The items of a cell that holds a list or nothing. */
export function itemsOf(value: unknown): readonly unknown[] {
  return value instanceof List ? (value.items as readonly unknown[]) : [];
}
