/**
 * A file freed under the lock that lies in it.
 *
 * epoll keeps a pointer in every file that it watches. Removing the watch clears the pointer under
 * the file's lock, and goes on to use the file: at least to unlock it. Who drops the last reference
 * looks at the pointer without the lock: when it is clear epoll has nothing to do with the file, so the
 * slow way is skipped and the file freed. It can be clear before the remover is through. Its memory
 * may be another file by then, whose lock the remover releases. The repair takes a reference before it
 * touches the file, unless there is none left, and leaves a dead file to the other side.
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
  WRITE_ONCE,
  type Bound,
  type Task,
} from '../../../machine/index.js';
import { watched, type EventPoll, type WatchedFile } from './epoll.js';
import { smallRace } from './small-race.js';

const REMOVES = branch('ep_remove', 'clears the pointer in the file');
const DEAD = branch('ep_remove', 'leaves a dead file to its teardown');

/** Drop a reference; the last one tears down. Source: fs/file_table.c. */
function* drop_file(k: Kernel, ep: EventPoll, file: WatchedFile): Task<void> {
  if ((yield* refcount_dec(file.f_count)) > 0) return;
  if (yield* READ_ONCE(file.f_ep)) yield* k.eventpoll_release_file(ep, file);
  yield* kmem_cache_free(file);
}

/** A watched file goes. Source: fs/eventpoll.c. */
function* eventpoll_release_file(_k: unknown, ep: EventPoll, file: WatchedFile): Task<void> {
  yield* spin_lock(ep.mtx);
  if ((yield* READ_ONCE(ep.epi)) === file) yield* unlink(ep, file);
  yield* spin_unlock(ep.mtx);
}

function* unlink(ep: EventPoll, file: WatchedFile): Task<void> {
  yield* spin_lock(file.f_lock);
  yield* cover(REMOVES);
  yield* WRITE_ONCE(file.f_ep, false);
  yield* WRITE_ONCE(ep.epi, null);
  yield* spin_unlock(file.f_lock);
}

/** Stop watching. Source: fs/eventpoll.c. */
function* ep_remove(k: Kernel, ep: EventPoll): Task<void> {
  yield* spin_lock(ep.mtx);
  const file = yield* READ_ONCE(ep.epi);
  const pinned = file !== null && (yield* refcount_inc(file.f_count));
  if (pinned) yield* unlink(ep, file);
  else if (file !== null) yield* cover(DEAD);
  yield* spin_unlock(ep.mtx);
  if (pinned) yield* k.drop_file(ep, file);
}

const unpinned = function* ep_remove(_k: Kernel, ep: EventPoll): Task<void> {
  yield* spin_lock(ep.mtx);
  const file = yield* READ_ONCE(ep.epi);
  if (file !== null) yield* unlink(ep, file);
  yield* spin_unlock(ep.mtx);
};

const own = { drop_file, eventpoll_release_file, ep_remove };
type Kernel = Bound<Pick<typeof own, 'eventpoll_release_file'>> & {
  readonly drop_file: (ep: EventPoll, file: WatchedFile) => Task<void>;
};

export const b46b = smallRace({
  name: 'b46b-file-recycled',
  title: 'a file is freed while epoll holds the lock in it',
  history: {
    id: 'B46b',
    year: 2026,
    identifiers: ['CVE-2026-46242', 'a6dc643c6931'],
    expect: 'KASAN: slab-use-after-free Write in unlink',
    witness: { steps: 9, switches: 2 },
    about: [REMOVES, DEAD],
    wrong: [REMOVES],
  },
  own,
  buggy: { ep_remove: unpinned },
  objects: watched,
  tasks: {
    *remover(k, { ep }) {
      yield* k.ep_remove(ep);
    },
    *closer(k, { ep, file }) {
      yield* k.drop_file(ep, file);
    },
  },
});
