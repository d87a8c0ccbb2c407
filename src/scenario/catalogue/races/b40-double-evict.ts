/**
 * An inode evicted twice.
 *
 * Unmounting evicts the inodes that nobody uses. It looked at the count without the inode's lock,
 * then took the lock and looked only at the state. In between a look-up by number may take a
 * reference, and it is not noticed: the inode is marked as being freed and evicted under its user,
 * who evicts it once more when it drops the reference. The repair looks at the count again under the
 * lock.
 */

import { WRITE_ONCE } from '../../../machine/index.js';
import { vfs_functions_v6_9 } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { FILE, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const USED_AGAIN = kernelBranch('evict_inodes', 'leaves an inode that is used again under i_lock');
const UNUSED = kernelBranch('find_inode', 'takes the first reference on an unused inode');

const INO = 7;

export const b40 = smallRace({
  name: 'b40-double-evict',
  title: 'unmounting evicts an inode that was found again after it had looked',
  history: {
    id: 'B40',
    year: 2024,
    identifiers: ['CVE-2024-47679', '88b1afbf0f6b'],
    expect: 'kernel BUG: evict of an inode on a list in evict',
    witness: { steps: 41, switches: 3 },
    about: [USED_AGAIN, UNUSED],
    wrong: [UNUSED],
  },
  version: 'v7.3',
  unruled: ['no reference on an inode that is being freed'],
  buggy: { evict_inodes: vfs_functions_v6_9.evict_inodes },
  objects: (machine, k) => {
    const sb = plainSuper(machine);
    machine.boot(function* () {
      const inode = (yield* k.new_inode(sb))!;
      yield* k.fill_inode(inode, INO, FILE);
      yield* k.insert_inode_hash(inode);
      // Nobody uses it, and it is kept; then the filesystem begins to go.
      yield* k.iput(inode);
      yield* WRITE_ONCE(sb.s_flags, 0);
    });
    return sb;
  },
  tasks: {
    *user(k, sb) {
      const inode = yield* k.ilookup(sb, INO);
      if (inode !== null) yield* k.iput(inode);
    },
    *umount(k, sb) {
      yield* k.evict_inodes(sb);
    },
  },
});
