/**
 * The smallest counterexample: fewest switches between tasks, then fewest steps.
 *
 * Uniform-cost search over states together with the task that ran last. Invariant: the first
 * failing step it takes ends a smallest failing interleaving of that title, and if the search was
 * not cut off, every interleaving with fewer switches was covered and does not fail that way.
 */

import type { Finding, Machine } from '../machine/index.js';
import type { Limits } from './limits.js';
import type { Bug, Built, Decision } from './program.js';
import { endOfRun, keyOf, switchesIn } from './run.js';
import { StateTable } from './state-table.js';
import { openDecisions } from './states.js';
import { detailOf, titleOf } from './titles.js';

interface Entry {
  readonly parent: Entry | null;
  readonly decision: Decision | null;
  readonly steps: number;
  /** Last task that is not an actor, -1 at the start. */
  readonly last: number;
  /** Its last step fails. */
  failed: boolean;
}

/** A place on the way to where the machine stands. */
interface Point {
  readonly entry: Entry;
  readonly mark: number;
  readonly h0: number;
  readonly h1: number;
  readonly h2: number;
}

/**
 * @param isWanted whether a bug is one that is looked for
 * @returns the bug with the smallest schedule, or null if the search was stopped before it had one
 */
export function smallestSchedule(
  built: Built,
  isWanted: (bug: Pick<Bug, 'title' | 'kind'>) => boolean,
  limits: Limits,
): Bug | null {
  const { machine } = built;
  const table = new StateTable();
  const titles = new Map<string, string>();
  machine.store.hashing = true;
  const root: Entry = { parent: null, decision: null, steps: 0, last: -1, failed: false };
  /** Where the machine stands, with the way there: neighbouring entries share most of it. */
  const way: Point[] = [pointAt(root)];
  // layers[switches][steps] holds the entries of that cost, so costs are taken in order.
  let layer: Entry[][] = [[root]];
  let nextLayer: Entry[][] = [];
  let found: Entry | null = null;
  const failures = new Map<Entry, Finding & { title: string }>();
  while (found === null && limits.stopped === null && layer.length > 0) {
    for (let steps = 0; steps < layer.length && found === null; steps += 1) {
      for (const entry of layer[steps] ?? []) {
        if (limits.stopped !== null) break;
        found = expand(entry);
        if (found !== null) break;
      }
      layer[steps] = [];
    }
    layer = nextLayer;
    nextLayer = [];
  }
  back(0);
  machine.store.hashing = false;
  if (found === null) return null;
  const failed = failures.get(found)!;
  const { title, kind } = failed;
  const detail = detailOf(machine, failed);
  const schedule = scheduleOf(found);
  const { steps } = found;
  const switches = switchesIn(machine, schedule);
  return { title, kind, detail, schedule, steps, switches, minimal: true };

  function pointAt(entry: Entry): Point {
    const { h0, h1, h2 } = machine.store;
    return { entry, mark: machine.mark(), h0, h1, h2 };
  }

  function back(steps: number): void {
    const { mark, h0, h1, h2 } = way[steps];
    machine.undo(mark);
    Object.assign(machine.store, { h0, h1, h2 });
    way.length = steps + 1;
  }

  function expand(entry: Entry): Entry | null {
    if (entry.failed) return entry;
    goTo(entry);
    const key = Math.imul(entry.last + 2, 0x61c88647);
    const { store } = machine;
    if (table.enter(store.h0 ^ key, (store.h1 + key) | 0, store.h2) !== undefined) return null;
    limits.states += 1;
    const mark = machine.mark();
    const { h0, h1, h2 } = machine.store;
    const tasks: Machine['tasks'] = [];
    const choices: number[] = [];
    openDecisions(machine, tasks, choices);
    if (tasks.length === 0) {
      endOfRun(built);
      return failure(entry) ? entry : null;
    }
    for (const [i, task] of tasks.entries()) {
      const decision = { task: task.key, choice: choices[i] };
      machine.step(task, decision.choice);
      limits.step(entry.steps + 1);
      const switched = !task.actor && entry.last !== -1 && entry.last !== task.index;
      const child: Entry = {
        parent: entry,
        decision,
        steps: entry.steps + 1,
        last: task.actor ? entry.last : task.index,
        failed: false,
      };
      child.failed = failure(child);
      machine.undo(mark);
      Object.assign(machine.store, { h0, h1, h2 });
      // A failing step costs a switch like any other: it is taken up only when its turn comes.
      const into = switched ? nextLayer : layer;
      (into[child.steps] ??= []).push(child);
    }
    return null;
  }

  /** Does the machine's last step fail as wanted? Notes how. */
  function failure(entry: Entry): boolean {
    for (const finding of machine.findings) {
      const key = keyOf(finding);
      let title = titles.get(key);
      if (title === undefined) {
        title = titleOf(machine, finding);
        titles.set(key, title);
      }
      if (!isWanted({ title, kind: finding.kind })) continue;
      failures.set(entry, { ...finding, title });
      return true;
    }
    return false;
  }

  function goTo(entry: Entry): void {
    const rest: Entry[] = [];
    let at = entry;
    for (; way[at.steps]?.entry !== at; at = at.parent!) rest.push(at);
    back(at.steps);
    for (const next of rest.reverse()) {
      const { task: key, choice } = next.decision!;
      machine.step(
        machine.tasks.find((task) => task.key === key)!,
        choice,
      );
      way.push(pointAt(next));
    }
  }
}

function scheduleOf(entry: Entry): Decision[] {
  const schedule = new Array<Decision>(entry.steps);
  for (let at: Entry = entry; at.parent !== null; at = at.parent) {
    schedule[at.steps - 1] = at.decision!;
  }
  return schedule;
}
