/**
 * The accesses of one step: what the explorer compares when it asks whether two steps commute.
 *
 * Invariant: an access that another task could notice is here; what only its own task can see is
 * not. Parallel lists that are used over and over, so that a step allocates nothing.
 */

import type { Cell } from './memory.js';

/** How an access counts when two steps are compared. */
export const ACCESS = {
  read: 0,
  write: 1,
  /** Waited for a count that only grows: ordered after the write that reached it, never reversed. */
  reached: 2,
  /** Conflicts with reads and writes of the cell, not with others of its kind. */
  sees: 3,
  /** Changes the cell, but commutes with others of its kind. */
  bump: 4,
} as const;

export class Accesses {
  readonly cells: Cell[] = [];
  /** ACCESS values. */
  readonly modes: number[] = [];
  /** What a `reached` access waited for. */
  readonly values: number[] = [];
  /** The cells' contents before the access. */
  readonly old: unknown[] = [];
  count = 0;

  add(cell: Cell, mode: number, value = 0): void {
    const i = this.count;
    this.cells[i] = cell;
    this.modes[i] = mode;
    this.values[i] = value;
    this.old[i] = cell.value;
    this.count = i + 1;
  }
}
