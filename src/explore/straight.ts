/**
 * The plainest interleaving of a program: every task runs until it ends or has to wait, the first
 * of those that can go on next. RCU's actors come when no task can.
 */

import type { TaskRec } from '../machine/index.js';
import { MisuseError } from '../machine/index.js';
import type { Decision, Program, Schedule } from './program.js';

const STEPS_MAX = 20_000;

/**
 * The schedule without preemptions.
 * @throws MisuseError if it does not end
 */
export function straightSchedule(program: Program): Schedule {
  const { machine } = program.build({});
  const schedule: Decision[] = [];
  let current: TaskRec | undefined;
  for (;;) {
    if (current === undefined || !machine.enabled(current)) {
      const open: TaskRec[] = machine.tasks.filter((task) => machine.enabled(task));
      current = open.find((task) => !task.actor) ?? open[0];
      if (current === undefined) return schedule;
    }
    if (schedule.length === STEPS_MAX) {
      throw new MisuseError(`${program.name} without preemptions takes over ${STEPS_MAX} steps`);
    }
    machine.step(current, 0);
    schedule.push({ task: current.key, choice: 0 });
  }
}
