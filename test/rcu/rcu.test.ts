/** What RCU promises, in every interleaving, and that breaking the rules is seen. */

import { describe, expect, test } from 'vitest';
import { explore, type Program } from '../../src/explore/index.js';
import {
  kmem_cache_alloc,
  kmem_cache_free,
  LIFE,
  READ_ONCE,
  Slab,
  spin_lock,
  spin_unlock,
  Struct,
  WARN,
  WRITE_ONCE,
  xchg,
  type Task,
} from '../../src/machine/index.js';
import { create_kernel, type VfsKernel } from '../../src/vfs/index.js';
import { program } from '../support/programs.js';

class Node extends Struct {
  readonly value = this.cell('value', 0);
  constructor() {
    super('node');
  }
}

class Root extends Struct {
  readonly head = this.cell<Node | null>('head', null);
  readonly lock = this.lockCell('lock', 'root_lock');
}

interface World {
  readonly k: VfsKernel;
  readonly root: Root;
  readonly slab: Slab<Node, []>;
}

function* free_node(_k: never, node: Node): Task<void> {
  yield* kmem_cache_free(node);
}

/** A list head with one node, and the tasks that work on it. */
function withNode(...tasks: ((world: World) => Task<void>)[]): Program {
  return program('rcu', (machine) => {
    const k = create_kernel(machine);
    const root = machine.global(new Root('root'));
    const slab = machine.global(new Slab<Node, []>('node', () => new Node()));
    machine.boot(function* () {
      yield* WRITE_ONCE(root.head, yield* kmem_cache_alloc(slab));
    });
    for (const [i, body] of tasks.entries()) {
      machine.addTask({ name: `t${i}` }, () => body({ k, root, slab }));
    }
  });
}

function titles(p: Program): string[] {
  return explore(p, { keepGoing: true, minimise: false }).bugs.map(({ title }) => title);
}

function* reader({ k, root }: World): Task<void> {
  yield* k.rcu_read_lock();
  const node = yield* k.rcu_dereference(root.head);
  if (node !== null) yield* READ_ONCE(node.value);
  yield* k.rcu_read_unlock();
}

function* careless({ root }: World): Task<void> {
  const node = yield* READ_ONCE(root.head);
  if (node !== null) yield* READ_ONCE(node.value);
}

function* locker({ root }: World): Task<void> {
  yield* spin_lock(root.lock);
  const node = yield* READ_ONCE(root.head);
  if (node !== null) yield* READ_ONCE(node.value);
  yield* spin_unlock(root.lock);
}

function* remover({ k, root }: World): Task<void> {
  const node = yield* xchg(root.head, null);
  if (node !== null) yield* k.call_rcu(node, free_node);
}

describe('call_rcu', () => {
  test('never frees under a reader', () => {
    expect(titles(withNode(reader, remover))).toEqual([]);
    expect(titles(withNode(reader, reader, remover))).toEqual([]);
  });

  test('never frees under a spinlock, which is a reader too', () => {
    expect(titles(withNode(locker, remover))).toEqual([]);
  });

  test('frees under who is no reader', () => {
    expect(titles(withNode(careless, remover))).toEqual([
      'KASAN: slab-use-after-free Read in careless',
    ]);
  });
});

test('synchronize_rcu returns when the readers it found have left', () => {
  function* synchronous({ k, root }: World): Task<void> {
    const node = yield* xchg(root.head, null);
    yield* k.synchronize_rcu();
    if (node !== null) yield* kmem_cache_free(node);
  }
  expect(titles(withNode(reader, synchronous))).toEqual([]);
});

test('synchronize_rcu inside a reader is reported, and waits for itself', () => {
  function* wrong({ k }: World): Task<void> {
    yield* k.rcu_read_lock();
    yield* k.synchronize_rcu();
    yield* k.rcu_read_unlock();
  }
  expect(titles(withNode(wrong))).toEqual([
    'BUG: sleeping function called from invalid context in synchronize_rcu',
    'INFO: task hung in synchronize_rcu',
  ]);
});

test('rcu_barrier returns when every queued callback has run', () => {
  function* unload({ k, root }: World): Task<void> {
    const node = yield* xchg(root.head, null);
    if (node === null) return;
    yield* k.call_rcu(node, free_node);
    yield* k.rcu_barrier();
    if (node.life.value !== LIFE.freed) yield* WARN('callback still pending');
  }
  expect(titles(withNode(reader, unload))).toEqual([]);
});

test('dereferencing outside a reader is suspicious usage', () => {
  function* outside({ k, root }: World): Task<void> {
    yield* k.rcu_dereference(root.head);
  }
  expect(titles(withNode(outside))).toEqual(['WARNING: suspicious RCU usage in rcu_dereference']);
});
