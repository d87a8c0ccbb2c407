/** A reader of a list head beside somebody who removes and frees what is there. */

import { expect, test } from 'vitest';
import {
  branch,
  cover,
  kmem_cache_alloc,
  kmem_cache_free,
  READ_ONCE,
  scenario,
  Slab,
  Struct,
  WRITE_ONCE,
  xchg,
  type Task,
  type VfsKernel,
} from 'dentrylab';
import { explore } from 'dentrylab/vitest';

class Node extends Struct {
  readonly value = this.cell('value', 7);

  constructor() {
    super('node');
  }
}

class Head extends Struct {
  readonly first = this.cell<Node | null>('first', null);

  constructor() {
    super('head');
  }
}

const EMPTY = branch('read_first', 'finds nothing');
const FULL = branch('read_first', 'finds a node');

function* free_node(_k: VfsKernel, node: Node): Task<void> {
  yield* kmem_cache_free(node);
}

const readVsRemove = (read_first: (k: VfsKernel, head: Head) => Task<number | null>) =>
  scenario({
    name: 'example/read-vs-remove',
    objects: () => ({ head: new Head(), slab: new Slab('node', () => new Node()) }),
    *setup(_k, { head, slab }) {
      yield* WRITE_ONCE(head.first, yield* kmem_cache_alloc(slab));
      return {};
    },
    tasks: {
      reader: (k, { head }) => read_first(k, head),
      *remover(k, { head }) {
        const node = yield* xchg(head.first, null);
        if (node !== null) yield* k.call_rcu(node, free_node);
      },
    },
    branches: [EMPTY, FULL],
  });

test('a reader inside RCU is waited for', () => {
  function* read_first(k: VfsKernel, head: Head): Task<number | null> {
    yield* k.rcu_read_lock();
    const node = yield* k.rcu_dereference(head.first);
    yield* cover(node === null ? EMPTY : FULL);
    const value = node === null ? null : yield* READ_ONCE(node.value);
    yield* k.rcu_read_unlock();
    return value;
  }
  const exploration = explore(readVsRemove(read_first));
  expect(exploration).toHoldInEveryInterleaving();
  expect(exploration).toCoverEveryBranch();
  expect(exploration).toReach({ returned: { reader: 7 } });
});

test('one that enters RCU too late is not', () => {
  function* read_first(k: VfsKernel, head: Head): Task<number | null> {
    const node = yield* READ_ONCE(head.first);
    yield* k.rcu_read_lock();
    const value = node === null ? null : yield* READ_ONCE(node.value);
    yield* k.rcu_read_unlock();
    return value;
  }
  const exploration = explore(readVsRemove(read_first));
  expect(exploration).toFailWith('KASAN: slab-use-after-free Read in read_first');
  expect(exploration.counterexample).toMatchInlineSnapshot(`
    KASAN: slab-use-after-free Read in read_first
    5 steps, 2 switches

          C0 = reader, C1 = remover
           C0  C1 RCU  function   access
       1   ●   │   │   read_first head.first ➜ node#1
           │   │   │   ~ reader is preempted; remover runs
       2   │   ●   │   remover    head.first node#1 → NULL
       3   │   ●   │   call_rcu   a grace period is asked for
       4   │   │   ●   free_node  node#1 is FREED
           │   │   │   ~ remover has ended; reader runs
       5   ✗   │   │   read_first node#1.value ➜ 7

    ✗ step 5: KASAN: slab-use-after-free Read in read_first
      node#1 was freed at step 4 by rcu; reader still has a pointer to it

    dlab1/example.read-vs-remove@v7.3/a.bx2.Gb0.a~lwza~zn6q
  `);
});
