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
import { KIND, type AnyOp } from './op.js';

interface Seen {
  first: unknown;
  /** What the cell must still hold if nobody else wrote it. */
  expected: unknown;
  changed: boolean;
}

/** What the round that ends at `node` has read. */
export function roundOf(node: Node): readonly RoundRead[] {
  const edges: [AnyOp, unknown][] = [];
  if (collect(node, edges) === 'unknown') return [];
  const seen = new Map<Cell, Seen>();
  const own = new Set<unknown>();
  for (const [op, result] of edges.reverse()) {
    if (op.kind === KIND.alloc) own.add(result);
    note(seen, op, result);
  }
  // The next round makes objects of its own; what became of this round's does not concern it.
  return [...seen]
    .filter(([cell]) => !own.has(cell.struct))
    .map(([cell, { first, expected, changed }]) => ({
      cell,
      last: expected,
      changed: changed || expected !== first,
    }));
}

/**
 * The operations of a function up to `node`, newest first, back to the last cpu_relax() if there
 * was one. They are `unknown` if a function was called before its caller had ever relaxed, since
 * what it did is forgotten. Such a round counts as having read nothing, and never waits.
 */
function collect(node: Node, edges: [AnyOp, unknown][]): 'relaxed' | 'started' | 'unknown' {
  for (let at = node; at.parent !== null; at = at.parent) {
    const op = at.parent.op!;
    if (op.kind === KIND.relax) return 'relaxed';
    if (op.kind !== KIND.call) {
      edges.push([op, at.result]);
      continue;
    }
    const inside = at.parent.tracked ? collect(at.via!, edges) : 'unknown';
    if (inside !== 'started') return inside;
  }
  return 'started';
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
      const entry = seen.get(op.cell);
      if (entry === undefined || (op.kind === KIND.trylock && result !== true)) break;
      const word = entry.expected as number;
      entry.expected = op.kind === KIND.unlock ? word & ~1 : word | 1;
      break;
    }
    default:
      break;
  }
}

function saw(seen: Map<Cell, Seen>, cell: Cell, value: unknown, after: unknown): void {
  const entry = seen.get(cell);
  if (entry === undefined) {
    seen.set(cell, { first: value, expected: after, changed: false });
  } else {
    if (value !== entry.expected) entry.changed = true;
    entry.expected = after;
  }
}

/** Could a round that starts now differ from the one that ended at `node`? */
export function roundMayDiffer(node: Node, task: object): boolean {
  const round = node.round!;
  let relevant = false;
  for (const { cell, last, changed } of round) {
    const { owner, life } = cell.struct;
    if (owner.value === task || life.value !== LIFE.live) continue;
    relevant = true;
    if (changed || cell.value !== last) return true;
  }
  // A round that read nothing shared is a plain yield.
  return !relevant;
}
