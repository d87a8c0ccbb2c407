/**
 * A cached access list overwritten by an older one.
 *
 * An inode caches its access list. Who finds nothing cached reads the list from the disk, which takes
 * time, and stores it. Somebody may set another list meanwhile, on the disk and in the cache; the slow
 * reader then stores the old one over it, and everybody is let in, or kept out, by a list that is no
 * more. The repair leaves a mark in the empty slot before it reads, and stores by compare-exchange only
 * over its own mark: a sibling of the stash.
 */

import {
  branch,
  cmpxchg,
  cover,
  READ_ONCE,
  Struct,
  WRITE_ONCE,
  type Task,
} from '../../../machine/index.js';
import { smallRace } from './small-race.js';

const NOT_CACHED = 'not cached';
const MARK = 'being read';

const STORES = branch('get_acl', 'stores what it has read');
const LATE = branch('get_acl', 'finds its mark gone and stores nothing');

class AclInode extends Struct {
  readonly i_acl = this.cell('i_acl', NOT_CACHED);
  readonly disk = this.cell('disk', 'old');

  constructor() {
    super('inode');
  }
}

/** The list, from the cache or from the disk. May sleep. Source: fs/posix_acl.c. */
function* get_acl(_k: unknown, inode: AclInode): Task<string> {
  const cached = yield* cmpxchg(inode.i_acl, NOT_CACHED, MARK);
  if (cached !== NOT_CACHED && cached !== MARK) return cached;
  const acl = yield* READ_ONCE(inode.disk);
  const mine = (yield* cmpxchg(inode.i_acl, MARK, acl)) === MARK;
  yield* cover(mine ? STORES : LATE);
  return acl;
}

const plain_store = function* get_acl(_k: unknown, inode: AclInode): Task<string> {
  const cached = yield* READ_ONCE(inode.i_acl);
  if (cached !== NOT_CACHED) return cached;
  const acl = yield* READ_ONCE(inode.disk);
  yield* cover(STORES);
  yield* WRITE_ONCE(inode.i_acl, acl);
  return acl;
};

/** Set another list. The inode is locked against others who do. */
function* set_acl(_k: unknown, inode: AclInode): Task<void> {
  yield* WRITE_ONCE(inode.disk, 'new');
  yield* WRITE_ONCE(inode.i_acl, 'new');
}

const FRESH = 'a cached list is the one on the disk';

export const acl_cache = smallRace({
  name: 'bench-acl-cache',
  title: 'a slow reader stores an access list over a newer one',
  history: {
    id: 'ACL',
    year: 2016,
    identifiers: ['posix_acl ACL_NOT_CACHED sentinel'],
    expect: 'invariant: a cached list is the one on the disk',
    witness: { steps: 5, switches: 2 },
    about: [STORES, LATE],
    wrong: [STORES],
  },
  own: { get_acl, set_acl },
  buggy: { get_acl: plain_store },
  objects: (machine) => machine.global(new AclInode(), 'inode'),
  tasks: {
    *reader(k, inode) {
      yield* k.get_acl(inode);
    },
    *setter(k, inode) {
      yield* k.set_acl(inode);
    },
  },
  atRest: ({ i_acl, disk }) =>
    i_acl.value === disk.value
      ? []
      : [{ name: FRESH, detail: `'${i_acl.value}' for '${disk.value}'` }],
  checks: [FRESH],
});
