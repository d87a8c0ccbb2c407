/**
 * The smallest counterexample: fewest switches between tasks, then fewest steps.
 *
 * Uniform-cost search over states together with the task that ran last. Invariant: the first
 * failing step it takes ends a smallest failing interleaving of that title, and if the search was
 * not cut off, every interleaving with fewer switches was covered and does not fail that way.
 */

import type { Machine } from '../machine/index.js';
import type { Limits } from './limits.js';
import type { Built, Decision, Schedule } from './program.js';
import { endOfRun, keyOf } from './run.js';
import { StateTable } from './state-table.js';
import { openDecisions } from './states.js';
import { titleOf } from './titles.js';

interface Entry {
  readonly parent: Entry | null;
  readonly decision: Decision | null;
  readonly steps: number;
  /** Last task that is not an actor, -1 at the start. */
  readonly last: number;
  /** Its last step fails. */
  readonly failed: boolean;
}

/**
 * @param title the bug looked for
 * @returns the smallest schedule, or null if the search was stopped before it found one
 */
export function smallestSchedule(built: Built, title: string, limits: Limits): Schedule | null {
  const { machine } = built;
  const table = new StateTable();
  const titles = new Map<string, string>();
  const base = machine.mark();
  const h = [machine.store.h0, machine.store.h1, machine.store.h2] as const;
  machine.store.hashing = true;
  // layers[switches][steps] holds the entries of that cost, so costs are taken in order.
  let layer: Entry[][] = [[{ parent: null, decision: null, steps: 0, last: -1, failed: false }]];
  let nextLayer: Entry[][] = [];
  let found: Entry | null = null;
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
  rewind();
  machine.store.hashing = false;
  return found === null ? null : scheduleOf(found);

  function rewind(): void {
    machine.undo(base);
    [machine.store.h0, machine.store.h1, machine.store.h2] = h;
  }

  function expand(entry: Entry): Entry | null {
    if (entry.failed) return entry;
    goTo(entry);
    const key = Math.imul(entry.last + 2, 0x61c88647);
    if (!table.set(machine.store.h0 ^ key, machine.store.h1 + key, machine.store.h2, 0))
      return null;
    limits.states += 1;
    const mark = machine.mark();
    const { h0, h1, h2 } = machine.store;
    const tasks: Machine['tasks'] = [];
    const choices: number[] = [];
    openDecisions(machine, tasks, choices);
    if (tasks.length === 0) {
      endOfRun(built);
      return fails() ? entry : null;
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
        failed: fails(),
      };
      machine.undo(mark);
      Object.assign(machine.store, { h0, h1, h2 });
      // A failing step costs a switch like any other: it is taken up only when its turn comes.
      const into = switched ? nextLayer : layer;
      (into[child.steps] ??= []).push(child);
    }
    return null;
  }

  function fails(): boolean {
    for (const finding of machine.findings) {
      const key = keyOf(finding);
      let named = titles.get(key);
      if (named === undefined) {
        named = titleOf(machine, finding);
        titles.set(key, named);
      }
      if (named === title) return true;
    }
    return false;
  }

  function goTo(entry: Entry): void {
    rewind();
    for (const { task: key, choice } of scheduleOf(entry)) {
      machine.step(
        machine.tasks.find((task) => task.key === key)!,
        choice,
      );
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
