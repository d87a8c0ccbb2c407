/**
 * The last dput of an unhashed dentry leaves d_seq alone.
 *
 * A lockless walk starts at the working directory without taking a reference: it samples d_seq,
 * loads the inode and checks that d_seq has not moved. A dying dentry moved d_seq when it was taken
 * out of the hash; but a directory that was removed while somebody stood in it is out of the hash
 * already. So if the process changes its directory away, the inode goes and the sample is still
 * good: the walk goes on with no inode at all. The repair moves d_seq whenever the inode goes.
 */

import {
  branch,
  cover,
  E,
  list_del,
  raw_seqcount_begin,
  raw_write_seqcount_begin,
  raw_write_seqcount_end,
  read_seqcount_retry,
  READ_ONCE,
  spin_unlock,
  Struct,
  WRITE_ONCE,
  type Cell,
  type Task,
} from '../../../machine/index.js';
import { DCACHE, type AliasedInode, type Dentry } from '../../../dcache/index.js';
import type { Inode, VfsKernel } from '../../../vfs/index.js';
import { plainSuper, positiveDentry } from './plain-fs.js';
import { smallRace } from './small-race.js';

const STALE = branch('path_init', 'notices that the directory has changed');
const VALID = branch('path_init', 'has an inode that belongs to the directory');

class FsStruct extends Struct {
  readonly seq = this.cell('seq', 0);
  readonly pwd: Cell<Dentry | null> = this.cell<Dentry | null>('pwd', null);

  constructor() {
    super('fs_struct');
  }
}

/** Begin a walk in RCU mode. @returns the directory's mode, or -ECHILD. Source: fs/namei.c. */
function* path_init(k: VfsKernel, fs: FsStruct): Task<number> {
  yield* k.rcu_read_lock();
  const before = yield* raw_seqcount_begin(fs.seq);
  const dentry = yield* k.rcu_dereference(fs.pwd);
  const seq = dentry === null ? 0 : yield* raw_seqcount_begin(dentry.d_seq);
  const moved = yield* read_seqcount_retry(fs.seq, before);
  const result = dentry === null || moved ? -E.ECHILD : yield* link_path_walk(dentry, seq);
  yield* k.rcu_read_unlock();
  return result;
}

/** Go on from a directory whose d_seq was sampled. */
function* link_path_walk(dentry: Dentry, seq: number): Task<number> {
  const inode = (yield* READ_ONCE(dentry.d_inode)) as Inode | null;
  if (yield* read_seqcount_retry(dentry.d_seq, seq)) {
    yield* cover(STALE);
    return -E.ECHILD;
  }
  const mode = yield* READ_ONCE(inode!.i_mode);
  yield* cover(VALID);
  return mode;
}

/** Leave the directory. May sleep. Source: fs/fs_struct.c. */
function* set_fs_pwd(k: VfsKernel, fs: FsStruct): Task<void> {
  const old = yield* READ_ONCE(fs.pwd);
  yield* raw_write_seqcount_begin(fs.seq);
  yield* WRITE_ONCE(fs.pwd, null);
  yield* raw_write_seqcount_end(fs.seq);
  yield* k.dput(old);
}

/** As it was: d_seq moves with the hash only. */
function* dentry_unlink_inode(k: VfsKernel, dentry: Dentry, inode: AliasedInode): Task<void> {
  const flags = yield* READ_ONCE(dentry.d_flags);
  yield* WRITE_ONCE(dentry.d_flags, flags & ~DCACHE.ENTRY_TYPE);
  yield* WRITE_ONCE(dentry.d_inode, null);
  yield* list_del(inode.i_dentry, dentry);
  yield* spin_unlock(dentry.d_lockref);
  yield* spin_unlock(inode.i_lock);
  yield* k.iput(inode);
}

export const b15 = smallRace({
  name: 'b15-d-seq-kept',
  title: 'the inode of an unhashed directory goes, and d_seq does not tell',
  history: {
    id: 'B15',
    year: 2018,
    identifiers: ['4c0d7cd5c841'],
    expect: 'BUG: unable to handle kernel NULL pointer dereference in link_path_walk',
    witness: { steps: 30, switches: 2 },
    about: [STALE, VALID],
    wrong: [VALID],
  },
  own: { path_init, set_fs_pwd },
  buggy: { dentry_unlink_inode },
  unruled: ['d_seq is odd only under d_lock, and moves with what it guards'],
  objects: (machine, k) => {
    const fs = machine.global(new FsStruct(), 'fs');
    const pwd = positiveDentry(machine, k, plainSuper(machine), null);
    machine.boot(() => enter(fs, pwd));
    return fs;
  },
  tasks: {
    *walker(k, fs) {
      yield* k.path_init(fs);
    },
    *leaver(k, fs) {
      yield* k.set_fs_pwd(fs);
    },
  },
});

function* enter(fs: FsStruct, pwd: Dentry): Task<void> {
  yield* WRITE_ONCE(fs.pwd, pwd);
}
