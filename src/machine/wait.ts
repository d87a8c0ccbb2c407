/**
 * Wait queues: tasks that sleep until somebody wakes them.
 *
 * Invariant: a sleeper puts itself on the queue before it looks at the condition for the last time;
 * otherwise the wake-up between look and sleep is lost. Mirrors kernel/sched/wait.c.
 */

import { Struct, type Cell } from './memory.js';
import { list_add, list_del, read, WRITE_ONCE } from './op-memory.js';
import { might_sleep } from './op-notes.js';
import { sleep_until } from './op-control.js';
import type { Task } from './op.js';
import { spin_lock, spin_unlock, type Spinlock } from './spinlock.js';
import type { List } from './value.js';

/** One task's entry on a queue: allocate one per sleeping task. */
export class WaitEntry extends Struct {
  /** Is the task allowed to run? Cleared by the sleeper, set by the waker. */
  readonly runnable = this.cell('runnable', true);

  constructor() {
    super('wait_entry');
  }
}

export class WaitQueue extends Struct {
  readonly lock: Spinlock = this.lockCell('lock', 'wq_lock');
  readonly entries: Cell<List<WaitEntry> | null> = this.cell<List<WaitEntry> | null>(
    'entries',
    null,
  );

  constructor(kind = 'wait_queue') {
    super(kind);
  }
}

/** Put oneself on the queue, about to sleep. */
export function* prepare_to_wait(queue: WaitQueue, entry: WaitEntry): Task<void> {
  yield* spin_lock(queue.lock);
  const entries = yield* read(queue.entries);
  if (entries === null || !entries.includes(entry)) yield* list_add(queue.entries, entry);
  yield* WRITE_ONCE(entry.runnable, false);
  yield* spin_unlock(queue.lock);
}

/**
 * Sleep until woken. May sleep.
 * @param condition what the caller sleeps for, as kernel code that only looks; without it a wake-up
 *   that is lost is reported as a hung task
 */
export function* schedule(entry: WaitEntry, condition?: () => Task<boolean>): Task<void> {
  yield* might_sleep('schedule');
  yield* sleep_until(entry.runnable, (runnable) => runnable, condition);
}

/** Leave the queue. */
export function* finish_wait(queue: WaitQueue, entry: WaitEntry): Task<void> {
  yield* spin_lock(queue.lock);
  const entries = yield* read(queue.entries);
  if (entries !== null && entries.includes(entry)) yield* list_del(queue.entries, entry);
  yield* WRITE_ONCE(entry.runnable, true);
  yield* spin_unlock(queue.lock);
}

/**
 * Sleep until `condition` holds. May sleep.
 * @param condition kernel code that looks at the condition; called again after every wake-up
 */
export function* wait_event(
  queue: WaitQueue,
  entry: WaitEntry,
  condition: () => Task<boolean>,
): Task<void> {
  for (;;) {
    yield* prepare_to_wait(queue, entry);
    if (yield* condition()) break;
    yield* schedule(entry, condition);
  }
  yield* finish_wait(queue, entry);
}

/** Wake everybody on the queue. Never sleeps. */
export function* wake_up_all(queue: WaitQueue): Task<void> {
  yield* spin_lock(queue.lock);
  for (const entry of (yield* read(queue.entries)) ?? []) yield* WRITE_ONCE(entry.runnable, true);
  yield* spin_unlock(queue.lock);
}
