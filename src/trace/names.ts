/**
 * Names for objects and values: `dentry#1` is the first dentry that this run allocated, whatever
 * the machine calls it inside. Invariant: one object has one name in one trace.
 */

import { Cell, ErrPtr, List, REFCOUNT_PIN, Struct } from '../machine/index.js';

/** Names of objects: by type, numbered as they come up, the same in every format. */
export class Names {
  readonly #names = new Map<Struct, string>();
  readonly #counts = new Map<string, number>();

  of(object: Struct): string {
    let name = this.#names.get(object);
    if (name === undefined) {
      if (object.label !== null) {
        name = object.label;
      } else {
        const number = (this.#counts.get(object.kind) ?? 0) + 1;
        this.#counts.set(object.kind, number);
        name = `${object.kind}#${number}`;
      }
      this.#names.set(object, name);
    }
    return name;
  }

  /** A value as text; `cell` says how to read it: a word with a lock bit is shown in its parts. */
  value(value: unknown, cell: Cell | null): string {
    if (value === null || value === undefined) return 'NULL';
    if (value instanceof Struct) return this.of(value);
    if (value instanceof Cell) return `&${this.of(value.struct)}.${value.name}`;
    if (value instanceof List) {
      return `[${value.items.map((item) => this.value(item, null)).join(' ')}]`;
    }
    if (value instanceof ErrPtr) return value.toString();
    if (typeof value === 'number') return cell === null ? String(value) : word(value, cell);
    if (typeof value === 'boolean' || typeof value === 'string') return String(value);
    return 'object';
  }
}

const DEAD = -128;

function word(value: number, cell: Cell): string {
  if (cell.refcount && value > REFCOUNT_PIN / 2) return String(value - REFCOUNT_PIN);
  if (cell.lockClass !== null && cell.name.includes('ref')) {
    const count = value >> 1;
    const text = count === DEAD ? 'dead (-128)' : String(count);
    return (value & 1) === 1 ? `${text}, locked` : text;
  }
  if (cell.lockClass !== null) return (value & 1) === 1 ? 'locked' : 'free';
  if (/flags|state|mode/.test(cell.name) && value > 9) return `0x${value.toString(16)}`;
  return String(value);
}
