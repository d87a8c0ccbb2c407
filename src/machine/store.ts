/**
 * The machine's memory as a whole: the only way to change a cell, the way back, and the hash.
 *
 * Invariant: every change goes through `set`, so `undo` restores any earlier state exactly; and
 * while `hashing`, the hash is a function of the hashed cells' contents alone, whatever the order
 * in which they came about.
 */

import { mix0, mix1, mix2, namePair, number, pair, text, type Lanes } from './lanes.js';
import { LIFE, type Cell, type Slab, type Struct } from './memory.js';
import { ValueTable } from './value.js';

const CELL = text('cell');

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
  #adopted = 0;

  /**
   * @param forgetFreed leave the contents of freed objects that no slab hands out again out of the
   *   hash. Whoever reads them has made a use after free, which is reported whatever they hold.
   */
  constructor(forgetFreed: boolean) {
    this.#forgetFreed = forgetFreed;
  }

  /**
   * Give an object and its cells their numbers and names.
   * @param name of the object; left out for what a program sets up before its first task, which
   *   every machine does in the same order
   */
  adopt(object: Struct, name?: Lanes): void {
    object.vid = this.values.newVid();
    this.#adopted += 1;
    const { l0, l1, l2 } = name ?? text(`global ${this.#adopted}`);
    object.l0 = l0;
    object.l1 = l1;
    object.l2 = l2;
    this.own(object.life, -1);
    this.own(object.owner, -2);
    for (const [i, cell] of object.cells.entries()) this.own(cell, i);
  }

  /** Number and name a cell, as the one of its struct with this ordinal. */
  own(cell: Cell, ordinal: number): void {
    cell.id = this.#nextCell;
    this.#nextCell += 1;
    namePair(cell, pair(cell.struct, number(ordinal)), CELL);
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
    if (cell.value === value) return;
    const { l0, l1, l2 } = cell;
    const before = this.values.nameOf(cell.value);
    this.h0 = (this.h0 - mix0(l0, before.l0)) | 0;
    this.h1 = (this.h1 - mix1(l1, before.l1)) | 0;
    this.h2 = (this.h2 - mix2(l2, before.l2)) | 0;
    const after = this.values.nameOf(value);
    this.h0 = (this.h0 + mix0(l0, after.l0)) | 0;
    this.h1 = (this.h1 + mix1(l1, after.l1)) | 0;
    this.h2 = (this.h2 + mix2(l2, after.l2)) | 0;
  }
}
