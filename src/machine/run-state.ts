/**
 * What belongs to the present run and to the present step of it, shared by the machine's parts.
 *
 * Invariant: what must be undone with a run is in the cells of `Counts`; the flags of `StepState`
 * describe the step that is being taken, or the last one.
 */

import { Struct } from './memory.js';

/** Counters that belong to a run and must be undone with it. */
export class Counts extends Struct {
  readonly tasks = this.cell('tasks', 0);
  readonly objects = this.cell('objects', 0);
  readonly failures = this.cell('failures', 0);
  /** Stands for whatever the invariants look at, see `watchAll` of the machine. */
  readonly watched = this.cell('watched', 0);

  constructor() {
    super('machine');
    // Both follow from where the tasks stand.
    this.tasks.hashed = false;
    this.objects.hashed = false;
  }
}

export class StepState {
  /** Did the step do a plain access that another task can see? */
  plain = false;
  /** Must the invariants be looked at after it? */
  watchedWritten = false;
  /** Did the step store a pointer to an object that had been freed? */
  storedStale = false;
  /** Set-up code runs: nothing fails, and no invariant has to hold yet. */
  booting = false;
  /** The step is tried out and will be undone: nothing is reported. */
  probing = false;
}
