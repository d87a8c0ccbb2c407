/**
 * What tasks return, over all interleavings: each combination is kept once.
 *
 * Invariant: a task that has not ended, because it waits for ever or died, is not in its combination.
 */

import type { Machine } from '../machine/index.js';

/** Values returned, by name of the task. */
export type Returned = ReadonlyMap<string, unknown>;

/** What tasks return, by name; a function says by itself whether a value will do. */
export interface Outcome {
  readonly returned: Readonly<Record<string, unknown>>;
}

export class Outcomes {
  readonly #byKey = new Map<string, Returned>();
  readonly #numbers = new Map<unknown, number>();

  get all(): readonly Returned[] {
    return [...this.#byKey.values()];
  }

  /** Note the end of one run. */
  add(machine: Machine): void {
    const returned = returnedIn(machine);
    let key = '';
    for (const [task, value] of returned) {
      let number = this.#numbers.get(value);
      if (number === undefined) {
        number = this.#numbers.size;
        this.#numbers.set(value, number);
      }
      key += `${task}=${number} `;
    }
    if (!this.#byKey.has(key)) this.#byKey.set(key, returned);
  }
}

/** What the tasks that have ended returned. */
export function returnedIn(machine: Machine): Returned {
  const returned = new Map<string, unknown>();
  for (const task of machine.tasks) {
    const node = task.node.value;
    if (!task.actor && node !== null && node.op === null) returned.set(task.name, node.returned);
  }
  return returned;
}

/** Is the outcome among these? */
export function matches(returned: Returned, outcome: Outcome): boolean {
  return Object.entries(outcome.returned).every(([task, wanted]) => {
    if (!returned.has(task)) return false;
    const value = returned.get(task);
    if (typeof wanted !== 'function') return Object.is(wanted, value);
    return (wanted as (value: unknown) => unknown)(value) === true;
  });
}
