/**
 * Wakeup trees: which continuations must still be tried from a point of the execution.
 *
 * Mirrors section 6 of Abdulla, Aronsson, Jonsson, Sagonas, "Source Sets" (JACM 2017). Invariant:
 * no continuation that is inserted is equivalent to one explored or already in the tree, so every
 * Mazurkiewicz trace is run at most once.
 */

import type { EventLog } from './event-log.js';
import type { Footprint, Footprints } from './footprint.js';

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

/** Where a step stands in a sequence: a place, or one of these. */
const NO = -2;
const ABSENT = -1;
const REVERSED = -1;

/** How a continuation is covered: not at all, for this execution only, or for good. */
export const COVERED = { no: 0, now: 1, forGood: 2 } as const;

/**
 * The continuation that reverses a race: the events that do not depend on its first event, and its
 * second event among them at its place. One object is used over and over.
 */
export class Sequence {
  readonly #log: EventLog;
  readonly #footprints: Footprints;
  /** Positions of the events in the log; the second event of the race is `REVERSED`. */
  #positions = new Int32Array(64);
  #removed = new Uint8Array(64);
  #length = 0;
  /** Where the reversed event stands. */
  #at = 0;
  #task = 0;
  #choice = 0;
  #footprint: Footprint | null = null;
  #whole = true;
  /** Task and outcome of the race's first event, which comes after the sequence; -1 if it came. */
  #firstTask = -1;
  #firstChoice = 0;

  constructor(log: EventLog, footprints: Footprints) {
    this.#log = log;
    this.#footprints = footprints;
  }

  /**
   * @param first  position of the race's first event
   * @param second position of its second event, or the log's length for one that is still waiting;
   *   `first` for another outcome of the first event, which comes before all that does not hang on it
   * @param whole  the execution is complete; otherwise what comes after the second event is left
   *   out: other tasks, which sleep now, could still come before it
   */
  set(
    first: number,
    second: number,
    task: number,
    choice: number,
    footprint: Footprint,
    whole: boolean,
  ): void {
    const log = this.#log;
    this.#length = 0;
    this.#whole = whole;
    this.#firstTask = second === first ? -1 : log.taskIndex[first];
    this.#firstChoice = log.choice[first];
    if (second === first) this.#addReversed();
    const end = whole ? log.length : Math.min(log.length, second + 1);
    for (let i = first + 1; i < end; i += 1) {
      if (i === second) this.#addReversed();
      else if (!log.before(first, i)) this.#add(i);
    }
    if (second === log.length) this.#addReversed();
    this.#task = task;
    this.#choice = choice;
    this.#footprint = footprint;
  }

  #addReversed(): void {
    this.#at = this.#length;
    this.#add(REVERSED);
  }

  #add(position: number): void {
    const at = this.#length;
    if (at === this.#positions.length) {
      const positions = new Int32Array(at * 2);
      positions.set(this.#positions);
      this.#positions = positions;
      const removed = new Uint8Array(at * 2);
      removed.set(this.#removed);
      this.#removed = removed;
    }
    this.#positions[at] = position;
    this.#removed[at] = 0;
    this.#length = at + 1;
  }

  #footprintAt(i: number): Footprint {
    return i === this.#at ? this.#footprint! : this.#log.footprints[this.#positions[i]];
  }

  #taskAt(i: number): number {
    return i === this.#at ? this.#task : this.#log.taskIndex[this.#positions[i]];
  }

  #choiceAt(i: number): number {
    return i === this.#at ? this.#choice : this.#log.choice[this.#positions[i]];
  }

  /** Does step i happen before step j, given i < j? */
  #ordered(i: number, j: number): boolean {
    // What depends on the reversed event depends on the first event too, and is not here.
    if (i === this.#at) return false;
    if (j !== this.#at) return this.#log.before(this.#positions[i], this.#positions[j]);
    return (
      this.#taskAt(i) === this.#task ||
      this.#footprints.conflict(this.#footprintAt(i), this.#footprint!)
    );
  }

  /**
   * Can a step come first in some reordering of what is left, or be put before it?
   * @returns its place, `ABSENT` if it can be put before, or `NO`
   */
  #weakInitial(task: number, choice: number, footprint: Footprint | null): number {
    const length = this.#length;
    for (let i = 0; i < length; i += 1) {
      if (this.#removed[i] !== 0 || this.#taskAt(i) !== task) continue;
      if (this.#choiceAt(i) !== choice) return NO;
      for (let before = 0; before < i; before += 1) {
        if (this.#removed[before] === 0 && this.#ordered(before, i)) return NO;
      }
      return i;
    }
    // What is absent from an execution that is not complete may still come.
    if (footprint === null || !this.#whole) return NO;
    // With another outcome of the race's first event this is another trace.
    if (task === this.#firstTask && choice !== this.#firstChoice) return NO;
    for (let i = 0; i < length; i += 1) {
      if (this.#removed[i] === 0 && this.#footprints.conflict(footprint, this.#footprintAt(i))) {
        return NO;
      }
    }
    return ABSENT;
  }

  /**
   * Does exploring this step first cover the continuation? `forGood` if it is one of the events up
   * to the reversed one: then it comes first in every execution that has this race, whatever else
   * happens. Otherwise another execution with the same race may need more.
   */
  coveredBy(task: number, choice: number, footprint: Footprint | null): number {
    const at = this.#weakInitial(task, choice, footprint);
    if (at === NO) return COVERED.no;
    return at === ABSENT || at > this.#at ? COVERED.now : COVERED.forGood;
  }

  /**
   * Insert the continuation into a tree, unless the tree covers it.
   * @returns how it is covered now
   */
  insertInto(tree: Branching[], pool: Branchings): number {
    let level = tree;
    let covered: number = COVERED.forGood;
    for (;;) {
      let into: Branching | null = null;
      for (let i = 0; i < level.length; i += 1) {
        const { task, choice, footprint } = level[i];
        const at = this.#weakInitial(task, choice, footprint);
        if (at === NO) continue;
        if (level === tree && (at === ABSENT || at > this.#at)) covered = COVERED.now;
        if (at !== ABSENT) this.#removed[at] = 1;
        else if (task === this.#firstTask) this.#firstTask = -1;
        into = level[i];
        break;
      }
      if (into === null) break;
      // A leaf stands for everything that can follow it.
      if (into.next.length === 0) return covered;
      level = into.next;
    }
    for (let i = 0; i < this.#length; i += 1) {
      if (this.#removed[i] !== 0) continue;
      const branching = pool.take(this.#taskAt(i), this.#choiceAt(i), this.#footprintAt(i));
      level.push(branching);
      level = branching.next;
    }
    return covered;
  }
}
