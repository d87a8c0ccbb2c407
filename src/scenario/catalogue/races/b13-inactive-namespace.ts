/**
 * listns hands out an inactive namespace.
 *
 * A namespace has two counts: one keeps its memory, the other says whether anybody still uses it.
 * When the last user is gone it is inactive for good, but a reference may keep it in memory. Finding
 * it by its number took a plain reference, which succeeds then, and opening it through nsfs made it
 * active again: an object that nobody uses comes back. The repair takes the reference only as long
 * as the namespace is active.
 */

import {
  atomic_fetch_add,
  branch,
  cmpxchg,
  cover,
  READ_ONCE,
  Struct,
  WRITE_ONCE,
  type Bound,
  type Task,
} from '../../../machine/index.js';
import { smallRace } from './small-race.js';

const ACTIVE = branch('ns_tree_lookup', 'finds a namespace that is in use');
const INACTIVE = branch('ns_tree_lookup', 'refuses a namespace that nobody uses');
const PLAIN = branch('ns_tree_lookup', 'takes a reference, in use or not');

class Namespace extends Struct {
  readonly count = this.cell('__ns_ref', 2);
  readonly active = this.cell('__ns_ref_active', 1);
  /** Has the last user gone? */
  readonly ended = this.cell('ended', false);

  constructor() {
    super('ns');
    this.active.watched = true;
    this.ended.watched = true;
  }
}

/** Use a namespace unless nobody does. */
function* ns_get_active(_k: unknown, ns: Namespace): Task<boolean> {
  let active = yield* READ_ONCE(ns.active);
  while (active > 0) {
    const found = yield* cmpxchg(ns.active, active, active + 1);
    if (found === active) return true;
    active = found;
  }
  return false;
}

function* ns_put_active(_k: unknown, ns: Namespace): Task<void> {
  if ((yield* atomic_fetch_add(ns.active, -1)) === 1) yield* WRITE_ONCE(ns.ended, true);
}

/** A namespace by its number, in use by the caller from now on. Source: kernel/nstree.c. */
function* ns_tree_lookup(k: Kernel, ns: Namespace): Task<boolean> {
  if (!(yield* k.ns_get_active(ns))) {
    yield* cover(INACTIVE);
    return false;
  }
  yield* cover(ACTIVE);
  yield* atomic_fetch_add(ns.count, 1);
  return true;
}

const plain_reference = function* ns_tree_lookup(_k: unknown, ns: Namespace): Task<boolean> {
  yield* cover(PLAIN);
  yield* atomic_fetch_add(ns.count, 1);
  yield* atomic_fetch_add(ns.active, 1);
  return true;
};

/** The user is gone. */
function* exit_task_namespaces(k: Kernel, ns: Namespace): Task<void> {
  yield* k.ns_put_active(ns);
  yield* atomic_fetch_add(ns.count, -1);
}

const own = { ns_get_active, ns_put_active, ns_tree_lookup, exit_task_namespaces };
type Kernel = Bound<Pick<typeof own, 'ns_get_active' | 'ns_put_active'>>;

const TERMINAL = 'a namespace that nobody uses stays so';

export const b13 = smallRace({
  name: 'b13-inactive-namespace',
  title: 'a namespace is found by its number when its last user has gone',
  history: {
    id: 'B13',
    year: 2026,
    identifiers: ['56ea4e86832d'],
    expect: 'invariant: a namespace that nobody uses stays so',
    witness: { steps: 4, switches: 1 },
    about: [ACTIVE, INACTIVE],
    wrong: [PLAIN],
  },
  own,
  buggy: { ns_tree_lookup: plain_reference },
  objects: (machine) => machine.global(new Namespace(), 'ns'),
  tasks: {
    *exit(k, ns) {
      yield* k.exit_task_namespaces(ns);
    },
    *listns(k, ns) {
      if (!(yield* k.ns_tree_lookup(ns))) return;
      yield* k.ns_put_active(ns);
      yield* atomic_fetch_add(ns.count, -1);
    },
  },
  invariants: (ns) => [
    {
      name: TERMINAL,
      check: () => (ns.ended.value && ns.active.value > 0 ? `${ns.toString()} is back` : null),
    },
  ],
  checks: [TERMINAL],
});
