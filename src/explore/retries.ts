/**
 * How often kernel functions try again, and whom they wait for.
 *
 * A retry is a repeated execution, in one call of a function, of a compare-exchange or trylock that
 * failed before, or of a round's end. Invariant: a bound is given only if the graph is complete and
 * no cycle contains the loop; a function is called lock-free only if nobody ever waits inside it,
 * nor in what it calls, and no cycle goes round in it.
 */

import { KIND, type Cell, type Machine, type Node, type TaskRec } from '../machine/index.js';
import { cyclesIn } from './fairness.js';
import { decisionsOf, type Edge, type Release, type StateGraph } from './graph.js';
import type { Schedule } from './program.js';
import { framesOf } from './titles.js';

/** How often one call of a function tries again, at most; Infinity if there is no bound. */
export interface RetryBound {
  readonly fn: string;
  readonly most: number;
}

/** Somebody cannot go on unless somebody else does. */
export interface Wait {
  /** The functions in which the task waits, innermost first. */
  readonly in: readonly string[];
  readonly task: string;
  /** What for: a lock, or a change of a cell. */
  readonly what: string;
  /** Who ends it, and in which function; null if nobody does. */
  readonly by: { readonly task: string; readonly fn: string } | null;
  /** The shortest way to where it waits and the other one stops. */
  readonly schedule: Schedule;
}

/** Is a function non-blocking in every interleaving of the program? */
export interface LockFreedom {
  readonly fn: string;
  readonly verdict: 'yes' | 'no' | 'unknown';
  /** Why not, or why it is not known. */
  readonly because: string | null;
}

/** Functions of kernel code at places, remembered: finding them out costs a replay. */
export class Places {
  readonly #machine: Machine;
  readonly #stacks = new Map<Node, { functions: readonly string[]; site: string }>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** The functions at a place, innermost first. */
  functions(node: Node): readonly string[] {
    return this.#at(node).functions;
  }

  fn(node: Node): string {
    return this.functions(node)[0] ?? 'the task itself';
  }

  /** The place in the source, with everything that called it. */
  site(node: Node): string {
    return this.#at(node).site;
  }

  #at(node: Node): { functions: readonly string[]; site: string } {
    let found = this.#stacks.get(node);
    if (found === undefined) {
      const stack = this.#machine.stackAt(node);
      const site = stack
        .split('\n')
        .filter((line) => !/[\\/](machine|explore)[\\/]/.test(line))
        .join('\n');
      found = { functions: framesOf(stack).map(({ fn }) => fn), site };
      this.#stacks.set(node, found);
    }
    return found;
  }
}

/** The bounds of all functions that ever try again, and 0 for those of `asked` that do not. */
export function retryBounds(
  graph: StateGraph,
  places: Places,
  asked: readonly string[],
): RetryBound[] {
  const most = new Map(asked.map((fn) => [fn, 0]));
  const raise = (fn: string, count: number): void => {
    if (count > (most.get(fn) ?? 0)) most.set(fn, count);
  };
  const known = new Map<Node, number>();
  for (const node of graph.attempts) raise(places.fn(node), retriesAt(node));
  for (const [fn, count] of roundsByTask(graph, places)) raise(fn, count);
  return [...most]
    .map(([fn, count]) => ({ fn, most: count }))
    .sort((a, b) => (a.fn < b.fn ? -1 : 1));

  /** Which retry of its call the operation at a node is; a round that ends is followed by one. */
  function retriesAt(node: Node): number {
    const before = known.get(node);
    if (before !== undefined) return before;
    const own = node.op!.kind === KIND.relax ? 1 : 0;
    let count = own;
    for (let at = node; at.parent !== null; at = at.parent) {
      const earlier = at.parent;
      if (!isFailure(earlier, at.result) || earlier.op!.kind !== node.op!.kind) continue;
      if (earlier.op!.cell !== node.op!.cell) continue;
      if (places.site(earlier) !== places.site(node)) continue;
      count = 1 + retriesAt(earlier);
      break;
    }
    known.set(node, count);
    return count;
  }
}

function isFailure({ op }: Node, result: unknown): boolean {
  switch (op?.kind) {
    case KIND.cmpxchg:
      return result !== op.a;
    case KIND.trylock:
      return result === false;
    case KIND.relax:
      return true;
    default:
      return false;
  }
}

/**
 * The most rounds that one task can go in one run, by function, over all ways through the graph;
 * Infinity where a cycle goes round.
 */
