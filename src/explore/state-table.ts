/**
 * The set of states seen, by 96-bit hash, with one number per state.
 *
 * Soundness bound: two different states get one hash with a probability of at most n²/2^97 for n
 * states, if the mixing is as good as random: below 10^-14 for 40 million. Open addressing in typed
 * arrays, so that millions of states cost no garbage collection.
 */
export class StateTable {
  #capacity: number;
  #keys: Int32Array;
  #used: Uint8Array;
  #values: Float64Array;
  size = 0;

  constructor(capacityLog2 = 12) {
    this.#capacity = 1 << capacityLog2;
    this.#keys = new Int32Array(this.#capacity * 3);
    this.#used = new Uint8Array(this.#capacity);
    this.#values = new Float64Array(this.#capacity);
  }

  #find(h0: number, h1: number, h2: number): number {
    const mask = this.#capacity - 1;
    let slot = (h0 ^ Math.imul(h1, 0x9e3779b1)) & mask;
    const keys = this.#keys;
    while (this.#used[slot] !== 0) {
      const base = slot * 3;
      if (keys[base] === h0 && keys[base + 1] === h1 && keys[base + 2] === h2) return slot;
      slot = (slot + 1) & mask;
    }
    return ~slot;
  }

  /** The state's number, or undefined if it was never added. */
  get(h0: number, h1: number, h2: number): number | undefined {
    const slot = this.#find(h0, h1, h2);
    return slot < 0 ? undefined : this.#values[slot];
  }

  /** Add a state or change its number. @returns whether it is new */
  set(h0: number, h1: number, h2: number, value: number): boolean {
    let slot = this.#find(h0, h1, h2);
    if (slot >= 0) {
      this.#values[slot] = value;
      return false;
    }
    if (this.size * 10 > this.#capacity * 6) {
      this.#grow();
      slot = this.#find(h0, h1, h2);
    }
    slot = ~slot;
    const base = slot * 3;
    this.#keys[base] = h0;
    this.#keys[base + 1] = h1;
    this.#keys[base + 2] = h2;
    this.#used[slot] = 1;
    this.#values[slot] = value;
    this.size += 1;
    return true;
  }

  #grow(): void {
    const keys = this.#keys;
    const used = this.#used;
    const values = this.#values;
    const before = this.#capacity;
    this.#capacity = before * 2;
    this.#keys = new Int32Array(this.#capacity * 3);
    this.#used = new Uint8Array(this.#capacity);
    this.#values = new Float64Array(this.#capacity);
    this.size = 0;
    for (let slot = 0; slot < before; slot += 1) {
      if (used[slot] === 0) continue;
      this.set(keys[slot * 3], keys[slot * 3 + 1], keys[slot * 3 + 2], values[slot]);
    }
  }
}
