/**
 * A waiter's bit erased by an unlocked update.
 *
 * While one task looks a name up, others that want it find its dentry in the in-lookup hash, set a
 * bit in d_flags under d_lock that says that somebody waits, and sleep. The owner changed another
 * bit of d_flags without d_lock: load, change, store. If the waiter sets its bit between the load and
 * the store, the store erases it; the owner finishes, sees nobody waiting and wakes nobody. The
 * waiter sleeps for ever. The repair takes d_lock around the update.
 */

import {
  branch,
  cover,
  finish_wait,
  prepare_to_wait,
  READ_ONCE,
  schedule,
  spin_lock,
  spin_unlock,
  Struct,
  WaitEntry,
  WaitQueue,
  wake_up_all,
  WRITE_ONCE,
  type Spinlock,
  type Task,
} from '../../../machine/index.js';
import { smallRace } from './small-race.js';

const PAR_LOOKUP = 1 << 24;
const LOOKUP_WAITERS = 1 << 27;
const DONTCACHE = 1 << 7;

const WAITS = branch('d_wait_lookup', 'sleeps until the lookup is over');
const WAKES = branch('d_lookup_done', 'wakes those who wait');

class LookupDentry extends Struct {
  readonly d_lock: Spinlock = this.lockCell('d_lock', 'd_lock');
  readonly d_flags = this.cell('d_flags', PAR_LOOKUP);

  constructor() {
    super('dentry');
  }
}

interface Shared {
  readonly dentry: LookupDentry;
  readonly queue: WaitQueue;
  readonly entry: WaitEntry;
}

/** The filesystem's lookup marks its dentry. Takes d_lock. */
function* set_dontcache(_k: unknown, dentry: LookupDentry): Task<void> {
  yield* spin_lock(dentry.d_lock);
  yield* WRITE_ONCE(dentry.d_flags, (yield* READ_ONCE(dentry.d_flags)) | DONTCACHE);
  yield* spin_unlock(dentry.d_lock);
}

const unlocked = function* set_dontcache(_k: unknown, dentry: LookupDentry): Task<void> {
  yield* WRITE_ONCE(dentry.d_flags, (yield* READ_ONCE(dentry.d_flags)) | DONTCACHE);
};

/** The lookup is over: leave the in-lookup hash, and wake who waits. Source: fs/dcache.c. */
function* d_lookup_done(_k: unknown, dentry: LookupDentry, queue: WaitQueue): Task<void> {
  yield* spin_lock(dentry.d_lock);
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, flags & ~(PAR_LOOKUP | LOOKUP_WAITERS));
  if ((flags & LOOKUP_WAITERS) !== 0) {
    yield* cover(WAKES);
    yield* wake_up_all(queue);
  }
  yield* spin_unlock(dentry.d_lock);
}

/** Sleep until the lookup is over. Takes d_lock; may sleep. Source: fs/dcache.c. */
function* d_wait_lookup(
  _k: unknown,
  dentry: LookupDentry,
  queue: WaitQueue,
  entry: WaitEntry,
): Task<void> {
  yield* spin_lock(dentry.d_lock);
  for (;;) {
    const flags = yield* READ_ONCE(dentry.d_flags);
    if ((flags & PAR_LOOKUP) === 0) break;
    yield* cover(WAITS);
    yield* WRITE_ONCE(dentry.d_flags, flags | LOOKUP_WAITERS);
    yield* prepare_to_wait(queue, entry);
    yield* spin_unlock(dentry.d_lock);
    yield* schedule(entry);
    yield* finish_wait(queue, entry);
    yield* spin_lock(dentry.d_lock);
  }
  yield* spin_unlock(dentry.d_lock);
}

const own = { set_dontcache, d_lookup_done, d_wait_lookup };

export const b29 = smallRace({
  name: 'b29-lost-waiter',
  title: 'an unlocked update of d_flags erases the bit of a waiter, who is never woken',
  history: {
    id: 'B29',
    year: 2026,
    identifiers: ['bcachefs-tools PR 861', 'bcachefs-tools issue 1189'],
    expect: 'INFO: task hung in d_wait_lookup',
    witness: { steps: 15, switches: 2 },
    about: [WAITS, WAKES],
  },
  own,
  buggy: { set_dontcache: unlocked },
  objects: (machine): Shared => ({
    dentry: machine.global(new LookupDentry(), 'dentry'),
    queue: machine.global(new WaitQueue(), 'd_wait'),
    entry: machine.global(new WaitEntry(), 'waiter'),
  }),
  tasks: {
    *owner(k, { dentry, queue }) {
      yield* k.set_dontcache(dentry);
      yield* k.d_lookup_done(dentry, queue);
    },
    *waiter(k, { dentry, queue, entry }) {
      yield* k.d_wait_lookup(dentry, queue, entry);
    },
  },
});
