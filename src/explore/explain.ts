/**
 * Why an interleaving fails: how likely the bug still was after each step, from where on nothing
 * could prevent it, and the nearest interleaving that passes.
 *
 * Works on a search of its own, after a bug was found. Invariants: a share counts complete
 * interleavings over the graph of states, and is called certain or impossible only when it is, not
 * when it rounds so; the passing schedule was run to its end; what a budget cut off is left out.
 */

import type { Machine } from '../machine/index.js';
import { Limits } from './limits.js';
import { smallestSchedule } from './minimise.js';
import { nearestPassing, type Near } from './near.js';
import type { Bug, Built, ExploreOptions, Program } from './program.js';
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

/** Why an interleaving fails. */
export interface Explanation {
  /** The bug, with the smallest schedule that is known. */
  readonly bug: Bug;
  /** Before the first step and after each one; null where the budget did not suffice. */
  readonly doom: readonly (Doom | null)[];
  /** Number of the step after which every interleaving fails; null if that is not known. */
  readonly noReturn: number | null;
  /** The nearest passing schedule; null if no single edit makes one, or none was found in time. */
  readonly near: Near | null;
  /** Why something is missing; null if nothing is. */
  readonly stopped: string | null;
}

/** How long an explanation may take. */
export interface ExplainOptions extends Pick<ExploreOptions, 'machine' | 'now'> {
  /** For each of minimising, looking for a passing schedule, and counting. */
  readonly states?: number;
  /** Wall-clock seconds in all; needs `now`. */
  readonly seconds?: number;
}

const STATES_MAX = 150_000;
const SECONDS = 2;
/** Counting recurses once for each step. */
const DEPTH_MAX = 3000;

/** Explain a bug of a program. */
export function explain(program: Program, found: Bug, options: ExplainOptions = {}): Explanation {
  const seconds = options.seconds ?? SECONDS;
  const states = options.states ?? STATES_MAX;
  const now = options.now ?? ((): number => 0);
  const end = now() + seconds;
  /** Of the time that is left. */
  const limitsFor = (part: number): Limits =>
    new Limits({
      budget: { states, steps: states * 4, seconds: Math.max(0, (end - now()) * part) },
      now,
    });
  const build = (): Built => program.build({ ...options.machine });
  const bug = found.minimal ? found : smallest(build(), found, limitsFor(0.4));
  const nearLimits = limitsFor(0.3);
  const near = nearestPassing(build(), bug, nearLimits);
  const counter = new Counter(build(), bug.title, limitsFor(0.95));
  const doom = counter.along(bug);
  const every = near === null ? null : counter.isSafeAfter(near.schedule.slice(0, near.edited));
  const first = doom.findIndex((point) => point?.certain === true);
  const known = first > 0 && doom[first - 1] !== null;
  return {
    bug,
    doom,
    noReturn: known || first === 0 ? first : null,
    near: near === null ? null : { ...near, every },
    stopped: counter.stopped ?? (near === null ? nearLimits.stopped : null),
  };
}

function smallest(built: Built, bug: Bug, limits: Limits): Bug {
  return smallestSchedule(built, ({ title }) => title === bug.title, limits) ?? bug;
}

/** Counts, for every state it meets, the interleavings from there and those that fail. */
class Counter {
  readonly #built: Built;
  readonly #machine: Machine;
  readonly #title: string;
  readonly #limits: Limits;
  readonly #titles = new Map<string, string>();
  readonly #table = new StateTable();
  /** By number of state: all interleavings from there, the failing ones, and what is possible. */
  readonly #all: number[] = [];
  readonly #failing: number[] = [];
  readonly #canFail: boolean[] = [];
  readonly #canPass: boolean[] = [];

  constructor(built: Built, title: string, limits: Limits) {
    this.#built = built;
    this.#machine = built.machine;
    this.#title = title;
    this.#limits = limits;
    built.machine.store.hashing = true;
  }

  get stopped(): string | null {
    return this.#limits.stopped;
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
      const certain = !this.#canPass[state];
      const impossible = !this.#canFail[state];
      const share = certain ? 1 : impossible ? 0 : this.#failing[state] / this.#all[state];
      doom[i] = { share, certain, impossible };
    }
    this.#machine.undo(points[0].mark);
    [store.h0, store.h1, store.h2] = points[0].h;
    return doom;
  }

  /** Does no interleaving that begins like this fail? Null if that is not known. */
  isSafeAfter(prefix: Bug['schedule']): boolean | null {
    if (this.stopped !== null) return null;
    for (const { task, choice } of prefix) {
      this.#machine.step(
        this.#machine.tasks.find(({ key }) => key === task)!,
        choice,
      );
      if (this.#failed()) return false;
    }
    const state = this.#count(prefix.length);
    return state < 0 ? null : !this.#canFail[state];
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
    if (tasks.length === 0) {
      endOfRun(this.#built);
      all = 1;
      canFail = this.#failed();
      canPass = !canFail;
      failing = canFail ? 1 : 0;
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
      machine.undo(mark);
      store.h0 = h0;
      store.h1 = h1;
      store.h2 = h2;
    }
    const state = this.#all.push(all) - 1;
    this.#failing.push(failing);
    this.#canFail.push(canFail);
    this.#canPass.push(canPass);
    this.#table.finish(h0, h1, h2, state);
    return state;
  }

  /** Did the last step report the bug? */
  #failed(): boolean {
    for (const finding of this.#machine.findings) {
      const key = keyOf(finding);
      let title = this.#titles.get(key);
      if (title === undefined) {
        title = titleOf(this.#machine, finding);
        this.#titles.set(key, title);
      }
      if (title === this.#title) return true;
    }
    return false;
  }
}
