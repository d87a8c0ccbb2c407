/** Two tasks drop the references of one object, and whoever drops the last one frees it. */

import { expect, test } from 'vitest';
import {
  count_of,
  kmem_cache_alloc,
  kmem_cache_free,
  LIFE,
  lockref_word,
  READ_ONCE,
  scenario,
  Slab,
  spin_unlock,
  Struct,
  type Task,
  type VfsKernel,
} from 'dentrylab';
import { explore } from 'dentrylab/vitest';

class Item extends Struct {
  readonly ref = this.lockCell('ref', 'item_lock', lockref_word(2));

  constructor() {
    super('item');
  }
}

function* put_item(k: VfsKernel, item: Item): Task<void> {
  if (yield* k.lockref_put_or_lock(item.ref)) return;
  yield* k.lockref_mark_dead(item.ref);
  yield* spin_unlock(item.ref);
  yield* kmem_cache_free(item);
}

/** Looks first whether its reference is the last, and only then drops it. */
function* look_then_put(k: VfsKernel, item: Item): Task<void> {
  if (count_of(yield* READ_ONCE(item.ref)) === 1) yield* kmem_cache_free(item);
  else yield* k.lockref_put_return(item.ref);
}

const twoPuts = (put: typeof put_item) =>
  scenario({
    name: 'example/two-puts',
    title: 'two tasks drop the references of one object',
    objects: () => ({ slab: new Slab('item', () => new Item()) }),
    *setup(_k, { slab }) {
      return { item: (yield* kmem_cache_alloc(slab))! };
    },
    tasks: {
      one: (k, { item }) => put(k, item),
      two: (k, { item }) => put(k, item),
    },
    atRest: {
      'the item is freed': ({ item }) => item.life.value === LIFE.freed,
    },
  });

test('the last put frees', () => {
  const exploration = explore(twoPuts(put_item));
  expect(exploration).toHoldInEveryInterleaving();
  expect(exploration).toNeverReach(
    ({ item }) => count_of(item.ref.value) === 1 && item.life.value === LIFE.freed,
  );
});

test('of two that look first, neither may free', () => {
  const exploration = explore(twoPuts(look_then_put));
  expect(exploration).toFailWith('invariant: the item is freed');
  expect(exploration).toFailWithin({ switches: 2, steps: 6 });
  expect(exploration.counterexample).toMatchInlineSnapshot(`
    invariant: the item is freed
    6 steps, 2 switches

          C0 = one, C1 = two
           C0  C1  function           access
       1   ●   │   look_then_put      item#1.ref ➜ 2
           │   │   ~ one is preempted; two runs
       4   │   ●   lockref_put_return cmpxchg item#1.ref 2 → 1
           │   │   ~ two has ended; one runs
       5   ●   │   lockref_put_return item#1.ref ➜ 1
       6   ✗   │   lockref_put_return cmpxchg item#1.ref 1 → 0

    ✗ step 6: invariant: the item is freed
      does not hold

    dlab1/example.two-puts@v7.3/a.bx3.ax2~2a4w~fo25
  `);
});
