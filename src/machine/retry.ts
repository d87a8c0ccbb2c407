/**
 * Retry loops that are explored as they are: every round is run, however often it fails.
 *
 * Invariant: a round is a function of its arguments and of memory alone, so a task that begins a
 * round in the same state of memory is in the same state itself. That is what turns going round for
 * ever into a cycle of states. cpu_relax() in a loop of one's own is an abstraction of this: it
 * waits instead of repeating a round that left everything as it found it.
 */

import { begin_round, call, end_of_round } from './op-control.js';
import type { Task } from './op.js';

/** What a round of {@link retry} returns to be run again. */
export const AGAIN: unique symbol = Symbol('again');

/**
 * Run `round` until it returns anything but {@link AGAIN}. After a round that only read, the task
 * waits until something that it read has changed: again would be the same.
 * @returns what the last round returned
 */
export function* retry<A extends readonly unknown[], T>(
  round: (...args: A) => Task<T | typeof AGAIN>,
  ...args: A
): Task<T> {
  for (;;) {
    yield* begin_round();
    const result = yield* call(round, ...args);
    if (result !== AGAIN) return result;
    yield* end_of_round();
  }
}
