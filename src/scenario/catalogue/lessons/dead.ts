/** Zero is unused and may be revived; dead is for ever. */

import { count_of, lockref_word, type Lockref } from '../../../lockref/index.js';
import {
  branch,
  cover,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  WARN,
  type Task,
} from '../../../machine/index.js';
import { lesson, type LessonKernel } from './lesson.js';

const DEAD = 'nobody takes a reference on the dead';

/** The finder gets an entry that nobody was using. */
export const REVIVED = branch('find', 'takes a reference on an unused entry');
const REFUSED = branch('find', 'takes no reference');

class Entry extends Struct {
  /** Cached, but nobody uses it. */
  readonly d_lockref: Lockref = this.lockCell('d_lockref', 'd_lock', lockref_word(0));

  constructor() {
    super('entry');
  }
}

function* take(k: LessonKernel, entry: Entry): Task<boolean> {
  return yield* k.lockref_get_not_dead(entry.d_lockref);
}

const not_zero = function* take(k: LessonKernel, entry: Entry): Task<boolean> {
  return yield* k.lockref_get_not_zero(entry.d_lockref);
};

const blind = function* take(k: LessonKernel, entry: Entry): Task<boolean> {
  yield* k.lockref_get(entry.d_lockref);
  return true;
};

/** Let go of an entry that nobody uses. */
function* reap(k: LessonKernel, entry: Entry): Task<void> {
  yield* spin_lock(entry.d_lockref);
  if (count_of(yield* READ_ONCE(entry.d_lockref)) === 0) {
    yield* k.lockref_mark_dead(entry.d_lockref);
  }
  yield* spin_unlock(entry.d_lockref);
}

export const dead = lesson({
  name: 'dead',
  title: 'one task wants an unused entry while another marks it dead',
  own: { take, reap },
  variants: [
    ['blind', 'lockref_get, which asks nothing', { take: blind }],
    ['not-zero', 'lockref_get_not_zero', { take: not_zero }],
    ['not-dead', 'lockref_get_not_dead', {}],
  ],
  branches: [REVIVED, REFUSED],
  objects: (machine) => machine.global(new Entry(), 'entry'),
  tasks: {
    *finder(k, entry) {
      const taken = yield* k.take(entry);
      yield* cover(taken ? REVIVED : REFUSED);
      if (taken && count_of(yield* READ_ONCE(entry.d_lockref)) < 0) {
        yield* WARN(`invariant: ${DEAD}`);
      }
    },
    *reaper(k, entry) {
      yield* k.reap(entry);
    },
  },
  checks: DEAD,
});
