/**
 * A dead file polled.
 *
 * epoll remembers files without holding references; when the last one goes, the file's teardown takes
 * epoll's mutex and removes what epoll knows. Until it has the mutex, epoll may still call poll on
 * the file, whose count is zero. A driver that takes a reference there, and drops it again, brings
 * the file back from the dead and tears it down a second time. The repair takes a reference unless
 * the count is zero before polling, and leaves a dead file to its teardown.
 */

import {
  branch,
  cover,
  kmem_cache_free,
  READ_ONCE,
  refcount_dec,
  refcount_inc,
  spin_lock,
  spin_unlock,
  WARN,
  WRITE_ONCE,
  type Bound,
  type Task,
} from '../../../machine/index.js';
import { watched, type EventPoll, type WatchedFile } from './epoll.js';
import { smallRace } from './small-race.js';

const POLLED = branch('ep_item_poll', 'polls the file');
const DEAD = branch('ep_item_poll', 'leaves a dead file to its teardown');

/** Drop a reference; the last one tears the file down. Source: fs/file_table.c. */
function* fput(k: Kernel, ep: EventPoll, file: WatchedFile): Task<void> {
  if ((yield* refcount_dec(file.f_count)) === 0) yield* k.eventpoll_release(ep, file);
}

/** The file is dead: epoll forgets it, and its memory goes. Source: fs/eventpoll.c. */
function* eventpoll_release(_k: unknown, ep: EventPoll, file: WatchedFile): Task<void> {
  yield* spin_lock(ep.mtx);
  yield* WRITE_ONCE(ep.epi, null);
  yield* spin_unlock(ep.mtx);
  yield* kmem_cache_free(file);
}

/** A driver's poll that takes a reference for as long as it works. */
function* vfs_poll(k: Kernel, file: WatchedFile): Task<void> {
  if (!(yield* refcount_inc(file.f_count))) {
    yield* WARN('refcount_t: addition on 0; use-after-free');
  }
  yield* k.poll_done(file);
}

function* poll_done(_k: unknown, file: WatchedFile): Task<void> {
  yield* refcount_dec(file.f_count);
}

/** Poll the watched file. Takes the mutex. Source: fs/eventpoll.c. */
function* ep_item_poll(k: Kernel, ep: EventPoll): Task<void> {
  yield* spin_lock(ep.mtx);
  const file = yield* READ_ONCE(ep.epi);
  // The mutex keeps the teardown away, so the memory is there; the reference keeps it so.
  const pinned = file !== null && (yield* refcount_inc(file.f_count));
  if (file !== null && pinned) {
    yield* cover(POLLED);
    yield* k.vfs_poll(file);
  } else if (file !== null) {
    yield* cover(DEAD);
  }
  yield* spin_unlock(ep.mtx);
  if (file !== null && pinned) yield* k.fput(ep, file);
}

const unpinned = function* ep_item_poll(k: Kernel, ep: EventPoll): Task<void> {
  yield* spin_lock(ep.mtx);
  const file = yield* READ_ONCE(ep.epi);
  if (file !== null) {
    yield* cover(POLLED);
    yield* k.vfs_poll(file);
  }
  yield* spin_unlock(ep.mtx);
};

const own = { fput, eventpoll_release, vfs_poll, poll_done, ep_item_poll };
type Kernel = Bound<Pick<typeof own, 'fput' | 'eventpoll_release' | 'vfs_poll' | 'poll_done'>>;

export const b46 = smallRace({
  name: 'b46-dead-file-polled',
  title: 'epoll polls a file whose last reference is gone',
  history: {
    id: 'B46',
    year: 2024,
    identifiers: ['CVE-2024-38580', '4efaa5acf0a1'],
    expect: 'refcount_t: addition on 0; use-after-free in vfs_poll',
    witness: { steps: 4, switches: 1 },
    about: [POLLED, DEAD],
    wrong: [POLLED],
  },
  own,
  buggy: { ep_item_poll: unpinned },
  objects: watched,
  tasks: {
    *poller(k, { ep }) {
      yield* k.ep_item_poll(ep);
    },
    *closer(k, { ep, file }) {
      yield* k.fput(ep, file);
    },
  },
});
