/**
 * A busy wait for a dentry that is dying.
 *
 * A dentry is dead, and its killer sleeps in the middle, in iput, where the filesystem is slow; until it
 * is through, the dentry stays on its parent's list. Somebody who wants the parent empty finds a dying
 * child, which counts as something found but is nothing that he could do anything about, and walks again
 * at once. On one processor, or with real-time priority, his walking is what keeps the killer from going
 * on. Since 2026 he leaves a completion on the dying dentry and sleeps until it is taken off the list.
 *
 * The processor is a flag here: who runs has it, and who sleeps does not.
 */

import {
  AGAIN,
  await_until,
  branch,
  cmpxchg,
  cover,
  READ_ONCE,
  retry,
  smp_store_release,
  Struct,
  type List,
  type Task,
} from '../../../machine/index.js';
import {
  dcache_functions,
  type AliasedInode,
  type Dentry,
  type WalkData,
} from '../../../dcache/index.js';
import { count_of } from '../../../lockref/index.js';
import type { VfsKernel } from '../../../vfs/index.js';
import { kernelBranch } from './kernel-branch.js';
import { FILE, makeRoot, newInode, plainSuper } from './plain-fs.js';
import { smallRace } from './small-race.js';

const DYING = branch('shrink_dcache_parent', 'finds a dying dentry and walks again');

class Processor extends Struct {
  /** Does a task have it? */
  readonly taken = this.cell('taken', false);

  constructor() {
    super('cpu');
  }
}

type Kernel = VfsKernel & { readonly cpu: Processor };

/** Get the processor, which nobody gives up but by sleeping. */
function* run_on(cpu: Processor): Task<void> {
  for (;;) {
    yield* await_until(cpu.taken, (taken) => !taken);
    if (!(yield* cmpxchg(cpu.taken, false, true))) return;
  }
}

/** Sleep: another may have it. */
function* leave(cpu: Processor): Task<void> {
  yield* smp_store_release(cpu.taken, false);
}

/** The filesystem is slow to give the inode up: another runs meanwhile. May sleep. */
function* slow_iput(k: Kernel, _dentry: Dentry, inode: AliasedInode): Task<void> {
  yield* leave(k.cpu);
  yield* run_on(k.cpu);
  yield* k.iput(inode);
}

/** Sleeps until the killer is done, and lets it run. */
function* shrink_victim(k: Kernel, victim: Dentry): Task<void> {
  yield* leave(k.cpu);
  yield* dcache_functions.shrink_victim(k, victim);
  yield* run_on(k.cpu);
}

/** Walk until nothing is found any more. */
function* shrink_dcache_parent(k: Kernel, parent: Dentry): Task<void> {
  yield* retry(walk_again, k, parent);
}

function* walk_again(k: Kernel, parent: Dentry): Task<typeof AGAIN | 'done'> {
  const found = yield* k.d_walk(parent, k.list<unknown>([]), find_dying);
  if (found.items.length === 0) return 'done';
  yield* cover(DYING);
  return AGAIN;
}

function* find_dying(k: Kernel, dentry: Dentry, data: WalkData): Task<List<unknown>> {
  const dying = count_of(yield* READ_ONCE(dentry.d_lockref)) < 0;
  return k.list<unknown>(['D_WALK_CONTINUE', dying ? k.list([dentry]) : data]);
}

export const b22 = smallRace({
  name: 'b22-busy-wait',
  title: 'a walk keeps the processor from the killer that it waits for',
  history: {
    id: 'B22',
    year: 2026,
    identifiers: ['pull-dcache-busy-wait'],
    expect: 'livelock: shrink_dcache_parent retries for ever',
    witness: { steps: 43, switches: 1 },
    about: [
      kernelBranch('shrink_dcache_parent', 'waits for a dentry that another task kills'),
      kernelBranch('dentry_unlist', 'wakes who waits for the dentry to go'),
    ],
    wrong: [DYING],
  },
  version: 'v7.3',
  buggy: { shrink_dcache_parent },
  fixed: { shrink_victim },
  objects: (machine, k) => {
    const cpu = machine.global(new Processor(), 'cpu');
    Object.defineProperty(k, 'cpu', { value: cpu });
    const sb = plainSuper(machine, { d_iput: slow_iput });
    const root = machine.boot(() => makeRoot(k, sb));
    const child = machine.boot(function* () {
      const dentry = (yield* k.d_alloc(root, 'c'))!;
      yield* k.d_instantiate(dentry, yield* newInode(k, sb, FILE));
      return dentry;
    });
    return { cpu, root, child };
  },
  tasks: {
    *killer(k, { cpu, child }) {
      yield* run_on(cpu);
      yield* k.dput(child);
      yield* leave(cpu);
    },
    *remover(k, { cpu, root }) {
      yield* run_on(cpu);
      yield* k.shrink_dcache_parent(root);
      yield* leave(cpu);
    },
  },
});
