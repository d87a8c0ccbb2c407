/** The rest of RCU's interface: what each call waits for, and what it does not. */

import { describe, expect, test } from 'vitest';
import { explore, type Program } from '../../src/explore/index.js';
import {
  kmem_cache_alloc,
  kmem_cache_free,
  LIFE,
  might_sleep,
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
import {
  DEFINE_SRCU,
  RCU_POLLED_BRANCHES,
  RcuGpOldstate,
  type SrcuStruct,
} from '../../src/rcu/index.js';
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
  readonly calls = this.cell('calls', 0);
  readonly lock = this.lockCell('lock', 'root_lock');
}

interface World {
  readonly k: VfsKernel;
  readonly root: Root;
  readonly srcu: SrcuStruct;
  readonly other: SrcuStruct;
  readonly state: RcuGpOldstate;
}

function* free_node(_k: never, node: Node): Task<void> {
  yield* kmem_cache_free(node);
}

function* do_nothing(): Task<void> {}

function withNode(...tasks: ((world: World) => Task<void>)[]): Program {
  const made = program('rcu', (machine) => {
    const k = create_kernel(machine);
    const srcu = DEFINE_SRCU(machine, 'srcu');
    const other = DEFINE_SRCU(machine, 'other');
    const root = machine.global(new Root('root'));
    const state = machine.global(new RcuGpOldstate());
    const slab = machine.global(new Slab<Node, []>('node', () => new Node()));
    machine.boot(function* () {
      yield* WRITE_ONCE(root.head, yield* kmem_cache_alloc(slab));
    });
    for (const [i, body] of tasks.entries()) {
      machine.addTask({ name: `t${i}` }, () => body({ k, root, srcu, other, state }));
    }
  });
  return { ...made, branches: RCU_POLLED_BRANCHES };
}

function titles(p: Program): string[] {
  return explore(p, { keepGoing: true, minimise: false })
    .bugs.map(({ title }) => title)
    .sort();
}

function* reader({ k, root }: World): Task<void> {
  yield* k.rcu_read_lock();
  const node = yield* k.rcu_dereference(root.head);
  if (node !== null) yield* READ_ONCE(node.value);
  yield* k.rcu_read_unlock();
}

function* sleeping_reader({ k, root, srcu }: World): Task<void> {
  const index = yield* k.srcu_read_lock(srcu);
  const node = yield* READ_ONCE(root.head);
  yield* might_sleep('sleeping_reader');
  if (node !== null) yield* READ_ONCE(node.value);
  yield* k.srcu_read_unlock(srcu, index);
}

const USE_AFTER_FREE = 'KASAN: slab-use-after-free Read in ';

describe('kfree_rcu', () => {
  test('frees after the readers have left', () => {
    expect(
      titles(
        withNode(reader, function* ({ k, root }) {
          yield* k.kfree_rcu((yield* xchg(root.head, null))!);
        }),
      ),
    ).toEqual([]);
  });

  test('is waited for by kvfree_rcu_barrier, and not by rcu_barrier', () => {
    const unload = (barrier: 'kvfree_rcu_barrier' | 'rcu_barrier'): Program =>
      withNode(function* ({ k, root }) {
        const node = (yield* xchg(root.head, null))!;
        yield* k.kfree_rcu(node);
        yield* k[barrier]();
        if (node.life.value !== LIFE.freed) yield* WARN('not freed yet');
      });
    expect(titles(unload('kvfree_rcu_barrier'))).toEqual([]);
    expect(titles(unload('rcu_barrier'))).toHaveLength(1);
  });

  test('that sleeps has freed when it returns', () => {
    expect(
      titles(
        withNode(reader, function* ({ k, root }) {
          const node = (yield* xchg(root.head, null))!;
          yield* k.kfree_rcu_mightsleep(node);
          if (node.life.value !== LIFE.freed) yield* WARN('not freed yet');
        }),
      ),
    ).toEqual([]);
  });
});

describe('callbacks', () => {
  test('one head queued twice is reported', () => {
    const twice = withNode(function* ({ k, root }) {
      const node = (yield* READ_ONCE(root.head))!;
      yield* k.call_rcu(node, do_nothing);
      yield* k.call_rcu(node, do_nothing);
    });
    expect(titles(twice)).toEqual([
      'ODEBUG: activate active (active state 1) object: rcu_head in call_rcu',
    ]);
  });

  test('a callback may post itself again', () => {
    function* again(k: VfsKernel, root: Root): Task<void> {
      const calls = (yield* READ_ONCE(root.calls)) + 1;
      yield* WRITE_ONCE(root.calls, calls);
      if (calls < 3) yield* k.call_rcu(root, again);
    }
    expect(
      titles(
        withNode(reader, function* ({ k, root }) {
          yield* k.call_rcu(root, again);
        }),
      ),
    ).toEqual([]);
  });

  test('rcu_barrier does not wait for what a callback queues', () => {
    function* second(_k: never, root: Root): Task<void> {
      yield* WRITE_ONCE(root.calls, 2);
    }
    function* first(k: VfsKernel, root: Root): Task<void> {
      yield* WRITE_ONCE(root.calls, 1);
      yield* k.call_rcu(root, second);
    }
    const seen = new Set<number>();
    const p = withNode(function* ({ k, root }) {
      yield* k.call_rcu(root, first);
      yield* k.rcu_barrier();
      const calls = yield* READ_ONCE(root.calls);
      seen.add(calls);
      if (calls === 0) yield* WARN('barrier too early');
    });
    expect(titles(p)).toEqual([]);
    expect([...seen].sort()).toEqual([1, 2]);
  });
});

