/**
 * Every interleaving, one after the other, with nothing clever: the oracle.
 *
 * It re-runs the program from the start for each schedule and prunes nothing, so that it can be
 * believed. Everything faster is tested against it.
 */

import { endOfRun, switchesIn } from './run.js';
import type { Decision, Program, Schedule } from './program.js';
import { titleOf } from './titles.js';
import type { Finding, Machine, MachineOptions } from '../machine/index.js';

interface Smallest {
  readonly switches: number;
  readonly steps: number;
  readonly schedule: Schedule;
  readonly finding: Finding;
}

export interface BruteResult {
  readonly complete: boolean;
  readonly executions: number;
  /** Titles of all bugs, sorted. */
  readonly titles: readonly string[];
  /** Final states, as `finalState` describes them, sorted. */
  readonly finals: readonly string[];
  /** For every title: least switches, then least steps of an interleaving that shows it. */
  readonly smallest: ReadonlyMap<string, Smallest>;
}

export interface BruteOptions {
  readonly machine?: MachineOptions;
  readonly executionsMax?: number;
  /** Text of a final state, for comparing sets of final states. */
  readonly finalState?: (machine: Machine) => string;
}

/** Run every interleaving of `program`. */
export function brute(program: Program, options: BruteOptions = {}): BruteResult {
  const executionsMax = options.executionsMax ?? 1_000_000;
  const titles = new Set<string>();
  const finals = new Set<string>();
  const smallest = new Map<string, Smallest>();
  let executions = 0;
  // The options that were open at each step of the current path, and which one it takes.
  const path: { options: Decision[]; at: number }[] = [];
  for (;;) {
    const built = program.build(options.machine ?? {});
    const { machine } = built;
    const schedule: Decision[] = [];
    const note = (): void => {
      for (const finding of machine.findings) {
        const title = titleOf(machine, finding);
        titles.add(title);
        const found = {
          switches: switchesIn(machine, schedule),
          steps: schedule.length,
          schedule: [...schedule],
          finding,
        };
        const best = smallest.get(title);
        if (
          best === undefined ||
          found.switches < best.switches ||
          (found.switches === best.switches && found.steps < best.steps)
        ) {
          smallest.set(title, found);
        }
      }
    };
    for (let depth = 0; ; depth += 1) {
      if (depth === path.length) {
        const open: Decision[] = [];
        for (const task of machine.tasks) {
          if (!machine.enabled(task)) continue;
          for (let choice = 0; choice < machine.choices(task); choice += 1) {
            open.push({ task: task.key, choice });
          }
        }
        if (open.length === 0) break;
        path.push({ options: open, at: 0 });
      }
      const level = path[depth];
      const decision = level.options[level.at];
      machine.step(
        machine.tasks.find((task) => task.key === decision.task)!,
        decision.choice,
      );
      schedule.push(decision);
      note();
    }
    endOfRun(built);
    note();
    finals.add((options.finalState ?? (() => ''))(machine));
    executions += 1;
    if (executions >= executionsMax) return result(false);
    while (path.length > 0 && path.at(-1)!.at + 1 === path.at(-1)!.options.length) path.pop();
    if (path.length === 0) return result(true);
    path.at(-1)!.at += 1;
  }

  function result(complete: boolean): BruteResult {
    return {
      complete,
      executions,
      titles: [...titles].sort(),
      finals: [...finals].sort(),
      smallest,
    };
  }
}
