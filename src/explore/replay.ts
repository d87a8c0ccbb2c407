/**
 * Running one schedule: the ground truth that every report rests on.
 *
 * Invariant: a schedule replays on a fresh machine exactly as it was found, or the replay says at
 * which step it no longer fits.
 */

import type { Finding, Machine, MachineOptions, Observer } from '../machine/index.js';
import type { Built, Decision, Program, Schedule } from './program.js';
import { endOfRun } from './run.js';
import { titleOf } from './titles.js';

/** Something that was reported while replaying. */
export interface ReplayFinding {
  /** Number of the step that reported it, from 1; the schedule's length + 1 for end checks. */
  readonly step: number;
  readonly finding: Finding;
  readonly title: string;
}

/** What became of a schedule. */
export interface ReplayResult {
  readonly machine: Machine;
  readonly findings: readonly ReplayFinding[];
  /** Where the schedule stopped fitting, if it did. */
  readonly diverged: { readonly step: number; readonly reason: string } | null;
  /** No task could take a step at the end. */
  readonly ended: boolean;
}

/** What to be told of while replaying. */
export interface ReplayOptions {
  readonly observer?: Observer;
  readonly machine?: MachineOptions;
  /** Called before each step with its number, from 1, and the decision. */
  readonly beforeStep?: (step: number, decision: Decision, machine: Machine) => void;
  readonly afterStep?: (step: number, machine: Machine) => void;
}

/** Run `schedule` on a fresh machine. End checks run if it leads to the end of a run. */
export function replay(
  program: Program,
  schedule: Schedule,
  options: ReplayOptions = {},
): ReplayResult {
  const built: Built = program.build(options.machine ?? {});
  const { machine } = built;
  machine.observer = options.observer ?? null;
  const findings: ReplayFinding[] = [];
  const note = (step: number): void => {
    for (const finding of machine.findings) {
      findings.push({ step, finding, title: titleOf(machine, finding) });
    }
  };
  for (const [i, decision] of schedule.entries()) {
    const task = machine.tasks.find((t) => t.key === decision.task);
    const reason =
      task === undefined
        ? `task ${decision.task} does not exist yet`
        : task.ended.value
          ? `task ${task.name} has ended`
          : !machine.enabled(task)
            ? `task ${task.name} has to wait`
            : decision.choice >= machine.choices(task)
              ? `task ${task.name} has no outcome ${decision.choice}`
              : null;
    if (task === undefined || reason !== null) {
      const diverged = { step: i + 1, reason: reason ?? '' };
      return { machine, findings, diverged, ended: false };
    }
    options.beforeStep?.(i + 1, decision, machine);
    machine.step(task, decision.choice);
    options.afterStep?.(i + 1, machine);
    note(i + 1);
  }
  const ended = !machine.tasks.some((task) => machine.enabled(task));
  if (ended) {
    endOfRun(built);
    note(schedule.length + 1);
  }
  return { machine, findings, diverged: null, ended };
}

/**
 * Does a schedule that goes round really do so: is the state at its end that after its first
 * `cycleFrom` decisions? False too if it does not fit the program.
 */
export function leadsBack(program: Program, schedule: Schedule, cycleFrom: number): boolean {
  const keyOf = ({ store }: Machine): string => `${store.h0} ${store.h1} ${store.h2}`;
  let before = '';
  const { machine, diverged } = replay(program, schedule, {
    beforeStep: (step, _decision, at) => {
      at.store.hashing = true;
      if (step === cycleFrom + 1) before = keyOf(at);
    },
  });
  return diverged === null && before === keyOf(machine);
}
