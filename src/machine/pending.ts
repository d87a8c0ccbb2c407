/**
 * Which objects wait for an actor: the rcu_heads that are queued.
 *
 * Invariant: queueing an object and the end of its wait are accesses to one cell, so that two tasks
 * that queue the same object are in conflict and every order of them is explored. Mirrors
 * lib/debugobjects.c as kernel/rcu/rcu.h uses it.
 */

import { ACCESS, type Accesses } from './accesses.js';
import { pair, text } from './lanes.js';
import { type Cell, Struct } from './memory.js';
import type { Store } from './store.js';

const QUEUED = text('queued');

class Head extends Struct {
  readonly queued = this.cell('queued', 0);

  constructor() {
    super('head');
    // It follows from where the actors stand.
    this.queued.hashed = false;
  }
}

export class Pending {
  readonly #heads = new Map<Struct, Head>();
  readonly #store: Store;
  readonly #accesses: Accesses;

  constructor(store: Store, accesses: Accesses) {
    this.#store = store;
    this.#accesses = accesses;
  }

  /** An actor begins to wait with this object. @returns whether one does already */
  begin(object: Struct): boolean {
    const cell = this.#cellOf(object);
    const queued = cell.value > 0;
    this.#set(cell, cell.value + 1);
    return queued;
  }

  /** An actor with these arguments has waited. */
  end(args: readonly unknown[]): void {
    for (let i = 0; i < args.length; i += 1) {
      const head = this.#heads.get(args[i] as Struct);
      if (head !== undefined && head.queued.value > 0)
        this.#set(head.queued, head.queued.value - 1);
    }
  }

  /** Is every object of an actor's arguments that it was queued with among these? */
  headsAmong(args: readonly unknown[], objects: readonly unknown[]): boolean {
    return args.every((arg) => !this.#heads.has(arg as Struct) || objects.includes(arg));
  }

  #set(cell: Cell<number>, value: number): void {
    this.#accesses.add(cell, ACCESS.write);
    this.#store.set(cell, value);
  }

  #cellOf(object: Struct): Cell<number> {
    let head = this.#heads.get(object);
    if (head === undefined) {
      head = new Head();
      this.#store.adopt(head, pair(object, QUEUED));
      this.#heads.set(object, head);
    }
    return head.queued;
  }
}
