/**
 * Completions: one task sleeps until another says that something is done.
 *
 * Invariant: whoever completes touches the completion last of all, so the sleeper may let its
 * memory go as soon as it wakes. Mirrors include/linux/completion.h.
 */

import { Struct } from './memory.js';
import { await_until } from './op-control.js';
import { might_sleep } from './op-notes.js';
import { WRITE_ONCE } from './op-memory.js';
import type { Task } from './op.js';

export class Completion extends Struct {
  readonly done = this.cell('done', false);

  constructor() {
    super('completion');
  }
}

/** Wake who waits. Never sleeps. */
export function* complete(completion: Completion): Task<void> {
  yield* WRITE_ONCE(completion.done, true);
}

/** Sleep until completed. */
export function* wait_for_completion(completion: Completion): Task<void> {
  yield* might_sleep('wait_for_completion');
  yield* await_until(completion.done, (done) => done);
}
