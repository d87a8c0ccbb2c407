/**
 * Liveness: can everybody always go on? Decided on the whole graph of states.
 *
 * Invariant: "no livelock" and "lock-free" are said only of a complete graph, so a program that has
 * endless runs with ever new states gets neither; a livelock that is reported replays, and its cycle
 * leads back to the same state.
 */

import { fairCycle, fairCycles, inside } from './fairness.js';
import { buildGraph, decisionsOf, type Edge, type StateGraph } from './graph.js';
import { Limits } from './limits.js';
import type { Bug, ExploreOptions, Program } from './program.js';
import {
  lockFreedom,
  Places,
  retryBounds,
  waitsOf,
  type LockFreedom,
  type RetryBound,
  type Wait,
} from './retries.js';
import { switchesIn } from './run.js';
import { missedStateChance } from './state-table.js';

export type { LockFreedom, RetryBound, Wait };

/** A livelock. Its schedule leads into the cycle and once round it. */
export interface Livelock extends Bug {
  /** Number of decisions before the cycle begins. */
  readonly cycleFrom: number;
}

/** Which functions to speak of, and when to stop. */
export interface LivenessOptions extends Pick<ExploreOptions, 'budget' | 'now' | 'onProgress'> {
  /** Functions to speak about even if they never retry or wait. */
  readonly functions?: readonly string[];
}

/** What the graph of states says about going on. */
export interface LivenessResult {
  /** The graph has every reachable state. */
  readonly complete: boolean;
  /** Why it does not. */
  readonly reason: string | null;
  readonly states: number;
  /** As in an ExploreResult. */
  readonly missedStateChance: number;
  readonly edges: number;
  readonly livelocks: readonly Livelock[];
  readonly retries: readonly RetryBound[];
  readonly waits: readonly Wait[];
  readonly lockFree: readonly LockFreedom[];
}

/** Edges are kept, so the graph must fit in memory. */
const STATES_MAX = 1_000_000;

/** Look for livelocks, bound retries, and find out who waits for whom. Deterministic. */
export function checkLiveness(program: Program, options: LivenessOptions = {}): LivenessResult {
  const built = program.build({});
  const { machine } = built;
  const limits = new Limits({
    ...options,
    budget: { states: STATES_MAX, ...options.budget },
  });
  const graph = buildGraph(built, limits);
  const complete = limits.stopped === null;
  const places = new Places(machine);
  const livelocks = new Map<string, Livelock>();
  for (const component of fairCycles(graph)) {
    const livelock = livelockIn(component);
    const known = livelocks.get(livelock.title);
    if (known === undefined || livelock.steps < known.steps)
      livelocks.set(livelock.title, livelock);
  }
  const waits = waitsOf(graph, places);
  const asked = options.functions ?? [];
  const retries = retryBounds(graph, places, asked);
  const functions = [...new Set([...asked, ...retries.map(({ fn }) => fn)])].sort();
  return {
    complete,
    reason: limits.stopped,
    states: graph.states,
    missedStateChance: missedStateChance(graph.states),
    edges: graph.out.reduce((sum, edges) => sum + edges.length, 0),
    livelocks: [...livelocks.values()].sort((a, b) => (a.title < b.title ? -1 : 1)),
    retries,
    waits,
    lockFree: lockFreedom(graph, places, waits, complete, functions),
  };

  function livelockIn(component: readonly number[]): Livelock {
    const states = new Set(component);
    const stem = graph.path(0, (state) => states.has(state))!;
    const start = stem.at(-1)?.to ?? 0;
    const cycle = fairCycle(graph, component, start);
    const rounds = inside(graph, states).flatMap(({ round }) => (round === null ? [] : [round]));
    const names = [...new Set(rounds.map((node) => places.fn(node)))].sort();
    const schedule = decisionsOf([...stem, ...cycle]);
    return {
      title: `livelock: ${names.join(' and ')} ${names.length === 1 ? 'retries' : 'retry'} for ever`,
      kind: 'livelock',
      detail: starving(graph, states, cycle),
      schedule,
      steps: schedule.length,
      switches: switchesIn(machine, schedule),
      minimal: false,
      cycleFrom: stem.length,
    };
  }
}

/** Who goes round, and who never gets a turn. */
function starving(graph: StateGraph, states: ReadonlySet<number>, cycle: readonly Edge[]): string {
  const running = [...new Set(cycle.map(({ task }) => task.name))].sort();
  const open = [...states].flatMap((state) => graph.out[state].map(({ task }) => task.name));
  const starved = [...new Set(open)].filter((name) => !running.includes(name)).sort();
  const never = starved.length === 0 ? '' : `; ${starved.join(', ')} could go on but has to wait`;
  return `${running.join(', ')} go${running.length === 1 ? 'es' : ''} round${never}`;
}
