/**
 * The machine's memory as a whole: the only way to change a cell, the way back, and the hash.
 *
 * Invariant: every change goes through `set`, so `undo` restores any earlier state exactly; and
 * while `hashing`, the hash is a function of the hashed cells' contents alone, whatever the order
 * in which they came about.
 */

import { LIFE, type Cell, type Slab, type Struct } from './memory.js';
import { ValueTable } from './value.js';

const HASH_LANES = 3;

export class Store {
  readonly values = new ValueTable();
  hashing = false;
  h0 = 0;
  h1 = 0;
  h2 = 0;
  readonly #forgetFreed: boolean;
  readonly #undoCells: Cell[] = [];
  readonly #undoValues: unknown[] = [];
  #undoLength = 0;
  #nextCell = 0;

  /**
   * @param forgetFreed leave the contents of freed objects that no slab hands out again out of the
   *   hash. Whoever reads them has made a use after free, which is reported whatever they hold.
   */
  constructor(forgetFreed: boolean) {
    this.#forgetFreed = forgetFreed;
  }

  /** Give an object and its cells their numbers. */
  adopt(object: Struct): void {
    object.vid = this.values.newVid();
    this.number(object.life);
    this.number(object.owner);
    for (const cell of object.cells) this.number(cell);
  }

  number(cell: Cell<never> | Cell<number> | Cell): void {
    cell.id = this.#nextCell;
    this.#nextCell += 1;
  }

  set(cell: Cell, value: unknown): void {
    const length = this.#undoLength;
    this.#undoCells[length] = cell;
    this.#undoValues[length] = cell.value;
    this.#undoLength = length + 1;
    if (this.hashing && cell.hashed) this.#rehash(cell, value);
    cell.value = value;
  }

  /** A mark for {@link undo}. */
  mark(): number {
    return this.#undoLength;
  }

  /** Restore the contents at `mark`, except the hash, which the caller keeps. */
  undo(mark: number): void {
    const cells = this.#undoCells;
    const values = this.#undoValues;
    let length = this.#undoLength;
    while (length > mark) {
      length -= 1;
      cells[length].value = values[length];
    }
    this.#undoLength = length;
  }

  /** There is no way back behind this point. */
  forgetPast(): void {
    this.#undoLength = 0;
  }

  /** End an object's life; leaves its contents as they are for whoever still looks. */
  free(object: Struct): void {
    if (this.hashing && this.#isForgotten(object)) {
      for (const cell of object.cells) if (cell.hashed) this.#rehash(cell, cell.initial);
      this.#rehash(object.life, LIFE.unallocated);
      object.life.hashed = false;
      this.set(object.life, LIFE.freed);
      object.life.hashed = true;
      return;
    }
    this.set(object.life, LIFE.freed);
  }

  #isForgotten({ slab }: Struct): boolean {
    return this.#forgetFreed && slab !== null && (slab as Slab).reuse === 'never';
  }

  #rehash(cell: Cell, value: unknown): void {
    const { struct } = cell;
    if (struct.life.value === LIFE.freed && this.#isForgotten(struct)) return;
    const before = this.values.idOf(cell.value);
    const after = this.values.idOf(value);
    if (before === after) return;
    const id = cell.id;
    this.h0 = (this.h0 - mix(id, before, 0) + mix(id, after, 0)) | 0;
    this.h1 = (this.h1 - mix(id, before, 1) + mix(id, after, 1)) | 0;
    this.h2 = (this.h2 - mix(id, before, 2) + mix(id, after, 2)) | 0;
  }
}

function mix(cell: number, value: number, lane: number): number {
  let x =
    Math.imul(cell * HASH_LANES + lane + 1, 0x9e3779b1) ^ Math.imul(value + 0x7f4a7c15, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
  return x ^ (x >>> 15);
}
