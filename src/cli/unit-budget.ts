/**
 * A budget of executions over units that several threads explore: which of their results count.
 *
 * Units count in their fixed order, as long as there is something left; what others have finished
 * out of turn does not. Invariant: the outcome depends on the order and the budget alone, not on
 * how many threads there were or which was quicker.
 */

import type { Found } from './messages.js';

export interface UnitAnswer {
  /** Why the unit is not done; null if it is. */
  readonly reason: string | null;
  readonly found: Found;
}

export class UnitBudget {
  readonly #order: readonly number[];
  readonly #answers = new Map<number, UnitAnswer>();
  /** Executions that may be run, and at most in one unit. */
  readonly most: number;

  constructor(order: readonly number[], most: number) {
    this.#order = [...order];
    this.most = most;
  }

  /** Note what came out of a unit; a second time, of one that was run again with less left. */
  add(unit: number, answer: UnitAnswer): void {
    this.#answers.set(unit, answer);
  }

  /** Does it matter yet what comes out of units that nobody has begun? */
  get isOpen(): boolean {
    return this.#walk().missing;
  }

  /** The unit in which the budget ends, if that must be run again with just what is left. */
  get last(): { readonly unit: number; readonly most: number } | null {
    return this.#walk().last;
  }

  /** What counts, in order, and how many units of it are whole. */
  outcome(): { counted: readonly Found[]; whole: number; reason: string | null } {
    const { counted, reason } = this.#walk();
    return {
      counted: counted.map(({ found }) => found),
      whole: counted.filter((answer) => answer.reason === null).length,
      reason,
    };
  }

  #walk(): {
    counted: readonly UnitAnswer[];
    reason: string | null;
    missing: boolean;
    last: { unit: number; most: number } | null;
  } {
    const counted: UnitAnswer[] = [];
    let left = this.most;
    for (const unit of this.#order) {
      const answer = this.#answers.get(unit);
      if (left === 0) return { counted, reason: this.#spent, missing: false, last: null };
      if (answer === undefined) return { counted, reason: null, missing: true, last: null };
      const { executions } = answer.found;
      if (executions > left) {
        const last = { unit, most: left };
        return { counted, reason: this.#spent, missing: false, last };
      }
      counted.push(answer);
      left -= executions;
      if (answer.reason === null) continue;
      const reason = left === 0 ? this.#spent : answer.reason;
      return { counted, reason, missing: false, last: null };
    }
    return { counted, reason: null, missing: false, last: null };
  }

  get #spent(): string {
    return `budget of ${this.most} executions used up`;
  }
}
