/**
 * Wakeup trees: which continuations must still be tried from a point of the execution.
 *
 * Mirrors section 6 of Abdulla, Aronsson, Jonsson, Sagonas, "Source Sets" (JACM 2017). Invariant:
 * no continuation that is inserted is equivalent to one explored or already in the tree, so every
 * Mazurkiewicz trace is run at most once.
 */

import { conflict, type Footprint } from './footprint.js';

/** One step of a continuation. */
export interface Step {
  /** The task's number. */
  readonly task: number;
  readonly choice: number;
  readonly footprint: Footprint;
}

/** A continuation with its happens-before. */
export interface Sequence {
  readonly steps: readonly Step[];
  /** Does step i happen before step j, given i < j? */
  readonly ordered: (i: number, j: number) => boolean;
}

/** Choice of a planned step that is to try every outcome it turns out to have. */
export const ANY = -1;

/** The footprint of a step that nobody has run yet. */
export const UNKNOWN: Footprint = { cells: [], modes: [] };

export interface Branching {
  step: Step;
  readonly next: Branching[];
}

/**
 * Can `step` come first in some reordering of the sequence, or be put before it?
 * @param removed positions of the sequence that no longer count
 * @returns the step's position in the sequence, `ABSENT` if it can be put before it, or `NO`
 */
export function weakInitial(step: Step, sequence: Sequence, removed: readonly boolean[]): number {
  const { steps, ordered } = sequence;
  for (let i = 0; i < steps.length; i += 1) {
    if (removed[i] === true) continue;
    const other = steps[i];
    if (other.task !== step.task) continue;
    if (other.choice !== step.choice) return NO;
    for (let before = 0; before < i; before += 1) {
      if (removed[before] !== true && ordered(before, i)) return NO;
    }
    return i;
  }
  if (step.footprint === UNKNOWN) return NO;
  for (let i = 0; i < steps.length; i += 1) {
    if (removed[i] !== true && conflict(step.footprint, steps[i].footprint)) return NO;
  }
  return ABSENT;
}

export const NO = -2;
export const ABSENT = -1;

/**
 * Insert a continuation, unless the tree covers it.
 * @returns whether something was added
 */
export function insert(tree: Branching[], sequence: Sequence): boolean {
  const removed = new Array<boolean>(sequence.steps.length).fill(false);
  let level = tree;
  for (;;) {
    let into: Branching | null = null;
    for (const branching of level) {
      const at = weakInitial(branching.step, sequence, removed);
      if (at === NO) continue;
      if (at !== ABSENT) removed[at] = true;
      into = branching;
      break;
    }
    if (into === null) break;
    // A leaf stands for everything that can follow it.
    if (into.next.length === 0) return false;
    level = into.next;
  }
  let added = false;
  for (const [i, step] of sequence.steps.entries()) {
    if (removed[i] === true) continue;
    const branching: Branching = { step, next: [] };
    level.push(branching);
    level = branching.next;
    added = true;
  }
  return added;
}
