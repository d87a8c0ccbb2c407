/**
 * What a step touched, and when two steps depend on each other.
 *
 * Invariant: steps whose footprints do not conflict commute: either order leads to the same state
 * and neither makes the other impossible. Everything the partial-order reduction believes rests on
 * this one function, so it is tested against swapping steps on the machine itself.
 */

import { ACCESS, type Cell, type Machine } from '../machine/index.js';

export interface Footprint {
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

/** Do two steps depend on each other? */
export function conflict(a: Footprint, b: Footprint): boolean {
  const cellsA = a.cells;
  const cellsB = b.cells;
  for (let i = 0; i < cellsA.length; i += 1) {
    const cell = cellsA[i];
    const mode = a.modes[i];
    for (let j = 0; j < cellsB.length; j += 1) {
      if (cellsB[j] === cell && modesConflict(mode, b.modes[j])) return true;
    }
  }
  return false;
}

/** The footprint of the machine's last step. */
export function lastFootprint(machine: Machine): Footprint {
  const count = machine.accessCount;
  return {
    cells: machine.accessCells.slice(0, count),
    modes: machine.accessModes.slice(0, count),
  };
}
