/** Objects that come from a slab, so that a use after free of theirs is seen, made by set-up code. */

import {
  kmem_cache_alloc,
  Slab,
  WRITE_ONCE,
  type Cell,
  type Machine,
  type Struct,
} from '../../../machine/index.js';

/**
 * An object of a slab of its own.
 * @param slot where to store the pointer to it, if anywhere
 */
export function allocate<S extends Struct>(
  machine: Machine,
  create: () => S,
  slot?: Cell<S | null>,
): S {
  const slab = machine.global(new Slab(create().kind, create));
  return machine.boot(function* () {
    const object = (yield* kmem_cache_alloc(slab))!;
    if (slot !== undefined) yield* WRITE_ONCE(slot, object);
    return object;
  });
}
