/**
 * The states seen so far, by 96-bit hash.
 *
 * Soundness bound: two different states get one hash with a probability of at most n²/2^97 for n
 * states, if the mixing is as good as random: below 10^-14 for 40 million. Open addressing in typed
 * arrays, so that millions of states cost no garbage collection. One table grows and keeps a number
 * per state; the other has a fixed size and is shared by threads.
 */

/** Width of a state's key: three lanes of 32 bits. */
export const KEY_BITS = 96;

/**
 * What a search that compares keys only must admit: a bound on the chance that two of its states
 * have one key, so that what only the second leads to was not looked at. Takes the mixing of keys
 * for as good as random; it is a bijection in each of its two arguments, so that names which grow
 * answer by answer do not add to it.
 * @param states number of different keys seen; with a state missed, there is one more
 */
export function missedStateChance(states: number): number {
  return ((states + 1) * states) / 2 ** (KEY_BITS + 1);
}

/** How a search asks whether it has been somewhere. */
export interface Visited {
  /** Come to a state. @returns its number if it was known, else undefined; it is known now */
  enter(h0: number, h1: number, h2: number): number | undefined;
  /** Give a state its number. */
  finish(h0: number, h1: number, h2: number, value: number): void;
  /** No state fits in any more. */
  readonly full: boolean;
}

/** Number of a state that is not finished: who meets one has gone round. */
const OPEN = -1;

export interface StateTableOptions {
  /** How many states it takes (default: no limit). */
  readonly sizeMax?: number;
  /**
   * Up to how many states it keeps their numbers (default: no limit). They take as much room again
   * as the states do; beyond that, `counts` is false and every state's number is 0.
   */
  readonly numbersMax?: number;
}

const WORDS = 3;
/** Above this part of its slots a table grows: probing would get long. */
const GROWN_AT = 0.6;

export class StateTable implements Visited {
  #capacity = 1 << 12;
  /** Three words a state; the first is never zero, which stands for an empty slot. */
  #keys = new Int32Array(this.#capacity * WORDS);
  #numbers: Float64Array | null = new Float64Array(this.#capacity);
  readonly #sizeMax: number;
  readonly #numbersMax: number;
  size = 0;

  constructor(options: StateTableOptions = {}) {
    this.#sizeMax = options.sizeMax ?? Number.POSITIVE_INFINITY;
    this.#numbersMax = options.numbersMax ?? Number.POSITIVE_INFINITY;
  }

  get full(): boolean {
    return this.size >= this.#sizeMax;
  }

  /** Are the numbers of all states kept? */
  get counts(): boolean {
    return this.#numbers !== null;
  }

  #find(h0: number, h1: number, h2: number): number {
    const mask = this.#capacity - 1;
    let slot = slotOf(h0, h1) & mask;
    const keys = this.#keys;
    for (;;) {
      const base = slot * WORDS;
      const first = keys[base];
      if (first === 0) return ~slot;
      if (first === h0 && keys[base + 1] === h1 && keys[base + 2] === h2) return slot;
      slot = (slot + 1) & mask;
    }
  }

  enter(a: number, h1: number, h2: number): number | undefined {
    const h0 = a === 0 ? 1 : a;
    const found = this.#find(h0, h1, h2);
    if (found >= 0) return this.#numbers === null ? 0 : this.#numbers[found];
    let slot = ~found;
    if (this.size > this.#capacity * GROWN_AT) {
      this.#grow();
      slot = ~this.#find(h0, h1, h2);
    }
    this.#put(slot, h0, h1, h2);
    if (this.#numbers !== null) this.#numbers[slot] = OPEN;
    this.size += 1;
    return undefined;
  }

  finish(a: number, h1: number, h2: number, number: number): void {
    if (this.#numbers !== null) this.#numbers[this.#find(a === 0 ? 1 : a, h1, h2)] = number;
  }

  #put(slot: number, h0: number, h1: number, h2: number): void {
    const base = slot * WORDS;
    this.#keys[base] = h0;
    this.#keys[base + 1] = h1;
    this.#keys[base + 2] = h2;
  }

  #grow(): void {
    const keys = this.#keys;
    const numbers = this.size < this.#numbersMax ? this.#numbers : null;
    const before = this.#capacity;
    this.#capacity = before * 2;
    this.#keys = new Int32Array(this.#capacity * WORDS);
    this.#numbers = numbers === null ? null : new Float64Array(this.#capacity);
    for (let slot = 0; slot < before; slot += 1) {
      const base = slot * WORDS;
      if (keys[base] === 0) continue;
      const free = ~this.#find(keys[base], keys[base + 1], keys[base + 2]);
      this.#put(free, keys[base], keys[base + 1], keys[base + 2]);
      if (numbers !== null) this.#numbers![free] = numbers[slot];
    }
  }
}

