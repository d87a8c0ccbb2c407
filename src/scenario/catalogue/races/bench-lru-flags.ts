/**
 * One list node for two lists, and flags that say which.
 *
 * An unused dentry is on its super block's LRU or, while a shrinker has it, on the shrinker's own list,
 * by the same node. Two flags tell the lists apart. When the LRU got a lock of its own, dentries were
 * moved from it to a private list without the second flag: whoever killed one took it off "the LRU", a
 * list that it was not on, under a lock that did not protect it, and counted it out twice. The repair
 * sets and clears the flags where the node moves, and nowhere else.
 */

import { list_del, READ_ONCE, type Task } from '../../../machine/index.js';
import type { Dentry, ShrinkList } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { addUnused, FILE, makeRoot, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

/** Moves the node, and says nothing. */
const without_flag = function* d_lru_shrink_move(
  k: VfsKernel,
  dentry: Dentry,
  list: ShrinkList,
): Task<ShrinkList> {
  yield* READ_ONCE(dentry.d_flags);
  yield* list_del(dentry.d_sb.s_dentry_lru, dentry);
  return k.list([dentry, ...list]);
};

const RULE = 'LRU and shrink flags are a legal pair and match the lists';

export const lru_flags = smallRace({
  name: 'bench-lru-flags',
  title: 'a dentry on a private list says that it is on the LRU, and is killed',
  history: {
    id: 'LRUFLAGS',
    year: 2013,
    identifiers: ['89dc77bcdabf'],
    expect: 'list_del corruption in d_lru_isolate',
    witness: { steps: 51, switches: 1 },
    about: [
      kernelBranch('dentry_lru_isolate', 'takes an unused dentry'),
      kernelBranch('__dentry_kill', 'leaves the memory to the shrink list'),
    ],
    wrong: [kernelBranch('dentry_lru_isolate', 'takes an unused dentry')],
  },
  version: 'v7.3',
  buggy: { d_lru_shrink_move: without_flag },
  unruled: [RULE],
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    const root = machine.boot(() => makeRoot(k, sb));
    machine.boot(() => addUnused(k, root, 'c', FILE));
    return { sb, root };
  },
  tasks: {
    *shrinker(k, { sb }) {
      yield* k.prune_dcache_sb(sb, 1);
    },
    *unlink(k, { root }) {
      const dentry = yield* k.d_lookup(root, 'c');
      if (dentry === null) return;
      yield* k.d_drop(dentry);
      yield* k.dput(dentry);
    },
  },
});
