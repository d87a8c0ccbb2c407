/**
 * Wakeup trees: which continuations must still be tried from a point of the execution.
 *
 * Mirrors section 6 of Abdulla, Aronsson, Jonsson, Sagonas, "Source Sets" (JACM 2017). Invariant:
 * no continuation that is inserted is equivalent to one explored or already in the tree, so every
 * Mazurkiewicz trace is run at most once.
 */

import type { EventLog } from './event-log.js';
import type { Footprint, Footprints } from './footprint.js';

/** Choice of a planned step that is to try every outcome it turns out to have. */
export const ANY = -1;

/** A planned step and what is planned after it. */
export interface Branching {
  /** The task's number. */
  task: number;
  choice: number;
  /** Null as long as nobody knows what the step will touch. */
  footprint: Footprint | null;
  readonly next: Branching[];
}

/** Gives out branchings and takes them back, so that exploring makes no garbage. */
export class Branchings {
  readonly #free: Branching[] = [];

  take(task: number, choice: number, footprint: Footprint | null): Branching {
    const branching = this.#free.pop();
    if (branching === undefined) return { task, choice, footprint, next: [] };
    branching.task = task;
    branching.choice = choice;
    branching.footprint = footprint;
    return branching;
  }

  /** The caller keeps no pointer to it, and nothing is planned after it. */
  giveBack(branching: Branching): void {
    this.#free.push(branching);
  }
}

/** Where a step stands in a sequence: a position, or one of these. */
export const NO = -2;
export const ABSENT = -1;

/**
 * A continuation with its happens-before: events of the execution, and one more step at the end.
 * One object is used over and over.
 */
export class Sequence {
  readonly #log: EventLog;
  readonly #footprints: Footprints;
  /** Positions of the events in the log; the last step has none. */
  #positions = new Int32Array(64);
  #removed = new Uint8Array(65);
  #events = 0;
  #task = 0;
  #choice = 0;
  #footprint: Footprint | null = null;

  constructor(log: EventLog, footprints: Footprints) {
    this.#log = log;
    this.#footprints = footprints;
  }

  /** The events not ordered after the one at `first`, and then a step that none of them is. */
  set(first: number, task: number, choice: number, footprint: Footprint): void {
    const log = this.#log;
    let events = 0;
    for (let i = first + 1; i < log.length; i += 1) {
      if (log.before(first, i)) continue;
      if (events === this.#positions.length) this.#grow();
      this.#positions[events] = i;
      this.#removed[events] = 0;
      events += 1;
    }
    this.#removed[events] = 0;
    this.#events = events;
    this.#task = task;
    this.#choice = choice;
    this.#footprint = footprint;
  }

  #grow(): void {
    const positions = new Int32Array(this.#positions.length * 2);
    positions.set(this.#positions);
    this.#positions = positions;
    const removed = new Uint8Array(positions.length + 1);
    removed.set(this.#removed);
    this.#removed = removed;
  }

  #footprintAt(i: number): Footprint {
    return i === this.#events ? this.#footprint! : this.#log.footprints[this.#positions[i]];
  }

  #taskAt(i: number): number {
    return i === this.#events ? this.#task : this.#log.taskIndex[this.#positions[i]];
  }

  #choiceAt(i: number): number {
    return i === this.#events ? this.#choice : this.#log.choice[this.#positions[i]];
  }

  /** Does step i happen before step j, given i < j? */
  #ordered(i: number, j: number): boolean {
    if (j < this.#events) return this.#log.before(this.#positions[i], this.#positions[j]);
    return (
      this.#taskAt(i) === this.#task ||
      this.#footprints.conflict(this.#footprintAt(i), this.#footprint!)
    );
  }

  /**
   * Can a step come first in some reordering of what is left, or be put before it?
   * @returns its position, `ABSENT` if it can be put before, or `NO`
   */
  weakInitial(task: number, choice: number, footprint: Footprint | null): number {
    const length = this.#events + 1;
    for (let i = 0; i < length; i += 1) {
      if (this.#removed[i] !== 0 || this.#taskAt(i) !== task) continue;
      if (this.#choiceAt(i) !== choice) return NO;
      for (let before = 0; before < i; before += 1) {
        if (this.#removed[before] === 0 && this.#ordered(before, i)) return NO;
      }
      return i;
    }
    if (footprint === null) return NO;
    for (let i = 0; i < length; i += 1) {
      if (this.#removed[i] === 0 && this.#footprints.conflict(footprint, this.#footprintAt(i))) {
        return NO;
      }
    }
    return ABSENT;
  }

  /**
   * Insert what is left into a tree, unless the tree covers it.
   * @returns whether something was added
   */
  insertInto(tree: Branching[], pool: Branchings): boolean {
    let level = tree;
    for (;;) {
      let into: Branching | null = null;
      for (let i = 0; i < level.length; i += 1) {
        const branching = level[i];
        const at = this.weakInitial(branching.task, branching.choice, branching.footprint);
        if (at === NO) continue;
        if (at !== ABSENT) this.#removed[at] = 1;
        into = branching;
        break;
      }
      if (into === null) break;
      // A leaf stands for everything that can follow it.
      if (into.next.length === 0) return false;
      level = into.next;
    }
    let added = false;
    for (let i = 0; i <= this.#events; i += 1) {
      if (this.#removed[i] !== 0) continue;
      const branching = pool.take(this.#taskAt(i), this.#choiceAt(i), this.#footprintAt(i));
      level.push(branching);
      level = branching.next;
      added = true;
    }
    return added;
  }
}
