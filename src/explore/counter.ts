/**
 * Counting how the interleavings from one point on end, over the graph of states.
 *
 * Invariant: certain and impossible are said only of a graph that was walked to its end; a counter
 * that was stopped says nothing more.
 */

import type { Machine, TaskRec } from '../machine/index.js';
import type { Limits } from './limits.js';
import type { Bug, Built, Decision, Schedule } from './program.js';
import { endOfRun, keyOf } from './run.js';
import { StateTable } from './state-table.js';
import { openDecisions } from './states.js';
import { titleOf } from './titles.js';

/** How the interleavings that go on from one point end. */
export interface Doom {
  /** The part of them that ends in the bug, from 0 to 1. */
  readonly share: number;
  /** Do all of them? */
  readonly certain: boolean;
  /** Does none? */
  readonly impossible: boolean;
}

/** In place of a state's number: the bug was reported before. */
const FAILED = -2;
/** The cost of a switch in steps: more than any run has. */
const SWITCH = 1 << 20;
const NO_WAY = Number.POSITIVE_INFINITY;
/** In place of a task: none has run. */
const NOBODY = 0;
/** Counting recurses once for each step. */
const DEPTH_MAX = 3000;

/** Is a report one that is counted? */
export type IsWanted = (bug: Pick<Bug, 'title' | 'kind'>) => boolean;

/** Counts, for every state it meets, the interleavings from there and those that fail. */
export class Counter {
  readonly #built: Built;
  readonly #machine: Machine;
  readonly #isWanted: IsWanted;
  #limits: Limits;
  #isBroken = false;
  /** By key of the report: is it wanted? */
  readonly #wanted = new Map<string, boolean>();
  readonly #table = new StateTable();
  /** By number of state: all interleavings from there, the failing ones, and what is possible. */
  readonly #all: number[] = [];
  readonly #failing: number[] = [];
  readonly #canFail: boolean[] = [];
  readonly #canPass: boolean[] = [];

  /** Costs of the cheapest ways to a report, `#stride` for each state: see {@link Counter.cheapest}. */
  readonly #costs: number[] | null;
  readonly #stride: number;
  /** Number of the scenario's first task. */
  readonly #first: number;

  /** @param ways also remember the cheapest ways to what is counted */
  constructor(built: Built, isWanted: IsWanted, limits: Limits, ways = false) {
    this.#costs = ways ? [] : null;
    this.#stride = built.machine.tasks.length + 2;
    this.#first = built.machine.tasks[0]?.index ?? 0;
    this.#built = built;
    this.#machine = built.machine;
    this.#isWanted = isWanted;
    this.#limits = limits;
    built.machine.store.hashing = true;
  }

  get stopped(): string | null {
    return this.#limits.stopped;
  }

  /** It was stopped, or went round in a loop: it says nothing more. */
  get isBroken(): boolean {
    return this.#isBroken || this.stopped !== null;
  }

  /** The doom before and after each step of a failing schedule; the last points first. */
  along({ schedule }: Bug): (Doom | null)[] {
    const { store } = this.#machine;
    const points: { mark: number; h: readonly [number, number, number] }[] = [];
    const here = (): void => {
      points.push({ mark: this.#machine.mark(), h: [store.h0, store.h1, store.h2] });
    };
    here();
    let hit = false;
    for (const { task, choice } of schedule) {
      this.#machine.step(
        this.#machine.tasks.find(({ key }) => key === task)!,
        choice,
      );
      hit = this.#failed();
      here();
    }
    const doom: (Doom | null)[] = points.map(() => null);
    for (let i = points.length - 1; i >= 0; i -= 1) {
      if (hit && i === points.length - 1) {
        doom[i] = { share: 1, certain: true, impossible: false };
        continue;
      }
      this.#machine.undo(points[i].mark);
      [store.h0, store.h1, store.h2] = points[i].h;
      const state = this.#count(i);
      if (state < 0) break;
      doom[i] = this.#doomOf(state);
    }
    this.#machine.undo(points[0].mark);
    [store.h0, store.h1, store.h2] = points[0].h;
    return doom;
  }

  /** Does no interleaving that begins like this fail? Null if that is not known. */
  isSafeAfter(prefix: Schedule): boolean | null {
    return this.after(prefix)?.impossible ?? null;
  }

  /**
   * The doom after a schedule that fits; null if that is not known. The machine is left as it was.
   * @param limits of this question; what earlier ones counted is known without
   */
  after(prefix: Schedule, limits: Limits = this.#limits): Doom | null {
    this.#limits = limits;
    if (this.stopped !== null) return null;
    const { store } = this.#machine;
    const mark = this.#machine.mark();
    const h = [store.h0, store.h1, store.h2] as const;
    let failed = false;
    for (const { task, choice } of prefix) {
      this.#machine.step(
        this.#machine.tasks.find(({ key }) => key === task)!,
        choice,
      );
      failed ||= this.#failed();
    }
    const state = failed ? FAILED : this.#count(prefix.length);
    if (state === -1) this.#isBroken = true;
    this.#machine.undo(mark);
    [store.h0, store.h1, store.h2] = h;
    if (state === FAILED) return { share: 1, certain: true, impossible: false };
    return state < 0 ? null : this.#doomOf(state);
  }

