/** One task looks a name up twice in the real dcache: the second time it is there. */

import { LIFE, type Task } from '../../../machine/index.js';
import { DCACHE_BRANCHES, type Dentry } from '../../../dcache/index.js';
import type { SuperBlock, VfsKernel } from '../../../vfs/index.js';
import { kernelFor, machineFor, type Scenario } from '../../scenario.js';
import { plainSuper, positiveDentry } from '../races/plain-fs.js';

const ONCE = 'one dentry per name';
const NAME = 'hosts';

/** What open() does with the last name of a path. @returns the dentry, with a reference */
function* lookup(k: VfsKernel, sb: SuperBlock, parent: Dentry, name: string): Task<Dentry> {
  const cached = yield* k.d_lookup(parent, name);
  if (cached !== null) return cached;
  const dentry = (yield* k.d_alloc(parent, name))!;
  yield* k.d_add(dentry, yield* k.new_inode_pseudo(sb));
  return dentry;
}

function isHosts({ d_name, life }: Dentry): boolean {
  return life.value === LIFE.live && d_name.value === NAME;
}

export const dentry: Scenario = {
  name: 'lesson/dentry',
  title: 'one task looks /hosts up, lets it go, and looks it up again',
  variants: [{ name: 'v6.9', summary: 'the dcache as it is', version: 'v6.9', functions: {} }],
  newest: 'v6.9',
  invariants: [ONCE],
  branches: () => DCACHE_BRANCHES,
  build: (options, machineOptions) => {
    const machine = machineFor(options, machineOptions);
    const k = kernelFor(machine, options);
    const sb = plainSuper(machine);
    const root = positiveDentry(machine, k, sb, null);
    machine.addTask({ name: 'reader' }, function* () {
      const first = yield* lookup(k, sb, root, NAME);
      yield* k.dput(first);
      const second = yield* lookup(k, sb, root, NAME);
      yield* k.dput(second);
    });
    const atEnd = (): void => {
      const count = [...(root.d_children.value ?? [])].filter((child) => isHosts(child)).length;
      if (count <= 1) return;
      const detail = `${count} dentries for /hosts`;
      machine.addFinding({ kind: 'invariant', title: `invariant: ${ONCE}`, detail });
    };
    return { machine, atEnd };
  },
};
