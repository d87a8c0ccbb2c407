/**
 * What can still come from a point of an interleaving: how much of it fails, and the shortest way to
 * a failure.
 *
 * Invariant: an answer that a budget cut off is null. Between questions nothing is remembered but
 * counts of states, which hold wherever they are asked for.
 */

import { Counter, type Doom, type IsWanted } from './counter.js';
import { Limits } from './limits.js';
import type { Program, Schedule } from './program.js';
import type { ExplainOptions } from './explain.js';

const STATES_MAX = 150_000;
const SECONDS = 2;

export class Outlook {
  readonly #program: Program;
  readonly #isWanted: IsWanted;
  readonly #options: ExplainOptions;
  #counter: Counter | null = null;

  /**
   * @param isWanted whether a report is the failure that is meant
   * @param options the budget of each single answer
   */
  constructor(program: Program, isWanted: IsWanted, options: ExplainOptions = {}) {
    this.#program = program;
    this.#isWanted = isWanted;
    this.#options = options;
  }

  /** How the interleavings that begin like this end; null if that is not known. */
  doomAfter(schedule: Schedule): Doom | null {
    return this.#ask((counter, limits) => counter.after(schedule, limits));
  }

  /**
   * The rest of the smallest failing interleaving that begins like this: fewest switches from here
   * on, then fewest steps. Null if there is none, or if that is not known.
   */
  cheapestFrom(schedule: Schedule): Schedule | null {
    return this.#ask((counter, limits) => counter.cheapest(schedule, limits));
  }

  #ask<T>(question: (counter: Counter, limits: Limits) => T | null): T | null {
    const { states = STATES_MAX, seconds = SECONDS, now, machine } = this.#options;
    const limits = new Limits({
      budget: { states, steps: states * 4, seconds },
      ...(now === undefined ? {} : { now }),
    });
    this.#counter ??= new Counter(
      this.#program.build({ ...machine }),
      this.#isWanted,
      limits,
      true,
    );
    const answer = question(this.#counter, limits);
    // One that was stopped, or went round in a loop, has states that it entered and never left.
    if (this.#counter.isBroken) this.#counter = null;
    return answer;
  }
}