function roundsByTask(graph: StateGraph, places: Places): Map<string, number> {
  const loops = new Map<string, { fn: string; edges: Set<Edge> }>();
  for (const edge of graph.edges()) {
    if (edge.round === null) continue;
    const fn = places.fn(edge.round);
    const key = `${edge.task.key} ${fn}`;
    if (!loops.has(key)) loops.set(key, { fn, edges: new Set() });
    loops.get(key)!.edges.add(edge);
  }
  const most = new Map<string, number>();
  if (loops.size === 0) return most;
  const component = componentsOf(graph);
  for (const { fn, edges } of loops.values()) {
    const isEndless = [...edges].some(({ from, to }) => component.of[from] === component.of[to]);
    const count = isEndless ? Number.POSITIVE_INFINITY : longest(edges);
    most.set(fn, Math.max(count, most.get(fn) ?? 0));
  }
  return most;

  function longest(edges: ReadonlySet<Edge>): number {
    const value = new Float64Array(component.count);
    // Components are numbered from the end of all runs backwards.
    for (const states of component.members) {
      for (const state of states) {
        for (const edge of graph.out[state]) {
          const next = value[component.of[edge.to]] + (edges.has(edge) ? 1 : 0);
          const here = component.of[state];
          if (next > value[here]) value[here] = next;
        }
      }
    }
    return value[component.of[0]];
  }
}

/** Every state's component; successors have lower numbers. */
function componentsOf(graph: StateGraph): {
  of: Int32Array;
  count: number;
  members: readonly (readonly number[])[];
} {
  const of = new Int32Array(graph.states).fill(-1);
  const cyclic = new Map<number, readonly number[]>();
  for (const states of cyclesIn(graph, graph.out.keys(), () => true)) {
    for (const state of states) cyclic.set(state, states);
  }
  const members: (readonly number[])[] = [];
  // Depth first, a component being done when all that follows it is.
  const work: { states: readonly number[]; edges: readonly Edge[]; next: number }[] = [];
  const open = (state: number): void => {
    const states = cyclic.get(state) ?? [state];
    for (const member of states) of[member] = -2;
    work.push({ states, edges: states.flatMap((member) => graph.out[member]), next: 0 });
  };
  for (const root of graph.out.keys()) {
    if (of[root] === -1) open(root);
    while (work.length > 0) {
      const top = work[work.length - 1];
      if (top.next < top.edges.length) {
        const { to } = top.edges[top.next];
        top.next += 1;
        if (of[to] === -1) open(to);
        continue;
      }
      for (const member of top.states) of[member] = members.length;
      members.push(top.states);
      work.pop();
    }
  }
  return { of, count: members.length, members };
}

/** Every way in which somebody waits for somebody, once per function, thing and function. */
export function waitsOf(graph: StateGraph, places: Places): Wait[] {
  const waits = new Map<string, Wait>();
  const add = (waiter: TaskRec, at: Node, state: number, by: Release | null): void => {
    const where = places.functions(at);
    const what = whatFor(at);
    const ender = by === null ? null : { task: by.by.name, fn: places.fn(by.byAt) };
    const key = `${where.join()}|${what}|${ender?.fn ?? ''}`;
    if (waits.has(key)) return;
    const path = graph.path(0, (s) => s === state)!;
    waits.set(key, { in: where, task: waiter.name, what, by: ender, schedule: decisionsOf(path) });
  };
  for (const release of graph.releases.values()) {
    add(release.waiter, release.at, release.state, release);
  }
  for (const [node, { waiter, state }] of graph.stuck) add(waiter, node, state, null);
  return [...waits.values()];
}

/** Objects that were allocated go by their kind: their numbers are the machine's own. */
function nameOf({ struct, name }: Cell): string {
  return `${struct.slab === null ? struct.toString() : struct.kind}.${name}`;
}

function whatFor({ op, round }: Node): string {
  switch (op!.kind) {
    case KIND.lock:
      return `the lock ${nameOf(op!.cell)}`;
    case KIND.await:
      return nameOf(op!.cell);
    case KIND.relax:
      return `a change of ${[...new Set(round!.map(({ cell }) => nameOf(cell)))].join(' or ')}`;
    case KIND.sectionAwait:
      return 'readers to leave';
    case KIND.join:
      return `the end of ${(op!.a as TaskRec).name}`;
    default:
      return 'something';
  }
}

/** Is each of these functions lock-free? */
export function lockFreedom(
  graph: StateGraph,
  places: Places,
  waits: readonly Wait[],
  complete: boolean,
  functions: readonly string[],
): LockFreedom[] {
  const goesRound = new Set<string>();
  for (const states of cyclesIn(graph, graph.out.keys(), () => true)) {
    const members = new Set(states);
    for (const state of states) {
      for (const { to, round } of graph.out[state]) {
        if (round === null || !members.has(to)) continue;
        for (const fn of places.functions(round)) goesRound.add(fn);
      }
    }
  }
  return functions.map((fn) => {
    const wait = waits.find((w) => w.in.includes(fn));
    if (wait !== undefined) return { fn, verdict: 'no', because: sentenceOf(wait) };
    if (goesRound.has(fn)) return { fn, verdict: 'no', because: 'it may go round for ever' };
    if (!complete) return { fn, verdict: 'unknown', because: 'not everything was covered' };
    return { fn, verdict: 'yes', because: null };
  });
}

function sentenceOf({ in: [fn], task, what, by }: Wait): string {
  const ender = by === null ? 'for ever' : `until ${by.task} goes on in ${by.fn}`;
  return `${task} waits in ${fn ?? 'its own code'} for ${what}, ${ender}`;
}
