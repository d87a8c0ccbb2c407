/**
 * Sampling schedules: uniformly among the open decisions, or by PCT.
 *
 * PCT (Burckhardt et al., ASPLOS 2010): tasks have random priorities and the highest runs, except
 * that at d-1 random steps the running task drops to the lowest. A bug of depth d is found by one
 * run with a probability of at least 1/(n * k^(d-1)) for n tasks and k steps. Invariant: sampling
 * never proves anything, so the verdict without a bug is INCOMPLETE.
 */

import type { TaskRec } from '../machine/index.js';
import type { Limits } from './limits.js';
import type { Built, Decision } from './program.js';
import { Prng } from './prng.js';
import { endOfRun, type BugBook } from './run.js';

export interface SampleOptions {
  readonly strategy: 'random' | 'pct';
  readonly seed: number;
  readonly keepGoing: boolean;
  /** PCT's d: one more than the number of priority changes in a run. */
  readonly depth: number;
}

type Pick = (open: readonly TaskRec[], step: number) => TaskRec;

/** Run sampled schedules until a limit stops it. */
export function exploreSamples(
  built: Built,
  limits: Limits,
  book: BugBook,
  options: SampleOptions,
): void {
  const { machine } = built;
  const prng = new Prng(options.seed);
  const base = machine.mark();
  // PCT needs a guess of a run's length; the longest so far is the usual one.
  let length = 1;
  while (limits.stopped === null) {
    const schedule: Decision[] = [];
    const pick: Pick =
      options.strategy === 'random'
        ? (open) => open[prng.below(open.length)]
        : pctPick(prng, length, options.depth);
    for (let step = 0; limits.stopped === null; step += 1) {
      const open = machine.tasks.filter((task) => machine.enabled(task));
      if (open.length === 0) {
        endOfRun(built);
        note(schedule);
        limits.executions += 1;
        break;
      }
      const task = pick(open, step);
      const choice = prng.below(machine.choices(task));
      machine.step(task, choice);
      schedule.push({ task: task.key, choice });
      limits.step(schedule.length);
      if (machine.findings.length > 0) note(schedule);
    }
    length = Math.max(length, schedule.length);
    machine.undo(base);
    limits.check();
  }

  function note(schedule: Decision[]): void {
    if (machine.findings.length === 0) return;
    limits.bugs += book.add(machine.findings, () => [...schedule]);
    if (!options.keepGoing && book.grave) limits.stopped ??= 'a bug was found';
  }
}

function pctPick(prng: Prng, length: number, depth: number): Pick {
  const priority = new Map<TaskRec, number>();
  const changes = new Set<number>();
  for (let i = 1; i < depth; i += 1) changes.add(prng.below(length));
  let lowest = -1;
  return (open, step) => {
    for (const task of open) if (!priority.has(task)) priority.set(task, depth + prng.next());
    const highest = (): TaskRec =>
      open.reduce((a, b) => (priority.get(b)! > priority.get(a)! ? b : a));
    if (changes.has(step)) {
      priority.set(highest(), lowest);
      lowest -= 1;
    }
    return highest();
  };
}