test('synchronize_rcu_expedited waits for the readers it found, and not inside one', () => {
  expect(
    titles(
      withNode(reader, function* ({ k, root }) {
        const node = (yield* xchg(root.head, null))!;
        yield* k.synchronize_rcu_expedited();
        yield* kmem_cache_free(node);
      }),
    ),
  ).toEqual([]);
  expect(
    titles(
      withNode(function* ({ k }) {
        yield* k.rcu_read_lock();
        yield* k.synchronize_rcu_expedited();
        yield* k.rcu_read_unlock();
      }),
    ),
  ).toEqual([
    'BUG: sleeping function called from invalid context in synchronize_rcu_expedited',
    'INFO: task hung in synchronize_rcu_expedited',
  ]);
});

describe('polled grace periods', () => {
  const polls = (start: boolean, wait: boolean): Program =>
    withNode(reader, function* ({ k, root, state }) {
      const node = (yield* xchg(root.head, null))!;
      if (start) yield* k.start_poll_synchronize_rcu_full(state);
      else yield* k.get_state_synchronize_rcu_full(state);
      if (wait) yield* k.cond_synchronize_rcu_full(state);
      else if (!(yield* k.poll_state_synchronize_rcu_full(state))) return;
      yield* kmem_cache_free(node);
    });

  test.each([
    ['started, polled', true, false],
    ['started, waited for', true, true],
    ['not started, polled', false, false],
    ['not started, waited for', false, true],
  ])('%s: done means that the readers have left', (_name, start, wait) => {
    expect(titles(polls(start, wait))).toEqual([]);
  });

  test('a cookie is no reservation', () => {
    expect(explore(polls(false, false)).taken).toEqual([...RCU_POLLED_BRANCHES]);
    expect(explore(polls(true, false)).taken).toEqual([]);
  });

  test('freeing without asking the cookie is a use after free', () => {
    const careless = withNode(reader, function* ({ k, root, state }) {
      const node = (yield* xchg(root.head, null))!;
      yield* k.start_poll_synchronize_rcu_full(state);
      yield* kmem_cache_free(node);
    });
    expect(titles(careless)).toContainEqual(`${USE_AFTER_FREE}reader`);
  });
});

describe('SRCU', () => {
  test('waits for readers that sleep', () => {
    expect(
      titles(
        withNode(sleeping_reader, function* ({ k, root, srcu }) {
          const node = (yield* xchg(root.head, null))!;
          yield* k.synchronize_srcu(srcu);
          yield* kmem_cache_free(node);
        }),
      ),
    ).toEqual([]);
  });

  test.each(['other', 'rcu'] as const)('%s does not wait for them', (domain) => {
    expect(
      titles(
        withNode(sleeping_reader, function* ({ k, root, other }) {
          const node = (yield* xchg(root.head, null))!;
          if (domain === 'other') yield* k.synchronize_srcu(other);
          else yield* k.synchronize_rcu();
          yield* kmem_cache_free(node);
        }),
      ),
    ).toEqual([`${USE_AFTER_FREE}sleeping_reader`]);
  });

  test('runs callbacks after its readers; srcu_barrier waits for them', () => {
    expect(
      titles(
        withNode(sleeping_reader, function* ({ k, root, srcu }) {
          const node = (yield* xchg(root.head, null))!;
          yield* k.call_srcu(srcu, node, free_node);
          yield* k.srcu_barrier(srcu);
          if (node.life.value !== LIFE.freed) yield* WARN('not freed yet');
        }),
      ),
    ).toEqual([]);
  });

  test('waiting inside a reader of the same domain is reported', () => {
    const inside = (domain: 'srcu' | 'other'): Program =>
      withNode(function* (world) {
        const index = yield* world.k.srcu_read_lock(world.srcu);
        yield* world.k.synchronize_srcu(world[domain]);
        yield* world.k.srcu_read_unlock(world.srcu, index);
      });
    expect(titles(inside('srcu'))).toEqual([
      'INFO: task hung in synchronize_srcu',
      'WARNING: suspicious RCU usage in synchronize_srcu',
    ]);
    expect(titles(inside('other'))).toEqual([]);
  });
});

test('a protected dereference needs the lock', () => {
  const under = (locked: boolean): Program =>
    withNode(function* ({ k, root }) {
      if (locked) yield* spin_lock(root.lock);
      yield* k.rcu_dereference_protected(root.head, root.lock);
      if (locked) yield* spin_unlock(root.lock);
      yield* k.rcu_access_pointer(root.head);
    });
  expect(titles(under(true))).toEqual([]);
  expect(titles(under(false))).toEqual(['WARNING: lock not held in rcu_dereference_protected']);
});
