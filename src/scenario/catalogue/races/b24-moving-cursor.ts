/**
 * Siblings skipped through a cursor that moves.
 *
 * Who reads a directory has a cursor on the list of children. A walk that comes back up from a child
 * which has been killed meanwhile goes on at the sibling that the child points to. If that was a
 * cursor, and its owner has moved it to the end of the list since, the walk goes on behind everything
 * that it has not seen: at umount those dentries are busy, and after an invalidation they stay. The
 * repair: a dentry that is killed leaves a pointer to the next sibling that is no cursor.
 */

import {
  branch,
  cover,
  list_del,
  lockdep_assert_held,
  read,
  smp_rmb,
  spin_lock,
  spin_unlock,
  WARN,
  write,
  WRITE_ONCE,
  type List,
  type Task,
} from '../../../machine/index.js';
import type { Dentry, WalkData } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { addEntry, FILE, makeRoot, newInode, DIRECTORY, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const PASSES = kernelBranch('d_walk', 'passes siblings that were killed');
const CURSOR = kernelBranch('d_walk', 'passes a cursor');
const NEXT = branch('dentry_unlist', 'leaves a pointer to whatever comes next');

/** Take a killed dentry off its parent's list. Both d_locks are held. */
function* dentry_unlist(_k: VfsKernel, dentry: Dentry, parent: Dentry): Task<void> {
  yield* lockdep_assert_held(parent.d_lockref);
  const { items } = (yield* read(parent.d_children))!;
  const next = items[items.indexOf(dentry) + 1] ?? null;
  yield* cover(NEXT);
  yield* WRITE_ONCE(dentry.d_sib_next, next);
  yield* list_del(parent.d_children, dentry);
}

/** Put a cursor behind all that has been read. Takes the parent's d_lock. Source: fs/libfs.c. */
function* scan_positives(k: VfsKernel, dir: Dentry, cursor: Dentry): Task<void> {
  yield* spin_lock(dir.d_lockref);
  const others = [...(yield* read(dir.d_children))!].filter((child) => child !== cursor);
  yield* write(dir.d_children, k.list([...others, cursor]));
  yield* spin_unlock(dir.d_lockref);
}

/** Remembers what it has seen. */
function* remember(k: VfsKernel, dentry: Dentry, data: WalkData): Task<List<unknown>> {
  yield* smp_rmb();
  return k.list<unknown>(['D_WALK_CONTINUE', k.list([...data, dentry])]);
}

/** A walk that must come to `there`, which is on the list all the time. */
function* visit_all(k: VfsKernel, root: Dentry, there: Dentry): Task<void> {
  const seen = yield* k.d_walk(root, k.list<unknown>([]), remember);
  if (!seen.includes(there)) yield* WARN('WARNING: d_walk missed a dentry');
}

export const b24 = smallRace({
  name: 'b24-moving-cursor',
  title: 'a walk goes on behind a cursor that was moved to the end',
  history: {
    id: 'B24',
    year: 2018,
    identifiers: ['ba65dc5ef16f'],
    expect: 'WARNING: d_walk missed a dentry in visit_all',
    witness: { steps: 100, switches: 2 },
    about: [PASSES, CURSOR],
    wrong: [PASSES, CURSOR, NEXT],
  },
  own: { scan_positives, visit_all },
  buggy: { dentry_unlist },
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    const root = machine.boot(() => makeRoot(k, sb));
    // The newest child is first on the list: a directory, the cursor, and what must not be missed.
    const there = machine.boot(() => addEntry(k, root, 'there', FILE));
    const cursor = machine.boot(() => k.d_alloc_cursor(root))!;
    const dir = machine.boot(() => k.d_alloc(root, 'dir'))!;
    machine.boot(function* () {
      yield* k.d_instantiate(dir, yield* newInode(k, sb, DIRECTORY));
    });
    const below = machine.boot(() => k.d_alloc(dir, 'below'))!;
    machine.boot(() => k.dput(dir));
    return { root, there, cursor, below };
  },
  tasks: {
    *walker(k, { root, there }) {
      yield* k.visit_all(root, there);
    },
    *reader(k, { root, cursor, below }) {
      // Takes the directory above it along.
      yield* k.dput(below);
      yield* k.scan_positives(root, cursor);
    },
  },
});
