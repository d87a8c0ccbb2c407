/** A lock and a count in one word: whoever holds the lock sees the count stand still. */

import { count_of, lockref_word, type Lockref } from '../../../lockref/index.js';
import {
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  WARN,
  type Task,
} from '../../../machine/index.js';
import { lesson, type LessonKernel } from './lesson.js';

const STILL = 'the count stands still under the lock';

class Entry extends Struct {
  readonly d_lockref: Lockref = this.lockCell('d_lockref', 'd_lock', lockref_word(1));

  constructor() {
    super('entry');
  }
}

/** Look at the count twice under the lock. */
function* look_twice(_k: LessonKernel, entry: Entry): Task<void> {
  yield* spin_lock(entry.d_lockref);
  const before = count_of(yield* READ_ONCE(entry.d_lockref));
  const after = count_of(yield* READ_ONCE(entry.d_lockref));
  if (before !== after) yield* WARN(`invariant: ${STILL}`);
  yield* spin_unlock(entry.d_lockref);
}

export const lockref = lesson({
  name: 'lockref',
  title: 'one task holds the lock while another takes a reference',
  own: { look_twice },
  variants: [['lockref', 'the word of lib/lockref.c', {}]],
  objects: (machine) => machine.global(new Entry(), 'entry'),
  tasks: {
    *holder(k, entry) {
      yield* k.look_twice(entry);
    },
    *getter(k, entry) {
      yield* k.lockref_get(entry.d_lockref);
    },
  },
  checks: STILL,
});
