/**
 * The object graph after every step of a replayed run, for stepping back and forth in time.
 *
 * Each snapshot is made from the one before with immer, so what did not change is shared and a long
 * trace stays small. Snapshots are for replay only: exploring never makes one.
 */

import { produce } from 'immer';
import { LIFE, type Cell, type Machine, type Struct } from '../machine/index.js';
import type { Names } from './names.js';

/** Field values as text, by field; `life` says whether the object is live or freed. */
export type ObjectView = Readonly<Record<string, string>>;

/** Every object that exists or existed, by name. */
export type Snapshot = Readonly<Record<string, ObjectView>>;

const LIFE_NAMES = Object.fromEntries(Object.entries(LIFE).map(([name, value]) => [value, name]));

/** Takes a snapshot of all objects, sharing what has not changed with the one before. */
export class Snapshots {
  readonly #names: Names;
  readonly #taken: Snapshot[] = [];
  /** What each cell held when it was last looked at: only a change is written down. */
  readonly #seen = new Map<Cell, unknown>();

  constructor(names: Names) {
    this.#names = names;
  }

  /** One snapshot per call of {@link take}, oldest first. */
  get all(): readonly Snapshot[] {
    return this.#taken;
  }

  /** Add a snapshot of the machine as it is now. */
  take(machine: Machine): void {
    const before: Snapshot = this.#taken.at(-1) ?? {};
    const changed = new Map<Struct, Cell[]>();
    for (const objects of [machine.globals, machine.allocated]) {
      for (const object of objects) {
        if (object.cells.length === 0 || object.kind === 'machine') continue;
        this.#look(object, object.life, changed);
        for (const cell of object.cells) this.#look(object, cell, changed);
      }
    }
    this.#taken.push(
      changed.size === 0
        ? before
        : produce(before, (draft: Record<string, Record<string, string>>) => {
            for (const [object, cells] of changed) {
              const view = (draft[this.#names.of(object)] ??= {});
              for (const cell of cells) view[cell.name] = this.#valueOf(object, cell);
            }
          }),
    );
  }

  #look(object: Struct, cell: Cell, changed: Map<Struct, Cell[]>): void {
    if (this.#seen.has(cell) && this.#seen.get(cell) === cell.value) return;
    this.#seen.set(cell, cell.value);
    const cells = changed.get(object);
    if (cells === undefined) changed.set(object, [cell]);
    else cells.push(cell);
  }

  #valueOf(object: Struct, cell: Cell): string {
    if (cell === (object.life as Cell)) return LIFE_NAMES[object.life.value] ?? '';
    return this.#names.value(cell.value, cell);
  }
}
