/**
 * The nearest schedule that passes: two neighbouring runs of steps, of different tasks, changed
 * about.
 *
 * Nearness is the number of pairs of steps whose order changes, so the nearest edit shows which
 * pair decides. Invariant: the schedule that is returned was run to the end of the program and
 * reported nothing; up to the edit it is the failing one.
 */

import type { Machine, TaskRec } from '../machine/index.js';
import type { Limits } from './limits.js';
import type { Bug, Built, Decision, Schedule } from './program.js';
import { endOfRun, switchesIn } from './run.js';
import { titleOf } from './titles.js';

/** A passing schedule close to a failing one, and the pair of steps whose order decides. */
export interface Near {
  readonly schedule: Schedule;
  readonly steps: number;
  readonly switches: number;
  /**
   * Two steps of the failing schedule, by number from 1, in the order in which it has them. With
   * the second before the first, it passes.
   */
  readonly pair: readonly [number, number];
  /** How many pairs of steps change their order. */
  readonly distance: number;
  /** Length of the part of `schedule` up to the end of the edit. */
  readonly edited: number;
  /** After the edit, does every interleaving pass? Null if that is not known. */
  readonly every: boolean | null;
}

/** One edit: the steps from `from` up to `middle`, and from there up to `to`, change places. */
export interface Edit {
  readonly from: number;
  readonly middle: number;
  readonly to: number;
}

const EDITS_MAX = 4000;
const STEPS_MAX = 5000;

/** Every edit of a schedule, the nearest first; of equally near ones, the latest. */
export function editsOf(schedule: Schedule): Edit[] {
  const starts = [0];
  for (let i = 1; i < schedule.length; i += 1) {
    if (schedule[i].task !== schedule[i - 1].task) starts.push(i);
  }
  starts.push(schedule.length);
  const edits: Edit[] = [];
  for (let b = 1; b + 1 < starts.length; b += 1) {
    const [begin, middle, end] = [starts[b - 1], starts[b], starts[b + 1]];
    for (let from = middle - 1; from >= begin; from -= 1) {
      for (let to = middle + 1; to <= end; to += 1) edits.push({ from, middle, to });
    }
  }
  const distance = ({ from, middle, to }: Edit): number => (middle - from) * (to - middle);
  edits.sort((a, b) => distance(a) - distance(b) || b.middle - a.middle);
  return edits.slice(0, EDITS_MAX);
}

/** The nearest schedule that reports nothing but, perhaps, other data races; null if none is. */
export function nearestPassing(built: Built, bug: Bug, limits: Limits): Near | null {
  const run = new LenientRun(built);
  const { schedule } = bug;
  const isBad = (findings: Machine['findings']): boolean =>
    findings.some((finding) =>
      bug.kind === 'KCSAN'
        ? finding.kind === 'KCSAN' && titleOf(built.machine, finding) === bug.title
        : finding.kind !== 'KCSAN',
    );
  for (const { from, middle, to } of editsOf(schedule)) {
    if (limits.stopped !== null) return null;
    const edited = [...schedule.slice(middle, to), ...schedule.slice(from, middle)];
    const taken = run.passes(schedule.slice(0, from), edited, schedule.slice(to), isBad, limits);
    if (taken === null) continue;
    return {
      schedule: taken,
      steps: taken.length,
      switches: switchesIn(built.machine, taken),
      pair: [from + 1, to],
      distance: (middle - from) * (to - middle),
      edited: to,
      every: null,
    };
  }
  return null;
}

/** Runs schedules that are only a guide: what does not fit is left out, what is missing added. */
export class LenientRun {
  readonly #built: Built;
  readonly #start: number;
  #taken: Decision[] = [];

  constructor(built: Built) {
    this.#built = built;
    this.#start = built.machine.mark();
  }

  /**
   * Run to the end of the program: `first` and `strict` as they are, `guide` as far as it fits.
   * @returns the steps taken, or null if something bad was reported or `strict` does not fit
   */
  passes(
    first: Schedule,
    strict: Schedule,
    guide: Schedule,
    isBad: (findings: Machine['findings']) => boolean,
    limits?: Limits,
  ): Decision[] | null {
    const { machine } = this.#built;
    const taken: Decision[] = [];
    this.#taken = taken;
    let last: TaskRec | null = null;
    machine.undo(this.#start);
    const step = (decision: Decision): boolean => {
      const task = machine.tasks.find(({ key }) => key === decision.task);
      const fits =
        task !== undefined && machine.enabled(task) && decision.choice < machine.choices(task);
      if (!fits) return false;
      machine.step(task, decision.choice);
      limits?.step(taken.length);
      last = task;
      taken.push(decision);
      return true;
    };
    for (const decision of [...first, ...strict]) {
      if (!step(decision) || isBad(machine.findings)) return null;
    }
    for (const decision of guide) {
      if (step(decision) && isBad(machine.findings)) return null;
    }
    while (taken.length < STEPS_MAX) {
      const next = goesOn(machine, last);
      if (next === null) {
        endOfRun(this.#built);
        return isBad(machine.findings) ? null : taken;
      }
      step({ task: next.key, choice: 0 });
      if (isBad(machine.findings)) return null;
    }
    return null;
  }

  /**
   * Run to the end of the program along `guide`, as far as that fits.
   * @returns the steps up to where something bad is reported, or null if nothing is
   */
  failing(
    guide: Schedule,
    isBad: (findings: Machine['findings']) => boolean,
    limits: Limits,
  ): Decision[] | null {
    let steps: Decision[] = [];
    const note = (findings: Machine['findings']): boolean => {
      if (!isBad(findings)) return false;
      steps = [...this.#taken];
      return true;
    };
    return this.passes([], [], guide, note, limits) === null && steps.length > 0 ? steps : null;
  }
}

/** Who runs on without a switch if that is possible. */
function goesOn(machine: Machine, last: TaskRec | null): TaskRec | null {
  if (last !== null && machine.enabled(last)) return last;
  return machine.tasks.find((task) => machine.enabled(task)) ?? null;
}
