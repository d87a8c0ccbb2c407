/**
 * Two lookups of one name.
 *
 * Who looks up a name that is not cached puts a dentry into the in-lookup hash first, so that others
 * find it and wait instead of asking the filesystem too. The scan of that hash skipped dentries that
 * are not hashed; but a dentry in lookup is never hashed, so the scan never found any, and two tasks
 * looked up one name at once. The repair drops the test. It had hidden a second mistake: a match
 * would have taken a reference, and with it d_lock, under the bit lock of the bucket.
 */

import {
  branch,
  cover,
  list_add,
  read,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  Struct,
  type Cell,
  type List,
  type Spinlock,
  type Task,
} from '../../../machine/index.js';
import { smallRace } from './small-race.js';

const MATCHED = branch('d_alloc_parallel', 'finds a lookup of the same name');

class NewDentry extends Struct {
  readonly d_hashed = this.cell('d_hashed', false);

  constructor() {
    super('dentry');
  }
}

class Bucket extends Struct {
  /** The bit lock in the head of the chain. */
  readonly lock: Spinlock = this.lockCell('lock', 'in_lookup_bucket');
  readonly chain: Cell<List<NewDentry> | null> = this.cell<List<NewDentry> | null>('chain', null);

  constructor() {
    super('in_lookup_hashtable');
    this.chain.watched = true;
  }
}

/** The lookup of the name that is under way, or one's own from now on. Source: fs/dcache.c. */
function* d_alloc_parallel(_k: unknown, bucket: Bucket, mine: NewDentry): Task<NewDentry> {
  yield* spin_lock(bucket.lock);
  const [found] = (yield* read(bucket.chain)) ?? [];
  if (found === undefined) yield* list_add(bucket.chain, mine);
  else yield* cover(MATCHED);
  yield* spin_unlock(bucket.lock);
  return found ?? mine;
}

const hashed_only = function* d_alloc_parallel(
  _k: unknown,
  bucket: Bucket,
  mine: NewDentry,
): Task<NewDentry> {
  yield* spin_lock(bucket.lock);
  for (const dentry of (yield* read(bucket.chain)) ?? []) {
    if (!(yield* READ_ONCE(dentry.d_hashed))) continue;
    yield* spin_unlock(bucket.lock);
    return dentry;
  }
  yield* list_add(bucket.chain, mine);
  yield* spin_unlock(bucket.lock);
  return mine;
};

const ONE = 'one lookup of a name at a time';

export const b28 = smallRace({
  name: 'b28-in-lookup-twice',
  title: 'the scan for a lookup under way can never find one',
  history: {
    id: 'B28',
    year: 2016,
    identifiers: ['e7d6ef9790bc'],
    expect: 'invariant: one lookup of a name at a time',
    witness: { steps: 8, switches: 1 },
    about: [MATCHED],
  },
  own: { d_alloc_parallel },
  buggy: { d_alloc_parallel: hashed_only },
  objects: (machine) => ({
    bucket: machine.global(new Bucket(), 'bucket'),
    first: machine.global(new NewDentry(), 'dentry1'),
    second: machine.global(new NewDentry(), 'dentry2'),
  }),
  tasks: {
    *lookup(k, { bucket, first }) {
      yield* k.d_alloc_parallel(bucket, first);
    },
    *lookup2(k, { bucket, second }) {
      yield* k.d_alloc_parallel(bucket, second);
    },
  },
  invariants: ({ bucket }) => [
    {
      name: ONE,
      check: () => {
        const chain = bucket.chain.value?.items ?? [];
        return chain.length <= 1 ? null : chain.join(' and ');
      },
    },
  ],
  checks: [ONE],
});
