/**
 * From schedules of a machine that joins updates to schedules that everybody else can run.
 *
 * Invariant: a schedule that is shown, replayed or kept has one access per step. The exhaustive
 * engines take the load and the exchange of a cmpxchg_loop() as one step; here it is two again.
 */

import { isLoadForUpdate, KIND, type MachineOptions, type TaskRec } from '../machine/index.js';
import type { Bug, Decision, Program } from './program.js';
import { switchesIn } from './run.js';

/** Bugs with schedules of single accesses. */
export function splitBugs(
  program: Program,
  bugs: readonly Bug[],
  options: MachineOptions,
): readonly Bug[] {
  return bugs.map((bug) => splitBug(program, bug, options));
}

function splitBug(program: Program, bug: Bug, options: MachineOptions): Bug {
  const { machine } = program.build({ ...options, joinUpdates: false });
  const schedule: Decision[] = [];
  for (const decision of bug.schedule) {
    const task = machine.tasks.find(({ key }) => key === decision.task);
    if (task === undefined) throw new Error(`a step of ${decision.task} cannot be split`);
    machine.step(task, decision.choice);
    schedule.push(decision);
    while (isWithinUpdate(task)) {
      machine.step(task);
      schedule.push({ task: task.key, choice: 0 });
    }
  }
  return { ...bug, schedule, steps: schedule.length, switches: switchesIn(machine, schedule) };
}

/** Does a task stand between a load and the exchange that belong to one step? */
function isWithinUpdate(task: TaskRec): boolean {
  const node = task.node.value;
  const before = node?.parent?.op ?? null;
  return node?.op?.kind === KIND.cmpxchg && before?.kind === KIND.read && isLoadForUpdate(before);
}
