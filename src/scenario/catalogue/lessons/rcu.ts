/** A reader without a reference, and a writer who frees: what RCU is for. */

import {
  kmem_cache_alloc,
  kmem_cache_free,
  READ_ONCE,
  Slab,
  Struct,
  type Cell,
  type Task,
  xchg,
} from '../../../machine/index.js';
import { lesson, type LessonKernel } from './lesson.js';

class Node extends Struct {
  readonly data = this.cell('data', 42);

  constructor() {
    super('node');
  }
}

/** The one place that points to the node. */
class Slot extends Struct {
  readonly node: Cell<Node | null>;

  constructor(node: Node) {
    super('slot');
    this.node = this.cell<Node | null>('node', node);
  }
}

/** Follow the pointer, if there is one. */
function* look(k: LessonKernel, slot: Slot): Task<void> {
  yield* k.rcu_read_lock();
  const node = yield* READ_ONCE(slot.node);
  if (node !== null) yield* READ_ONCE(node.data);
  yield* k.rcu_read_unlock();
}

const late = function* look(k: LessonKernel, slot: Slot): Task<void> {
  const node = yield* READ_ONCE(slot.node);
  yield* k.rcu_read_lock();
  if (node !== null) yield* READ_ONCE(node.data);
  yield* k.rcu_read_unlock();
};

const none = function* look(_k: LessonKernel, slot: Slot): Task<void> {
  const node = yield* READ_ONCE(slot.node);
  if (node !== null) yield* READ_ONCE(node.data);
};

function* free_node(_k: never, node: Node): Task<void> {
  yield* kmem_cache_free(node);
}

/** Take the pointer away, and free the node when nobody can still have it. */
function* remove(k: LessonKernel, slot: Slot): Task<void> {
  const node = yield* xchg(slot.node, null);
  yield* k.call_rcu(node!, free_node);
}

export const rcu = lesson({
  name: 'rcu',
  title: 'one task follows a pointer while another removes and frees what it points to',
  own: { look, remove },
  variants: [
    ['none', 'the reader is not inside RCU', { look: none }],
    ['late', 'the reader enters RCU after it has loaded the pointer', { look: late }],
    ['inside', 'the reader enters RCU first', {}],
  ],
  objects: (machine) => {
    const slab = machine.global(new Slab('node', () => new Node()));
    const node = machine.boot(function* () {
      return (yield* kmem_cache_alloc(slab))!;
    });
    return machine.global(new Slot(node), 'slot');
  },
  tasks: {
    *reader(k, slot) {
      yield* k.look(slot);
    },
    *remover(k, slot) {
      yield* k.remove(slot);
    },
  },
  checks: 'nobody uses freed memory',
});
