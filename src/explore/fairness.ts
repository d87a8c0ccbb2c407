/**
 * Cycles of states that a fair scheduler can go round for ever.
 *
 * Fair means: a task that can step all the time does step (weak fairness), and a task that waits
 * for a fair lock gets it if it is free again and again (strong fairness for those alone).
 * Invariant: a component is returned exactly if some fair infinite run stays in it and visits all
 * of it; the test of weak fairness only gets easier with more states, so the largest ones decide.
 */

import type { Edge, StateGraph } from './graph.js';

/** Strongly connected components that contain a cycle, within the states and edges given. */
export function cyclesIn(
  graph: StateGraph,
  states: Iterable<number>,
  isIn: (state: number) => boolean,
): number[][] {
  const index = new Map<number, number>();
  const low = new Map<number, number>();
  const onStack = new Set<number>();
  const stack: number[] = [];
  const found: number[][] = [];
  for (const root of states) if (!index.has(root)) visit(root);
  return found;

  /** Tarjan's algorithm, without recursion. */
  function visit(root: number): void {
    const work: { state: number; next: number }[] = [];
    open(root);
    while (work.length > 0) {
      const top = work[work.length - 1];
      const edges = graph.out[top.state];
      if (top.next < edges.length) {
        const { to } = edges[top.next];
        top.next += 1;
        if (!isIn(to)) continue;
        if (!index.has(to)) open(to);
        else if (onStack.has(to)) lower(top.state, index.get(to)!);
        continue;
      }
      work.pop();
      const parent = work.at(-1);
      if (parent !== undefined) lower(parent.state, low.get(top.state)!);
      if (low.get(top.state) === index.get(top.state)) close(top.state);
    }

    function open(state: number): void {
      index.set(state, index.size);
      low.set(state, index.get(state)!);
      onStack.add(state);
      stack.push(state);
      work.push({ state, next: 0 });
    }
  }

  function lower(state: number, value: number): void {
    if (value < low.get(state)!) low.set(state, value);
  }

  function close(state: number): void {
    const component: number[] = [];
    for (;;) {
      const member = stack.pop()!;
      onStack.delete(member);
      component.push(member);
      if (member === state) break;
    }
    if (component.length > 1 || graph.out[state].some(({ to }) => to === state)) {
      found.push(component);
    }
  }
}

/** The largest sets of states that a fair run can stay in for ever. */
export function fairCycles(graph: StateGraph): number[][] {
  const fair: number[][] = [];
  const open = cyclesIn(graph, graph.out.keys(), () => true);
  for (let component = open.pop(); component !== undefined; component = open.pop()) {
    const states = new Set(component);
    const stepping = new Set(inside(graph, states).map(({ task }) => task));
    // Whoever would be given a fair lock now and then, and does not take it here, leaves.
    const unfair = component.filter((state) =>
      graph.out[state].some(({ takesFairLock, task }) => takesFairLock && !stepping.has(task)),
    );
    if (unfair.length > 0) {
      for (const state of unfair) states.delete(state);
      open.push(...cyclesIn(graph, states, (state) => states.has(state)));
      continue;
    }
    const always = component
      .map((state) => new Set(graph.out[state].map(({ task }) => task)))
      .reduce((a, b) => new Set([...a].filter((task) => b.has(task))));
    if ([...always].every((task) => stepping.has(task))) fair.push(component);
  }
  return fair;
}

/** The edges between states of a set. */
export function inside(graph: StateGraph, states: ReadonlySet<number>): Edge[] {
  return [...states].flatMap((state) => graph.out[state].filter(({ to }) => states.has(to)));
}

/**
 * A fair cycle in a component, as short as simple means make it, from `start` back to it: everybody
 * who steps in the component steps in it, and everybody else has to wait somewhere on it.
 */
export function fairCycle(graph: StateGraph, component: readonly number[], start: number): Edge[] {
  const states = new Set(component);
  const edges = inside(graph, states);
  const stays = ({ to }: Edge): boolean => states.has(to);
  const stepping = new Set(edges.map(({ task }) => task));
  const cycle: Edge[] = [];
  const here = (): number => cycle.at(-1)?.to ?? start;
  const go = (isWanted: (state: number) => boolean): void => {
    cycle.push(...graph.path(here(), isWanted, stays)!);
  };
  for (const task of stepping) {
    if (cycle.some((edge) => edge.task === task)) continue;
    const step = (state: number): Edge | undefined =>
      graph.out[state].find((edge) => edge.task === task && stays(edge));
    go((state) => step(state) !== undefined);
    cycle.push(step(here())!);
  }
  const others = new Set(component.flatMap((s) => graph.out[s].map(({ task }) => task)));
  for (const task of others) {
    if (stepping.has(task)) continue;
    const waits = (state: number): boolean => graph.out[state].every((edge) => edge.task !== task);
    if (!waits(start) && !cycle.some(({ to }) => waits(to))) go(waits);
  }
  go((state) => state === start);
  return cycle;
}
