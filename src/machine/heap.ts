/**
 * Slabs at work: handing out objects, taking them back, and what becomes shared.
 *
 * Invariant: the n-th allocation of a task after the same history is the same object in every
 * interleaving; an object that a slab hands out again is shared from the start, since stale
 * pointers to it may be about. Mirrors mm/slub.c as far as its users can tell.
 */

import { ACCESS, type Accesses } from './accesses.js';
import { MisuseError } from './grow.js';
import { number, pair } from './lanes.js';
import { type Cell, LIFE, type Slab, Struct } from './memory.js';
import type { Node } from './node.js';
import type { AnyOp } from './op.js';
import type { Reports } from './reports.js';
import type { Counts, StepState } from './run-state.js';
import type { Store } from './store.js';
import type { TaskRec } from './task.js';
import { itemsOf, List } from './value.js';

export interface HeapOptions {
  /** Allocations that fail: `explore` tries both outcomes of every allocation of scenario tasks. */
  readonly failAlloc?: 'never' | 'explore' | ((task: string, ordinal: number) => boolean);
  /** At most this many failures in one run when exploring them (default 1). */
  readonly failAllocMax?: number;
}

/** What the heap works on. */
interface Ground {
  readonly store: Store;
  readonly accesses: Accesses;
  readonly reports: Reports;
  readonly counts: Counts;
  readonly state: StepState;
  /** Objects in the order in which this run allocated them. */
  readonly allocated: Struct[];
}

export class Heap {
  readonly #store: Store;
  readonly #accesses: Accesses;
  readonly #reports: Reports;
  readonly #counts: Counts;
  readonly #state: StepState;
  readonly #allocated: Struct[];
  readonly #failAlloc: HeapOptions['failAlloc'];
  readonly #failAllocMax: number;

  constructor(ground: Ground, options: HeapOptions) {
    this.#store = ground.store;
    this.#accesses = ground.accesses;
    this.#reports = ground.reports;
    this.#counts = ground.counts;
    this.#state = ground.state;
    this.#allocated = ground.allocated;
    this.#failAlloc = options.failAlloc ?? 'never';
    this.#failAllocMax = options.failAllocMax ?? 1;
  }

  /** How many outcomes an allocation has now: a new object, an old one, none. */
  choices(task: TaskRec, op: AnyOp): number {
    const slab = op.a as Slab;
    const reusable = slab.reuse === 'explore' ? itemsOf(slab.free.value).length : 0;
    return 1 + reusable + (this.mayFail(task, slab) ? 1 : 0);
  }

  /** Is failing one of the outcomes? */
  mayFail(task: TaskRec, slab: Slab): boolean {
    return (
      !slab.onStack &&
      this.#failAlloc === 'explore' &&
      !this.#state.booting &&
      !task.actor &&
      this.#counts.failures.value < this.#failAllocMax
    );
  }

  /** @returns the object; null without memory */
  alloc(task: TaskRec, node: Node, op: AnyOp, choice: number): Struct | null {
    const slab = op.a as Slab;
    const args = op.b as readonly unknown[];
    const free = itemsOf(slab.free.value) as Struct[];
    const reusable = slab.reuse === 'never' ? 0 : free.length;
    if (slab.reuse !== 'never') this.#accesses.add(slab.free as Cell, ACCESS.write);
    if (this.#failAlloc === 'explore' && this.mayFail(task, slab)) {
      this.#accesses.add(this.#counts.failures, ACCESS.write);
      if (choice === this.choices(task, op) - 1) {
        this.#store.set(this.#counts.failures, this.#counts.failures.value + 1);
        return null;
      }
    } else if (typeof this.#failAlloc === 'function' && !this.#state.booting && !slab.onStack) {
      if (this.#failAlloc(task.name, node.context.allocs)) return null;
    }
    // Choice 0 under `explore` is a fresh object; `lifo` takes the newest freed one if any.
    const slot = slab.reuse === 'lifo' ? reusable - 1 : slab.reuse === 'explore' ? choice - 1 : -1;
    let object: Struct;
    if (slot >= 0) {
      object = free[slot]!;
      this.#store.set(
        slab.free as Cell,
        this.#store.values.list(free.filter((item) => item !== object)),
      );
      this.#accesses.add(object.life, ACCESS.write);
      for (const cell of object.cells) this.#store.set(cell, cell.initial);
      for (const cell of object.shadows) this.#store.set(cell, cell.initial);
    } else {
      object = task.instanceAt(node.context.allocs, slab, args, () => {
        const created = slab.create(...args);
        created.slab = slab;
        const { values } = this.#store;
        const ordinal = pair(task, number(node.context.allocs));
        this.#store.adopt(created, pair(pair(ordinal, slab), values.list(args)));
        created.life.value = LIFE.unallocated;
        return created;
      });
    }
    this.#store.set(object.life, LIFE.live);
    // Stale pointers to a recycled object may still be about, so it is shared from the start.
    this.#store.set(object.owner, slot >= 0 ? null : task);
    this.#store.set(this.#counts.objects, this.#allocated.length + 1);
    this.#allocated.push(object);
    return object;
  }

  /**
   * Free an object. Its rule and the invariants are the caller's business.
   * @returns whether it was live
   */
  free(task: TaskRec, node: Node, op: AnyOp): boolean {
    const object = op.a as Struct;
    const slab = object.slab as Slab | null;
    if (slab === null) throw new MisuseError(`${object.toString()} did not come from a slab`);
    if (object.owner.value !== task) this.#accesses.add(object.life, ACCESS.write);
    if (object.life.value !== LIFE.live) {
      this.#reports.find(
        task,
        node,
        'KASAN',
        'KASAN: double-free in %f',
        object.toString(),
        object.life,
      );
      return false;
    }
    this.#store.free(object);
    if (slab.reuse !== 'never') {
      this.#accesses.add(slab.free as Cell, ACCESS.write);
      this.#store.set(
        slab.free as Cell,
        this.#store.values.list([...itemsOf(slab.free.value), object]),
      );
    }
    return true;
  }

  /** Whatever becomes reachable from shared memory is shared from now on. */
  publish(value: unknown): void {
    if (value instanceof Struct) {
      if (value.life.value === LIFE.freed) this.#state.storedStale = true;
      if (value.owner.value === null) return;
      this.#store.set(value.owner, null);
      for (const cell of value.cells) this.publish(cell.value);
    } else if (value instanceof List) {
      for (const item of value.items) this.publish(item);
    }
  }
}
