/**
 * Retry rounds: what a task read since its last cpu_relax(), and whether another round could read
 * anything else.
 *
 * Invariant: a task waits in cpu_relax() exactly as long as its next round would repeat this one.
 * That turns spinning into waiting, so that a loop which waits for another task has finitely many
 * interleavings and a loop that nobody can end is a deadlock, which is reported.
 */

import { LIFE, type Cell } from './memory.js';
import type { Node, RoundRead } from './node.js';
import { KIND, type AnyOp, type AtomicStep } from './op.js';

interface Seen {
  first: unknown;
  /** What the cell must still hold if nobody else wrote it. */
  expected: unknown;
  changed: boolean;
  /** Only failed trylocks have looked: `first` and `expected` are the lock's bit alone. */
  lockOnly: boolean;
}

const LOCKED = 1;

/** What the round that ends at `node` has read. */
export function roundOf(node: Node): readonly RoundRead[] {
  const edges: [AnyOp, unknown][] = [];
  if (!collect(node, edges)) return [];
  const seen = new Map<Cell, Seen>();
  const own = new Set<unknown>();
  for (const [op, result] of edges.reverse()) {
    if (op.kind === KIND.alloc) own.add(result);
    note(seen, op, result);
  }
  // The next round makes objects of its own; what became of this round's does not concern it.
  return [...seen]
    .filter(([cell]) => !own.has(cell.struct))
    .map(([cell, { first, expected, changed, lockOnly }]) => ({
      cell,
      last: expected,
      lockOnly,
      changed: changed || expected !== first,
    }));
}

/**
 * The operations of a function up to `node`, newest first, back to where its round began: after its
 * last cpu_relax(), or at its start. A function that it called belongs to the round as a whole, with
 * the rounds of its own.
 * @returns false if they are unknown: what a function did that was called before its caller had
 *   ever relaxed is forgotten. Such a round counts as having read nothing, and never waits.
 */
function collect(node: Node, edges: [AnyOp, unknown][], whole = false): boolean {
  for (let at = node; at.parent !== null; at = at.parent) {
    const op = at.parent.op!;
    if (op.kind === KIND.relax) {
      if (!whole) return true;
    } else if (op.kind !== KIND.call) {
      edges.push([op, at.result]);
    } else if (!at.parent.tracked || !collect(at.via!, edges, true)) {
      return false;
    }
    if (at.parent.roundStart && !whole) return true;
  }
  return true;
}

/** Does this operation end a round of retry(), and not only of a loop with cpu_relax()? */
export function isEndOfRound(op: AnyOp): boolean {
  return op.kind === KIND.relax && op.a !== null;
}

/** The cells that the round that ends at `node` has stored to, but for objects of its own. */
export function storesOf(node: Node): readonly Cell[] {
  const edges: [AnyOp, unknown][] = [];
  collect(node, edges);
  const own = new Set<unknown>();
  const stores = new Set<Cell>();
  for (const [op, result] of edges.reverse()) {
    if (op.kind === KIND.alloc) own.add(result);
    else if (op.kind === KIND.atomic) {
      const { writes, bumps } = op.a as AtomicStep<unknown>;
      for (const cell of [...writes, ...(bumps ?? [])]) stores.add(cell);
    } else if (isStore(op, result)) stores.add(op.cell);
  }
  return [...stores].filter(({ struct }) => !own.has(struct));
}

function isStore(op: AnyOp, result: unknown): boolean {
  switch (op.kind) {
    case KIND.cmpxchg:
      return result === op.a;
    case KIND.trylock:
      return result === true;
    case KIND.write:
    case KIND.xchg:
    case KIND.add:
    case KIND.or:
    case KIND.and:
    case KIND.lock:
    case KIND.unlock:
    case KIND.listAdd:
    case KIND.listDel:
    case KIND.refInc:
    case KIND.refDec:
      return true;
    default:
      return false;
  }
}

function note(seen: Map<Cell, Seen>, op: AnyOp, result: unknown): void {
  switch (op.kind) {
    case KIND.read:
    case KIND.await:
      saw(seen, op.cell, result, result);
      break;
    case KIND.write: {
      const entry = seen.get(op.cell);
      if (entry !== undefined) entry.expected = op.a;
      break;
    }
    case KIND.xchg:
      saw(seen, op.cell, result, op.a);
      break;
    case KIND.cmpxchg:
      saw(seen, op.cell, result, result === op.a ? op.b : result);
      break;
    case KIND.add:
      saw(seen, op.cell, result, (result as number) + (op.a as number));
      break;
    case KIND.or:
      saw(seen, op.cell, result, (result as number) | (op.a as number));
      break;
    case KIND.and:
      saw(seen, op.cell, result, (result as number) & (op.a as number));
      break;
    case KIND.lock:
    case KIND.trylock:
    case KIND.unlock: {
      if (op.kind === KIND.trylock && result !== true) {
        sawLocked(seen, op.cell);
        break;
      }
      const entry = seen.get(op.cell);
      if (entry === undefined) break;
      const word = entry.expected as number;
      const isLocked = (word & LOCKED) === LOCKED;
      // Taking what was seen taken: somebody has let go of it in between.
      if (op.kind !== KIND.unlock && isLocked) entry.changed = true;
      entry.expected = op.kind === KIND.unlock ? word & ~LOCKED : word | LOCKED;
      break;
    }
    default:
      break;
  }
}

function saw(seen: Map<Cell, Seen>, cell: Cell, value: unknown, after: unknown): void {
  const entry = seen.get(cell);
  if (entry === undefined) {
    seen.set(cell, { first: value, expected: after, changed: false, lockOnly: false });
  } else if (entry.lockOnly) {
    // Now the whole word is known; of what was known before, the lock's bit can be compared.
    const isLocked = ((value as number) & LOCKED) === LOCKED;
    const changed = entry.changed || isLocked !== (entry.expected === LOCKED);
    seen.set(cell, { first: value, expected: after, changed, lockOnly: false });
  } else {
    if (value !== entry.expected) entry.changed = true;
    entry.expected = after;
  }
}

/** A trylock has failed: the round depends on the lock's being taken. */
function sawLocked(seen: Map<Cell, Seen>, cell: Cell): void {
  const entry = seen.get(cell);
  if (entry === undefined) {
    seen.set(cell, { first: LOCKED, expected: LOCKED, changed: false, lockOnly: true });
    return;
  }
  const word = entry.expected as number;
  if ((word & LOCKED) !== LOCKED) entry.changed = true;
  entry.expected = word | LOCKED;
}

/** Would a round that finds `value` in a cell differ from the one that read it? */
export function differs({ last, lockOnly }: RoundRead, value: unknown): boolean {
  return lockOnly ? ((value as number) & LOCKED) !== last : value !== last;
}

/** Could a round that starts now differ from the one that ended at `node`? */
export function roundMayDiffer(node: Node, task: object): boolean {
  const round = node.round!;
  // What a round of retry() stores others can see, even if it puts it back: it is run again.
  for (const { struct } of node.wrote ?? []) {
    if (struct.owner.value !== task && struct.life.value === LIFE.live) return true;
  }
  let relevant = false;
  for (const read of round) {
    const { cell, changed } = read;
    const { owner, life } = cell.struct;
    if (owner.value === task || life.value !== LIFE.live) continue;
    relevant = true;
    if (changed || differs(read, cell.value)) return true;
  }
  // A round that read nothing shared is a plain yield.
  return !relevant;
}
