/**
 * Budgets and progress: when an exploration stops before it is complete.
 *
 * Invariant: once `stopped` is set it stays set and names the reason; a stopped exploration is
 * never reported as complete.
 */

import type { Budget, ExploreOptions, Progress } from './program.js';

const CHECK_EVERY = 1024;

/** The counters of an exploration, and what stops it. */
export class Limits {
  /** Why to stop, in words; null to go on. */
  stopped: string | null = null;
  steps = 0;
  executions = 0;
  blocked = 0;
  states = 0;
  depth = 0;
  bugs = 0;
  /** What a budget of executions counts: a search over states runs no executions one by one. */
  unit: 'executions' | 'states' = 'executions';
  readonly stepsMax: number;
  readonly #budget: Budget;
  readonly #now: () => number;
  readonly #onProgress: ((progress: Progress) => boolean) | undefined;
  readonly #start: number;
  #countdown = CHECK_EVERY;

  constructor(options: ExploreOptions) {
    this.#budget = options.budget ?? {};
    this.#now = options.now ?? (() => 0);
    this.#onProgress = options.onProgress;
    this.stepsMax = options.stepsMax ?? 20_000;
    this.#start = this.#now();
  }

  get seconds(): number {
    return this.#now() - this.#start;
  }

  /** Count a step at this depth. @returns whether to go on */
  step(depth: number): boolean {
    this.steps += 1;
    if (depth > this.depth) this.depth = depth;
    if (depth > this.stepsMax) {
      this.stopped ??= `an execution is longer than ${this.stepsMax} steps`;
    }
    this.#countdown -= 1;
    if (this.#countdown <= 0) this.check();
    return this.stopped === null;
  }

  /**
   * Count a complete execution. Budgets by count are exact: they stop a search at the same place
   * every time, whatever else the machine does.
   */
  countExecution(): void {
    this.executions += 1;
    this.#checkCounts();
  }

  /** Count a distinct state; see {@link countExecution}. */
  countState(): void {
    this.states += 1;
    this.#checkCounts();
  }

  /** Go on after a stop. */
  goOn(): void {
    this.stopped = null;
  }

  /** Look at the clock and the counters now. */
  check(): void {
    this.#countdown = CHECK_EVERY;
    const { seconds, steps } = this.#budget;
    if (steps !== undefined && this.steps >= steps) {
      this.stopped ??= `budget of ${steps} steps used up`;
    }
    this.#checkCounts();
    if (seconds !== undefined && this.seconds >= seconds) {
      this.stopped ??= `budget of ${Number(seconds.toFixed(2))} s used up`;
    }
    if (this.#onProgress !== undefined && !this.#onProgress(this)) {
      this.stopped ??= 'interrupted';
    }
  }

  #checkCounts(): void {
    const { executions, states } = this.#budget;
    if (executions !== undefined && this[this.unit] >= executions) {
      this.stopped ??= `budget of ${executions} ${this.unit} used up`;
    }
    if (states !== undefined && this.states >= states) {
      this.stopped ??= `budget of ${states} states used up`;
    }
  }
}
