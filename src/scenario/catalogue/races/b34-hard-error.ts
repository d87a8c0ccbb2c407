/**
 * A lockless walk that returns an error which it has not checked.
 *
 * A walk in RCU mode looks at directories that may be moved any moment, and validates what it has
 * found before it uses it. On errors it did not: meeting a negative dentry, or no permission, it gave
 * up at once, since there is nothing to be used. But it may be in a place that the path does not lead
 * to any more. Two directories are exchanged, each with a file of that name in its time: the path
 * names a file at every moment, and the walk says that there is none. The repair validates before it
 * believes an error too, and walks again with references if it cannot.
 */

import {
  branch,
  cover,
  E,
  read_seqcount_retry,
  READ_ONCE,
  WARN,
  type Task,
} from '../../../machine/index.js';
import { found_dentry, found_seq, type Dentry } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { addEntry, DIRECTORY, FILE, makeRoot, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const STALE = branch('link_path_walk', 'finds nothing, in a directory that has moved');
const NOTHING = branch('link_path_walk', 'says that there is no such file');

/** The second component in the directory that the first led to. Inside a reader. */
function* lookup_in(k: VfsKernel, dir: Dentry, name: string): Task<boolean> {
  const found = yield* k.__d_lookup_rcu(dir, name);
  return found !== null && (yield* READ_ONCE(found_dentry(found).d_inode)) !== null;
}

/** Walk two components in RCU mode. @returns 0, -ENOENT, or -ECHILD to come again with references */
function* link_path_walk(k: VfsKernel, root: Dentry, first: string, second: string): Task<number> {
  yield* k.rcu_read_lock();
  let result = -E.ECHILD;
  const found = yield* k.__d_lookup_rcu(root, first);
  if (found !== null) {
    const dir = found_dentry(found);
    const there = yield* lookup_in(k, dir, second);
    const stale = yield* read_seqcount_retry(dir.d_seq, found_seq(found));
    if (stale) yield* cover(STALE);
    else result = there ? 0 : -E.ENOENT;
  }
  yield* k.rcu_read_unlock();
  return result;
}

const trusting = function* link_path_walk(
  k: VfsKernel,
  root: Dentry,
  first: string,
  second: string,
): Task<number> {
  yield* k.rcu_read_lock();
  let result = -E.ECHILD;
  const found = yield* k.__d_lookup_rcu(root, first);
  if (found !== null) {
    const dir = found_dentry(found);
    if (!(yield* lookup_in(k, dir, second))) {
      yield* cover(NOTHING);
      result = -E.ENOENT;
    } else if (!(yield* read_seqcount_retry(dir.d_seq, found_seq(found)))) {
      result = 0;
    }
  }
  yield* k.rcu_read_unlock();
  return result;
};

export const b34 = smallRace({
  name: 'b34-hard-error',
  title: 'a walk reports a missing file from a directory that has been exchanged',
  history: {
    id: 'B34',
    year: 2024,
    identifiers: ['20aac6c60981', 'b37199e626b3'],
    expect: 'WARNING: no such file, at no moment in walker',
    witness: { steps: 102, switches: 2 },
    about: [STALE, kernelBranch('__d_move', 'exchanges two dentries')],
    wrong: [NOTHING],
  },
  own: { link_path_walk },
  buggy: { link_path_walk: trusting },
  objects: (machine, k) => {
    const root = machine.boot(() => makeRoot(k, plainSuper(machine)));
    const a = machine.boot(() => addEntry(k, root, 'a', DIRECTORY));
    const b = machine.boot(() => addEntry(k, root, 'b', DIRECTORY));
    const file = machine.boot(() => addEntry(k, a, 'x', FILE));
    machine.boot(() => addEntry(k, b, 'x', FILE));
    return { root, a, b, file };
  },
  tasks: {
    *walker(k, { root }) {
      if ((yield* k.link_path_walk(root, 'a', 'x')) === -E.ENOENT) {
        yield* WARN('WARNING: no such file, at no moment');
      }
    },
    *exchanger(k, { a, b, file }) {
      yield* k.d_exchange(a, b);
      yield* k.d_delete(file);
    },
  },
});
