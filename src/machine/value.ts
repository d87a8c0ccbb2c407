/**
 * What a memory cell can hold, and the small integers by which states are compared.
 *
 * Invariant: two values are the same value if and only if they are `===`. Lists are therefore
 * interned: one frozen List per content and machine, so that a list can be compared like a number.
 */

/** A thing with a number of its own, unique inside one machine. */
export interface Identified {
  readonly vid: number;
}

/** An immutable list, interned by its machine: equal content means the same object. */
export class List<T = unknown> implements Identified {
  readonly items: readonly T[];
  readonly vid: number;

  /** Only {@link ValueTable} makes lists. */
  constructor(items: readonly T[], vid: number) {
    this.items = Object.freeze([...items]);
    this.vid = vid;
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

/**
 * Numbers for values. A small integer is its own number; null, undefined and the booleans have
 * fixed ones; objects carry theirs; everything else is numbered when first seen.
 */
export class ValueTable {
  #nextVid = 1;
  readonly #others = new Map<unknown, number>();
  readonly #lists = new Map<string, List>();
  readonly empty: List<never>;

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
      list = new List<unknown>(items, this.newVid());
      this.#lists.set(key, list);
    }
    return list as List<T>;
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
        // The end of a task counts as null: a task that has ended is like one that never was.
        if (vid === 0) return 1;
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
}
