/**
 * Cutting an exploration into units that nobody needs to coordinate.
 *
 * Near the start every decision is tried, with sleep sets; a unit is everything below one such
 * prefix. Invariant: the units together have every Mazurkiewicz trace exactly once, whoever runs
 * them and in whatever order; so their counts add up to the same total on any number of machines.
 */

import type { Machine, MachineOptions, TaskRec } from '../machine/index.js';
import { Footprints, type Footprint } from './footprint.js';
import type { Decision, Program } from './program.js';
import { openDecisions } from './states.js';

/** What the partial-order reduction needs of the machine, whoever takes a part in it. */
export const TRACE_MACHINE: MachineOptions = { commutingSnapshots: true, joinUpdates: true };

/** A step whose continuations are explored elsewhere. */
export interface Sleeper {
  readonly task: number;
  readonly choice: number;
  readonly footprint: Footprint;
}

/**
 * Take one decision of a unit's prefix.
 * @param asleep  before the decision
 * @param before  told of the machine right after the step, while its accesses are at hand
 * @returns what is asleep after it: earlier siblings too, if they do not depend on it
 */
export function descend(
  machine: Machine,
  footprints: Footprints,
  asleep: readonly Sleeper[],
  decision: Decision,
  before: (task: TaskRec, footprint: Footprint, tasksBefore: number) => void = () => undefined,
): Sleeper[] {
  const sleepers = [...asleep];
  const tasks: TaskRec[] = [];
  const choices: number[] = [];
  openDecisions(machine, tasks, choices);
  for (const [i, task] of tasks.entries()) {
    const choice = choices[i];
    if (isAsleep(asleep, task.index, choice)) continue;
    const mark = machine.mark();
    const tasksBefore = machine.tasks.length;
    machine.step(task, choice);
    const footprint = footprints.last(machine);
    if (task.key === decision.task && choice === decision.choice) {
      before(task, footprint, tasksBefore);
      return sleepers.filter(
        (s) => s.task !== task.index && !footprints.conflict(s.footprint, footprint),
      );
    }
    machine.undo(mark);
    sleepers.push({ task: task.index, choice, footprint });
  }
  throw new Error(`decision ${decision.task}.${decision.choice} is not open: another program`);
}

function isAsleep(asleep: readonly Sleeper[], task: number, choice: number): boolean {
  return asleep.some((s) => s.task === task && s.choice === choice);
}

const DEPTH_MAX = 60;

/** The prefixes of at least `target` units, if the program has that many; in a fixed order. */
export function splitUnits(program: Program, target: number): Decision[][] {
  const { machine } = program.build(TRACE_MACHINE);
  const footprints = new Footprints();
  const base = machine.mark();
  let units: Decision[][] = [[]];
  for (let depth = 0; depth < DEPTH_MAX && units.length < target; depth += 1) {
    const longer: Decision[][] = [];
    for (const unit of units) longer.push(...(unit.length < depth ? [unit] : children(unit)));
    units = longer;
  }
  return units;

  /** The decisions that are awake after a prefix; the prefix itself if nothing is open. */
  function children(prefix: Decision[]): Decision[][] {
    let asleep: Sleeper[] = [];
    for (const decision of prefix) asleep = descend(machine, footprints, asleep, decision);
    const tasks: TaskRec[] = [];
    const choices: number[] = [];
    openDecisions(machine, tasks, choices);
    const open: Decision[] = [];
    for (const [i, task] of tasks.entries()) {
      if (!isAsleep(asleep, task.index, choices[i])) {
        open.push({ task: task.key, choice: choices[i] });
      }
    }
    machine.undo(base);
    if (tasks.length === 0) return [prefix];
    return open.map((decision) => [...prefix, decision]);
  }
}