/** Above this part of its slots the shared table counts as full: probing would get long. */
const LOAD_MAX = 0.9;
const HEAD_WORDS = 16;
/** States that a thread adds before it tells the others. */
const LOT = 256;

/** A table of fixed size that several threads fill together, without locks. */
export class SharedStateTable implements Visited {
  /** Word 0 counts the states, in lots. */
  readonly #head: Int32Array;
  readonly #keys: Int32Array;
  readonly #slots: number;
  readonly #sizeMax: number;
  #untilCounted = LOT;
  /** States that this thread was the first to see. */
  added = 0;

  /** Memory for so many slots, nine in ten of which can hold a state: 12 bytes each. */
  static allocate(slots: number): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * (HEAD_WORDS + WORDS * slots));
  }

  constructor(buffer: SharedArrayBuffer) {
    this.#head = new Int32Array(buffer, 0, HEAD_WORDS);
    this.#keys = new Int32Array(buffer, 4 * HEAD_WORDS);
    this.#slots = this.#keys.length / WORDS;
    this.#sizeMax = Math.floor(this.#slots * LOAD_MAX);
  }

  get full(): boolean {
    return this.#head[0] >= this.#sizeMax;
  }

  enter(a: number, b: number, c: number): number | undefined {
    // Zero stands for an empty word.
    const h0 = a === 0 ? 1 : a;
    const h1 = b === 0 ? 1 : b;
    const h2 = c === 0 ? 1 : c;
    const keys = this.#keys;
    const end = keys.length;
    // The upper bits choose the slot, so that the number of slots can be any.
    let base = WORDS * Math.floor(((slotOf(h0, h1) >>> 0) / 2 ** 32) * this.#slots);
    for (; ; base = base + WORDS === end ? 0 : base + WORDS) {
      let found = Atomics.load(keys, base);
      if (found === 0) {
        found = Atomics.compareExchange(keys, base, 0, h0);
        if (found === 0) {
          Atomics.store(keys, base + 1, h1);
          Atomics.store(keys, base + 2, h2);
          this.#count();
          return undefined;
        }
      }
      if (found === h0 && this.#word(base + 1) === h1 && this.#word(base + 2) === h2) return 0;
    }
  }

  #count(): void {
    this.added += 1;
    this.#untilCounted -= 1;
    if (this.#untilCounted > 0) return;
    this.#untilCounted = LOT;
    Atomics.add(this.#head, 0, LOT);
  }

  /** A word of a claimed slot; its owner is about to write it. */
  #word(at: number): number {
    for (;;) {
      const word = Atomics.load(this.#keys, at);
      if (word !== 0) return word;
    }
  }

  finish(): void {
    // Numbers are not kept.
  }

  /** Every state, three words each, for saving. No thread may be searching. */
  dump(): Int32Array {
    const keys = this.#keys;
    // The count may lack what threads have not told yet.
    let states = new Int32Array(WORDS * (this.#head[0] + LOT));
    let at = 0;
    for (let base = 0; base < keys.length; base += WORDS) {
      if (keys[base] === 0) continue;
      if (at === states.length) {
        const larger = new Int32Array(2 * at);
        larger.set(states);
        states = larger;
      }
      states[at] = keys[base];
      states[at + 1] = keys[base + 1];
      states[at + 2] = keys[base + 2];
      at += WORDS;
    }
    return states.subarray(0, at);
  }

  /** Take up every state of another table. No thread may be searching. */
  addAll(other: SharedStateTable): void {
    const keys = other.#keys;
    for (let base = 0; base < keys.length; base += WORDS) {
      if (keys[base] !== 0) this.enter(keys[base], keys[base + 1], keys[base + 2]);
    }
    this.added = 0;
  }

  /** Take up what {@link dump} gave. */
  restore(states: Int32Array): void {
    for (let at = 0; at < states.length; at += WORDS) {
      this.enter(states[at], states[at + 1], states[at + 2]);
    }
    this.added = 0;
  }
}

function slotOf(h0: number, h1: number): number {
  return h0 ^ Math.imul(h1, 0x9e3779b1);
}
