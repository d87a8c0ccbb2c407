/**
 * What a step touched, and when two steps depend on each other.
 *
 * Invariant: steps whose footprints do not conflict commute: either order leads to the same state
 * and neither makes the other impossible. Everything the partial-order reduction believes rests on
 * this one relation, so it is tested against swapping steps on the machine itself. Footprints are
 * interned, so that the relation is a table look-up for all pairs that were met before.
 */

import { ACCESS, KIND, type Cell, type Machine, type Node } from '../machine/index.js';

export interface Footprint {
  /** Dense number: equal footprints of one table are one object. */
  readonly id: number;
  readonly cells: readonly Cell[];
  readonly modes: readonly number[];
}

/** Test-only: dependences that the relation is made to miss, to prove that tests notice. */
export type Fault = 'none' | 'ignore-read-write' | 'ignore-free' | 'ignore-grace-period';

/** Do two kinds of access to one cell depend on each other? */
export function modesConflict(a: number, b: number): boolean {
  if (a === ACCESS.reached || b === ACCESS.reached) return false;
  if (a === ACCESS.write || b === ACCESS.write) return true;
  // Reads commute, so do bumps, so do those that only `see` each other; two of different kinds do not.
  return a !== b;
}

/** Pairs of footprints whose relation is remembered: a table of at most this many squared bytes. */
const REMEMBERED_MAX = 4096;
const UNKNOWN = 0;
const INDEPENDENT = 1;
const DEPENDENT = 2;

export class Footprints {
  readonly #byHash = new Map<number, Footprint[]>();
  #size = 0;
  #side = 64;
  #relation = new Uint8Array(this.#side * this.#side);
  // Scratch for the footprint being looked up.
  readonly #cells: Cell[] = [];
  readonly #modes: number[] = [];
  #length = 0;

  /** The footprint of the machine's last step. */
  last(machine: Machine): Footprint {
    this.#length = 0;
    for (let i = 0; i < machine.accesses.count; i += 1) {
      this.#add(machine.accesses.cells[i], machine.accesses.modes[i]);
    }
    return this.#intern();
  }

  /** The footprint of going on after waiting at `node`. */
  ofWait({ op, round }: Node): Footprint {
    this.#length = 0;
    if (round !== null) for (const { cell } of round) this.#add(cell, ACCESS.read);
    else this.#add(op!.cell, op!.kind === KIND.lock ? ACCESS.write : ACCESS.read);
    return this.#intern();
  }

  /** `footprint` with every access to `cell` replaced by `mode`. */
  changed(footprint: Footprint, cell: Cell, mode: number): Footprint {
    this.#length = 0;
    for (let i = 0; i < footprint.cells.length; i += 1) {
      const other = footprint.cells[i];
      this.#add(other, other === cell ? mode : footprint.modes[i]);
    }
    return this.#intern();
  }

  #add(cell: Cell, mode: number): void {
    // Waiting for a count that only grows orders, but never conflicts.
    if (mode === ACCESS.reached) return;
    for (let i = 0; i < this.#length; i += 1) {
      if (this.#cells[i] !== cell) continue;
      const present = this.#modes[i];
      if (present === mode || present === ACCESS.write) return;
      if (mode === ACCESS.write) {
        this.#modes[i] = mode;
        return;
      }
    }
    this.#cells[this.#length] = cell;
    this.#modes[this.#length] = mode;
    this.#length += 1;
  }

  #intern(): Footprint {
    const length = this.#length;
    let hash = length;
    for (let i = 0; i < length; i += 1) {
      hash = (Math.imul(hash, 31) + this.#cells[i].id * 8 + this.#modes[i]) | 0;
    }
    let bucket = this.#byHash.get(hash);
    if (bucket === undefined) {
      bucket = [];
      this.#byHash.set(hash, bucket);
    }
    for (let i = 0; i < bucket.length; i += 1) if (this.#isScratch(bucket[i])) return bucket[i];
    const footprint: Footprint = {
      id: this.#size,
      cells: this.#cells.slice(0, length),
      modes: this.#modes.slice(0, length),
    };
    this.#size += 1;
    if (this.#size > this.#side && this.#side < REMEMBERED_MAX) this.#widen();
    bucket.push(footprint);
    return footprint;
  }

  #isScratch(footprint: Footprint): boolean {
    const { cells, modes } = footprint;
    if (cells.length !== this.#length) return false;
    for (let i = 0; i < cells.length; i += 1) {
      if (cells[i] !== this.#cells[i] || modes[i] !== this.#modes[i]) return false;
    }
    return true;
  }

  #widen(): void {
    const before = this.#side;
    const side = before * 4;
    const relation = new Uint8Array(side * side);
    for (let row = 0; row < before; row += 1) {
      relation.set(this.#relation.subarray(row * before, (row + 1) * before), row * side);
    }
    this.#side = side;
    this.#relation = relation;
  }

  /** Do two steps depend on each other? */
  conflict(a: Footprint, b: Footprint): boolean {
    const side = this.#side;
    if (a.id >= side || b.id >= side) return cellsConflict(a, b);
    const at = a.id * side + b.id;
    const known = this.#relation[at];
    if (known !== UNKNOWN) return known === DEPENDENT;
    const dependent = cellsConflict(a, b);
    this.#relation[at] = dependent ? DEPENDENT : INDEPENDENT;
    return dependent;
  }
}

function cellsConflict(a: Footprint, b: Footprint): boolean {
  for (const [i, cell] of a.cells.entries()) {
    for (const [j, other] of b.cells.entries()) {
      if (other === cell && modesConflict(a.modes[i], b.modes[j])) return true;
    }
  }
  return false;
}
