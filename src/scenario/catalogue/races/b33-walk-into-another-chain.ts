/**
 * A lockless walk that a rename leads into another chain.
 *
 * A lookup follows the chain of its hash bucket without a lock. A dentry on it that is renamed leaves
 * the chain and joins another; who stands on it follows its link, into the other chain, and comes to
 * the end without having seen what it looks for. So a name that is there all the time is not found,
 * and the caller makes a second dentry for it or says that there is no such file. rename_lock is there
 * for this: a miss counts only if nothing was renamed meanwhile.
 */

import { branch, cover, WARN, type Task } from '../../../machine/index.js';
import { full_name_hash, type Dentry } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { addEntry, FILE, makeRoot, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const RENAMED = kernelBranch('d_lookup', 'tries again after a rename');
const MISSES = branch('d_lookup', 'believes a miss');

/** The quick lookup, whose misses prove nothing. */
function* d_lookup(k: VfsKernel, parent: Dentry, name: string): Task<Dentry | null> {
  const dentry = yield* k.__d_lookup(parent, name);
  if (dentry === null) yield* cover(MISSES);
  return dentry;
}

/** Names of which the second is in the bucket of the first, and the third in another. */
function names(k: VfsKernel): readonly [string, string, string] {
  const bucket = (name: string): number => full_name_hash(name) % k.dentry_hashtable.length;
  const all = Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i));
  const [first] = all;
  const same = all.slice(1).find((name) => bucket(name) === bucket(first))!;
  const other = all.find((name) => bucket(name) !== bucket(first))!;
  return [first, same, other];
}

export const b33 = smallRace({
  name: 'b33-walk-into-another-chain',
  title: 'a lookup follows a renamed dentry into another chain',
  history: {
    id: 'B33',
    year: 2004,
    identifiers: ['2.6.9 rename_lock'],
    expect: 'WARNING: a name that is there is not found in finder',
    witness: { steps: 54, switches: 2 },
    about: [RENAMED],
    wrong: [MISSES],
  },
  buggy: { d_lookup },
  objects: (machine, k) => {
    const [there, moving, target] = names(k);
    const root = machine.boot(() => makeRoot(k, plainSuper(machine)));
    machine.boot(() => addEntry(k, root, there, FILE));
    // The newest is first in its chain.
    const from = machine.boot(() => addEntry(k, root, moving, FILE));
    const to = machine.boot(() => addEntry(k, root, target, null));
    return { root, there, from, to };
  },
  tasks: {
    *finder(k, { root, there }) {
      const found = yield* k.d_lookup(root, there);
      if (found === null) yield* WARN('WARNING: a name that is there is not found');
      yield* k.dput(found);
    },
    *renamer(k, { from, to }) {
      yield* k.d_move(from, to);
    },
  },
});
