/**
 * Two lookups of one name.
 *
 * Who looks up a name that is not cached puts a dentry into the in-lookup hash first, so that others
 * find it and wait instead of asking the filesystem too. The scan of that hash skipped dentries that
 * are not hashed; but a dentry in lookup is never hashed, so the scan never found any, and two tasks
 * looked up one name at once. The repair drops the test.
 *
 * The test had hidden a second mistake: a match took its reference, and with it d_lock, under the bit
 * lock of the bucket, which elsewhere is taken inside d_lock. With the test gone, two tasks wait for
 * each other. The same commit takes the reference after the bucket is unlocked, if the dentry is not
 * dead by then.
 */

import type { Task } from '../../../machine/index.js';
import { dcache_functions, type Dentry } from '../../../dcache/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import type { Scenario } from '../../scenario.js';
import { kernelBranch } from './kernel-branch.js';
import { lookup } from './lookup.js';
import { makeRoot, plainSuper } from './plain-fs.js';
import type { Race } from './race.js';
import { smallRace } from './small-race.js';

const FIRST = kernelBranch('d_alloc_parallel', 'is the first to look up');
const WAITS = kernelBranch('d_alloc_parallel', 'waits for another lookup of the name');

/** The scan's test of a dentry, which none in lookup passes. */
const hashed_only = function* d_same_name(
  k: VfsKernel,
  dentry: Dentry,
  name: string,
): Task<boolean> {
  if (yield* k.d_unhashed(dentry)) return false;
  return yield* dcache_functions.d_same_name(k, dentry, name);
};

/** The scan takes its reference as soon as a dentry matches, under the bit lock. */
const with_dget = function* d_same_name(k: VfsKernel, dentry: Dentry, name: string): Task<boolean> {
  if (!(yield* dcache_functions.d_same_name(k, dentry, name))) return false;
  if (yield* k.d_in_lookup(dentry)) yield* k.dget(dentry);
  return true;
};

/** Whoever comes here has a reference from the scan. */
function* d_wait_for_lookup(
  k: VfsKernel,
  dentry: Dentry,
  parent: Dentry,
  name: string,
  hash: number,
): Task<Dentry | null> {
  const found = yield* dcache_functions.d_wait_for_lookup(k, dentry, parent, name, hash);
  yield* k.dput(dentry);
  return found;
}

const ONE = 'one lookup of a name at a time';

function twoLookups(
  rest: Pick<Race, 'name' | 'title' | 'history'>,
  buggy: Parameters<typeof smallRace>[0]['buggy'],
): Scenario {
  return smallRace({
    ...rest,
    version: 'v7.3',
    buggy,
    objects: (machine, k) => {
      for (const { dentries } of k.in_lookup_hashtable) dentries.watched = true;
      const root = machine.boot(() => makeRoot(k, plainSuper(machine)));
      // An earlier lookup, from which the order of the locks is known.
      machine.boot(() => lookup(k, root, 'y'));
      return root;
    },
    tasks: {
      *lookup(k, root) {
        yield* lookup(k, root, 'x');
      },
      *lookup2(k, root) {
        yield* lookup(k, root, 'x');
      },
    },
    invariants: (_root, _machine, k) => [
      {
        name: ONE,
        check: () => {
          const all = k.in_lookup_hashtable.flatMap(({ dentries }) => [...(dentries.value ?? [])]);
          return all.length <= 1 ? null : all.join(' and ');
        },
      },
    ],
    checks: [ONE],
  });
}

export const b28 = twoLookups(
  {
    name: 'b28-in-lookup-twice',
    title: 'the scan for a lookup under way can never find one',
    history: {
      id: 'B28',
      year: 2016,
      identifiers: ['e7d6ef9790bc'],
      expect: 'invariant: one lookup of a name at a time',
      witness: { steps: 34, switches: 1 },
      about: [FIRST, WAITS],
      wrong: [FIRST],
    },
  },
  { d_same_name: hashed_only },
);

export const b28b = twoLookups(
  {
    name: 'b28b-reference-under-bit-lock',
    title: 'the scan takes d_lock under the bit lock that is taken inside d_lock',
    history: {
      id: 'B28b',
      year: 2016,
      identifiers: ['e7d6ef9790bc'],
      expect: 'WARNING: possible circular locking dependency detected in lockref_get',
      witness: { steps: 34, switches: 1 },
      about: [FIRST, WAITS],
    },
  },
  { d_same_name: with_dget, d_wait_for_lookup },
);
