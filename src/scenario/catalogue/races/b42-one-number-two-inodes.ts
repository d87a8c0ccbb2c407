/**
 * Two live inodes of one number.
 *
 * A file server is handed a handle with a number that somebody has guessed. It puts an inode of that
 * number into the cache, marked as new, and reads it from the disk; usually there is nothing there, and
 * the inode goes. But while it reads, a file may be made with just that number: its inode went into
 * the cache without a look whether the number is there, and to the disk. What the server reads then
 * looks valid, and the cache has two inodes for one object, each with pages of its own. The repair
 * inserts an inode only if its number is free, in one step with the test.
 */

import { branch, cover, READ_ONCE, Struct, WRITE_ONCE, type Task } from '../../../machine/index.js';
import { I_NEW, type Inode, type SuperBlock, type VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { FILE, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const BUSY = kernelBranch('insert_inode_locked', 'finds the number in use');
const INSERTS = branch('ext2_new_inode', 'puts the inode into the hash without a look');
const BAD = branch('ext2_iget', 'finds nothing on the disk');

const INO = 7;

/** The inode's place on the disk. */
class DiskInode extends Struct {
  readonly i_links_count = this.cell('i_links_count', 0);

  constructor() {
    super('ext2_inode');
  }
}

/** The inode of a handle, or null if there is none. May sleep. Source: fs/ext2/inode.c. */
function* ext2_iget(k: VfsKernel, sb: SuperBlock, disk: DiskInode): Task<Inode | null> {
  const inode = yield* k.iget_locked(sb, INO);
  if (inode === null || ((yield* READ_ONCE(inode.i_state)) & I_NEW) === 0) return inode;
  if ((yield* READ_ONCE(disk.i_links_count)) === 0) {
    yield* cover(BAD);
    yield* k.discard_new_inode(inode);
    return null;
  }
  yield* k.unlock_new_inode(inode);
  return inode;
}

function* made(k: VfsKernel, sb: SuperBlock): Task<Inode> {
  const inode = (yield* k.new_inode(sb))!;
  yield* k.fill_inode(inode, INO, FILE);
  return inode;
}

/** A new file that gets this number. May sleep. Source: fs/ext2/ialloc.c. */
function* ext2_new_inode(k: VfsKernel, sb: SuperBlock, disk: DiskInode): Task<void> {
  const inode = yield* made(k, sb);
  if ((yield* k.insert_inode_locked(inode)) < 0) {
    yield* k.iput(inode);
    return;
  }
  yield* WRITE_ONCE(disk.i_links_count, 1);
  yield* k.unlock_new_inode(inode);
}

const without_a_look = function* ext2_new_inode(
  k: VfsKernel,
  sb: SuperBlock,
  disk: DiskInode,
): Task<void> {
  const inode = yield* made(k, sb);
  yield* cover(INSERTS);
  yield* k.insert_inode_hash(inode);
  yield* WRITE_ONCE(disk.i_links_count, 1);
};

export const b42 = smallRace({
  name: 'b42-one-number-two-inodes',
  title: 'a file is made with the number that a file server is just looking up',
  history: {
    id: 'B42',
    year: 2008,
    identifiers: ['41080b5a2401', '261bca86ed4f'],
    expect: 'invariant: one living inode in the hash per number',
    witness: { steps: 20, switches: 1 },
    about: [BUSY, BAD],
    wrong: [INSERTS, BAD],
  },
  version: 'v7.3',
  own: { ext2_iget, ext2_new_inode },
  buggy: { ext2_new_inode: without_a_look },
  objects: (machine) => ({
    sb: plainSuper(machine),
    disk: machine.global(new DiskInode(), 'disk'),
  }),
  tasks: {
    // The handle's number was free when it was guessed.
    *nfsd(k, { sb, disk }) {
      const inode = yield* k.ext2_iget(sb, disk);
      if (inode !== null) yield* k.iput(inode);
    },
    *creat(k, { sb, disk }) {
      yield* k.ext2_new_inode(sb, disk);
    },
  },
});