  #doomOf(state: number): Doom {
    const certain = !this.#canPass[state];
    const impossible = !this.#canFail[state];
    const share = certain ? 1 : impossible ? 0 : this.#failing[state] / this.#all[state];
    return { share, certain, impossible };
  }

  /** Number of the machine's present state, with everything after it counted; -1 if stopped. */
  #count(depth: number): number {
    const machine = this.#machine;
    const { store } = machine;
    const { h0, h1, h2 } = store;
    const known = this.#table.enter(h0, h1, h2);
    if (known !== undefined) return known;
    this.#limits.states += 1;
    if (depth > DEPTH_MAX) this.#limits.stopped ??= `a run is longer than ${DEPTH_MAX} steps`;
    const mark = machine.mark();
    const tasks: Machine['tasks'] = [];
    const choices: number[] = [];
    openDecisions(machine, tasks, choices);
    let all = 0;
    let failing = 0;
    let canFail = false;
    let canPass = false;
    const costs = this.#costs === null ? null : new Array<number>(this.#stride).fill(NO_WAY);
    if (tasks.length === 0) {
      endOfRun(this.#built);
      all = 1;
      canFail = this.#failed();
      canPass = !canFail;
      failing = canFail ? 1 : 0;
      if (canFail) costs?.fill(0);
    }
    for (const [i, task] of tasks.entries()) {
      machine.step(task, choices[i]);
      this.#limits.step(depth + 1);
      const failed = this.#failed();
      const child = this.#limits.stopped === null ? this.#count(depth + 1) : -1;
      if (child < 0) return -1;
      all += this.#all[child];
      failing += failed ? this.#all[child] : this.#failing[child];
      canFail ||= failed || this.#canFail[child];
      canPass ||= !failed && this.#canPass[child];
      if (costs !== null) this.#takeCheaper(costs, task, failed, child);
      machine.undo(mark);
      store.h0 = h0;
      store.h1 = h1;
      store.h2 = h2;
    }
    const state = this.#all.push(all) - 1;
    this.#failing.push(failing);
    this.#canFail.push(canFail);
    this.#canPass.push(canPass);
    if (costs !== null) this.#costs!.push(...costs);
    this.#table.finish(h0, h1, h2, state);
    return state;
  }

  /** Improve a state's costs, by the task that ran last, with one of its steps. */
  #takeCheaper(costs: number[], task: TaskRec, failed: boolean, child: number): void {
    for (let last = 0; last < this.#stride; last += 1) {
      const cost = this.#costOf(task, last, failed, child);
      if (cost < costs[last]) costs[last] = cost;
    }
  }

  /** A task's place in a state's costs. Tasks that others start share one, the last. */
  #place(task: TaskRec): number {
    return task.parent === null ? task.index + 1 - this.#first : this.#stride - 1;
  }

  /** A switch costs more than any number of steps. RCU's actors run beside the CPUs. */
  #costOf(task: TaskRec, last: number, failed: boolean, child: number): number {
    const next = task.actor ? last : this.#place(task);
    const price = 1 + (next !== last && last !== NOBODY ? SWITCH : 0);
    return failed ? price : price + this.#costs![child * this.#stride + next];
  }

  /**
   * The rest of the failing interleaving with the fewest switches, and of those with the fewest
   * steps, that begins with a schedule that fits. Null if none fails, or if that is not known.
   * Only of a counter that was told to remember ways.
   */
  cheapest(prefix: Schedule, limits: Limits): Decision[] | null {
    if (this.after(prefix, limits)?.impossible !== false) return null;
    const machine = this.#machine;
    const { store } = machine;
    const mark = machine.mark();
    const h = [store.h0, store.h1, store.h2] as const;
    let last = NOBODY;
    let hasFailed = false;
    for (const { task: key, choice } of prefix) {
      const task = machine.tasks.find((each) => each.key === key)!;
      machine.step(task, choice);
      hasFailed ||= this.#failed();
      if (!task.actor) last = this.#place(task);
    }
    const rest: Decision[] = [];
    // What the machine reported last need not be of where it stands: only steps taken here count.
    for (let failed = hasFailed; !failed; failed = this.#failed()) {
      const best = this.#cheapestStep(last, prefix.length + rest.length);
      // The end of the run is what fails.
      if (best === null) break;
      machine.step(best.task, best.choice);
      if (!best.task.actor) last = this.#place(best.task);
      rest.push({ task: best.task.key, choice: best.choice });
    }
    machine.undo(mark);
    [store.h0, store.h1, store.h2] = h;
    return rest;
  }

  #cheapestStep(last: number, depth: number): { task: TaskRec; choice: number } | null {
    const machine = this.#machine;
    const { store } = machine;
    const { h0, h1, h2 } = store;
    const mark = machine.mark();
    const tasks: TaskRec[] = [];
    const choices: number[] = [];
    openDecisions(machine, tasks, choices);
    let best: { task: TaskRec; choice: number } | null = null;
    let least = NO_WAY;
    for (const [i, task] of tasks.entries()) {
      machine.step(task, choices[i]);
      const failed = this.#failed();
      const cost = this.#costOf(task, last, failed, this.#count(depth + 1));
      if (cost < least) {
        least = cost;
        best = { task, choice: choices[i] };
      }
      machine.undo(mark);
      Object.assign(store, { h0, h1, h2 });
    }
    return best;
  }

  /** Did the last step report what is counted? */
  #failed(): boolean {
    for (const finding of this.#machine.findings) {
      const key = keyOf(finding);
      let wanted = this.#wanted.get(key);
      if (wanted === undefined) {
        wanted = this.#isWanted({ title: titleOf(this.#machine, finding), kind: finding.kind });
        this.#wanted.set(key, wanted);
      }
      if (wanted) return true;
    }
    return false;
  }
}
