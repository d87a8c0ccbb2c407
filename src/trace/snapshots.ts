/**
 * The object graph after every step of a replayed run, for stepping back and forth in time.
 *
 * Each snapshot is made from the one before with immer, so what did not change is shared and a long
 * trace stays small. Snapshots are for replay only: exploring never makes one.
 */

import { produce } from 'immer';
import { LIFE, type Machine, type Struct } from '../machine/index.js';
import type { Names } from './names.js';

/** Field values as text, by field; `life` says whether the object is live or freed. */
export type ObjectView = Readonly<Record<string, string>>;

/** Every object that exists or existed, by name. */
export type Snapshot = Readonly<Record<string, ObjectView>>;

const LIFE_NAMES = Object.fromEntries(Object.entries(LIFE).map(([name, value]) => [value, name]));

export class Snapshots {
  readonly #names: Names;
  readonly #taken: Snapshot[] = [];

  constructor(names: Names) {
    this.#names = names;
  }

  /** One snapshot per call of {@link take}, oldest first. */
  get all(): readonly Snapshot[] {
    return this.#taken;
  }

  /** Add a snapshot of the machine as it is now. */
  take(machine: Machine): void {
    const objects: Struct[] = [...machine.globals, ...machine.allocated];
    const before: Snapshot = this.#taken.at(-1) ?? {};
    this.#taken.push(
      produce(before, (draft: Record<string, Record<string, string>>) => {
        for (const object of objects) {
          if (object.cells.length === 0 || object.kind === 'machine') continue;
          const view = (draft[this.#names.of(object)] ??= {});
          set(view, 'life', LIFE_NAMES[object.life.value] ?? '');
          for (const cell of object.cells)
            set(view, cell.name, this.#names.value(cell.value, cell));
        }
      }),
    );
  }
}

/** Only a change may touch the draft, or nothing would be shared. */
function set(view: Record<string, string>, field: string, value: string): void {
  if (view[field] !== value) view[field] = value;
}
