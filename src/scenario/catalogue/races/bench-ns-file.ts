/**
 * A field with a new meaning, and one reader of the old one.
 *
 * A file of a mount namespace may not be mounted in that namespace, or in one that is older: the two
 * would hold each other for ever. Whether a dentry is such a file was told by d_fsdata, in which nsfs
 * kept the operations of the namespace's kind. When nsfs moved to the common stash, d_fsdata became the
 * address of the stash; one function went on comparing it with the operations, and never found them
 * equal any more. No order of steps matters; what is needed is a check that knows what a field holds.
 * The repair asks the inode for its namespace, and the namespace for its kind.
 */

import { branch, cover, IS_ERR, READ_ONCE, WARN, type Task } from '../../../machine/index.js';
import type { Dentry } from '../../../dcache/index.js';
import { Handles, type Inode, type StashedObject, type VfsKernel } from '../../../vfs/index.js';
import { smallRace } from './small-race.js';

const REFUSES = branch('do_loopback', 'refuses the file of a mount namespace');
const MOUNTS = branch('do_loopback', 'mounts what it takes for any file');

/** What tells the kinds of namespaces apart. */
const MNTNS_OPERATIONS = 'mntns_operations';
type Kinds = ReadonlyMap<unknown, string>;

/** Is this the file of a mount namespace? Source: fs/namespace.c. */
function* is_mnt_ns_file(_k: VfsKernel, dentry: Dentry, kinds: Kinds): Task<boolean> {
  const inode = (yield* READ_ONCE(dentry.d_inode)) as Inode;
  return kinds.get(yield* READ_ONCE(inode.i_private)) === MNTNS_OPERATIONS;
}

const by_d_fsdata = function* is_mnt_ns_file(_k: VfsKernel, dentry: Dentry): Task<boolean> {
  return (yield* READ_ONCE(dentry.d_fsdata)) === MNTNS_OPERATIONS;
};

/** Bind a file, held by the caller, somewhere in the caller's namespace. Source: fs/namespace.c. */
function* do_loopback(k: VfsKernel & Own, dentry: Dentry, kinds: Kinds): Task<boolean> {
  if (yield* k.is_mnt_ns_file(dentry, kinds)) {
    yield* cover(REFUSES);
    return false;
  }
  yield* cover(MOUNTS);
  return true;
}

interface Own {
  is_mnt_ns_file(dentry: Dentry, kinds: Kinds): Task<boolean>;
}

export const ns_file = smallRace({
  name: 'bench-ns-file',
  title: 'the file of a mount namespace is taken for any other, and mounted in its own namespace',
  history: {
    id: 'NSFILE',
    year: 2024,
    identifiers: ['aa21f333c86c', '1fa08aece425'],
    expect: 'WARNING: a mount namespace is mounted in itself in mounter',
    witness: { steps: 8, switches: 0 },
    about: [REFUSES],
    wrong: [MOUNTS],
  },
  own: { is_mnt_ns_file, do_loopback },
  buggy: { is_mnt_ns_file: by_d_fsdata },
  objects: (machine, k) => {
    const handles = machine.global(new Handles(), 'handles');
    const ns: StashedObject = machine.boot(() => k.alloc_ns(handles))!;
    const kinds: Kinds = new Map([[ns, MNTNS_OPERATIONS]]);
    machine.store.values.declare(kinds, 'kinds of namespaces');
    return { ns, kinds };
  },
  tasks: {
    *mounter(k, { ns, kinds }) {
      yield* k.get_data(ns);
      const dentry = yield* k.path_from_stashed(ns.stashed, k.nsfs, ns);
      if (IS_ERR(dentry)) return;
      if (yield* k.do_loopback(dentry, kinds)) {
        yield* WARN('WARNING: a mount namespace is mounted in itself');
      }
      yield* k.dput(dentry);
    },
  },
});
