/**
 * The graph of states as a whole: what liveness is decided on.
 *
 * Invariant: once complete, it has every reachable state and, for each, an edge for every decision
 * that is open there. A task is enabled in a state exactly if an edge of it leaves the state.
 */

import { KIND, type AnyOp, type Machine, type Node, type TaskRec } from '../machine/index.js';
import type { Limits } from './limits.js';
import type { Built, Decision } from './program.js';
import { StateTable } from './state-table.js';
import { openDecisions } from './states.js';

export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly task: TaskRec;
  readonly choice: number;
  /** The step takes a lock that is fair to those who wait for it. */
  readonly takesFairLock: boolean;
  /** Where the task went round in this step, if it did: at the cpu_relax() of its loop. */
  readonly round: Node | null;
  /** Where the task stood. */
  readonly at: Node;
}

/** Somebody waits, and a step of somebody else ends that. */
export interface Release {
  readonly waiter: TaskRec;
  readonly at: Node;
  readonly by: TaskRec;
  readonly byAt: Node;
  readonly state: number;
}

/** A step that was repeated after a failure: a lost compare-exchange or trylock, or a round. */
export interface Attempt {
  readonly node: Node;
  readonly op: AnyOp;
}

interface Level {
  readonly state: number;
  readonly mark: number;
  readonly h: readonly [number, number, number];
  readonly tasks: TaskRec[];
  readonly choices: number[];
  readonly waiting: readonly TaskRec[];
  at: number;
}

export class StateGraph {
  readonly out: Edge[][] = [];
  /** For each pair of places, once: who waits where and who ends it where. */
  readonly releases = new Map<string, Release>();
  /** States in which a task waits that nobody will release, with that task. */
  readonly stuck = new Map<Node, { waiter: TaskRec; state: number }>();
  readonly attempts = new Set<Node>();

  get states(): number {
    return this.out.length;
  }

  /** Every decision from state `from`, and on. */
  *edges(): Iterable<Edge> {
    for (const edges of this.out) yield* edges;
  }

  /** The shortest way from a state to one that is wanted, through edges that may be used. */
  path(
    from: number,
    isWanted: (state: number) => boolean,
    mayUse: (edge: Edge) => boolean = () => true,
  ): Edge[] | null {
    const via = new Map<number, Edge | null>([[from, null]]);
    const queue = [from];
    for (const state of queue) {
      if (isWanted(state)) {
        const edges: Edge[] = [];
        for (let edge = via.get(state)!; edge !== null; edge = via.get(edge.from)!)
          edges.push(edge);
        return edges.reverse();
      }
      for (const edge of this.out[state]) {
        if (via.has(edge.to) || !mayUse(edge)) continue;
        via.set(edge.to, edge);
        queue.push(edge.to);
      }
    }
    return null;
  }
}

export function decisionsOf(edges: readonly Edge[]): Decision[] {
  return edges.map(({ task, choice }) => ({ task: task.key, choice }));
}

/** Build the graph, until it is complete or a limit stops it. */
export function buildGraph({ machine }: Built, limits: Limits): StateGraph {
  const graph = new StateGraph();
  const { store } = machine;
  const table = new StateTable();
  let round: Node | null = null;
  let fair = false;
  store.hashing = true;
  machine.observer = {
    operation(_task, node, op) {
      if (op.kind === KIND.relax) round = node;
      if (op.kind === KIND.lock && op.b === 'fair') fair = true;
      if (op.kind === KIND.relax || op.kind === KIND.cmpxchg || op.kind === KIND.trylock)
        graph.attempts.add(node);
    },
  };
  const stack: Level[] = [];
  push();
  while (stack.length > 0 && limits.stopped === null) {
    const level = stack[stack.length - 1];
    if (level.at === level.tasks.length) {
      stack.pop();
      continue;
    }
    restore(level);
    const task = level.tasks[level.at];
    const choice = level.choices[level.at];
    level.at += 1;
    const at = task.node.value!;
    round = null;
    fair = false;
    machine.step(task, choice);
    limits.step(stack.length);
    const to = push();
    graph.out[level.state].push({
      from: level.state,
      to,
      task,
      choice,
      takesFairLock: fair,
      round,
      at,
    });
    for (const waiter of level.waiting) {
      if (!machine.enabled(waiter)) continue;
      const where = waiter.node.value!;
      const key = `${where.vid} ${at.vid}`;
      if (graph.releases.has(key)) continue;
      graph.releases.set(key, { waiter, at: where, by: task, byAt: at, state: level.state });
    }
  }
  machine.observer = null;
  return graph;

  /** Come to the machine's state. @returns its number */
  function push(): number {
    const h = [store.h0, store.h1, store.h2] as const;
    const known = table.enter(...h);
    if (known !== undefined) return known;
    const state = graph.out.length;
    table.finish(...h, state);
    graph.out.push([]);
    limits.countState();
    const tasks: TaskRec[] = [];
    const choices: number[] = [];
    openDecisions(machine, tasks, choices);
    const waiting = waitingIn(machine);
    if (tasks.length === 0) {
      for (const waiter of waiting) graph.stuck.set(waiter.node.value!, { waiter, state });
    }
    stack.push({ state, mark: machine.mark(), h, tasks, choices, waiting, at: 0 });
    return state;
  }

  function restore({ mark, h }: Level): void {
    machine.undo(mark);
    [store.h0, store.h1, store.h2] = h;
  }
}

/** Tasks that have not ended and cannot go on; actors only help others and do not count. */
function waitingIn(machine: Machine): TaskRec[] {
  return machine.tasks.filter((task) => !task.actor && !task.ended.value && !machine.enabled(task));
}
