/**
 * Exhaustive search over states: every reachable state is visited once, every step out of it taken.
 *
 * A state is the content of all cells and the place of every task, so equal states have equal
 * futures. Invariant: what is not visited yet is reachable over a decision that is still open on
 * the stack of some search (this thread's or another's) or has been given away as a path.
 */

import type { Machine, TaskRec } from '../machine/index.js';
import type { Limits } from './limits.js';
import type { Built, Decision } from './program.js';
import { endOfRun, type BugBook } from './run.js';
import type { Visited } from './state-table.js';
import { mayBegin } from './symmetry.js';

class Level {
  mark = 0;
  h0 = 0;
  h1 = 0;
  h2 = 0;
  /** Interleavings from here, so far. */
  paths = 0;
  /** The decisions: tasks and their choices; those from `at` on are still open. */
  readonly tasks: TaskRec[] = [];
  readonly choices: number[] = [];
  at = 0;
  /** The task on the CPU, -1 if none has run, and the preemptions so far. */
  last = -1;
  preemptions = 0;
}

/** A search that has been stopped on its way: the decisions taken, and those left open at each. */
export interface Frontier {
  readonly path: readonly Decision[];
  /** One list more than there are decisions: what is open before each, and at the end. */
  readonly open: readonly (readonly Decision[])[];
}

/** How searches in several threads share their work. */
export interface Sharing {
  /** Is somebody out of work? Asked often, so it must be cheap. */
  wanted(): boolean;
  /** Give away one decision at the end of a path. @returns whether somebody took it */
  give(path: readonly Decision[]): boolean;
}

export interface StateSearchOptions {
  readonly visited: Visited;
  readonly keepGoing: boolean;
  /** Called in every final state. */
  readonly onEnd?: (machine: Machine) => void;
  readonly sharing?: Sharing;
  /**
   * At most so many preemptions in one execution: switches away from a task that could have gone
   * on. What has been reached with fewer left is then another state. RCU's actors are free.
   */
  readonly preemptions?: number;
  /** Explore symmetric tasks up to renaming, see symmetry.ts. */
  readonly symmetry?: boolean;
  /**
   * Where a callback could free memory and do no more, let it go first and leave out the orders in
   * which others are quicker. They end alike, or another task uses what could have been freed and
   * is caught for it. What else only such orders lead to is not seen, so this is for who stops at
   * the first bug. Stops with STALE_POINTER where it cannot tell: search again without it then.
   */
  readonly freesFirst?: boolean;
}

const SHARE_EVERY_STEPS = 64;

/** The search over states, of one thread. */
export class StateSearch {
  readonly #built: Built;
  readonly #machine: Machine;
  readonly #limits: Limits;
  readonly #book: BugBook;
  readonly #options: StateSearchOptions;
  readonly #levels: Level[] = [];
  #visited: Visited;
  #depth = -1;
  #untilShare = SHARE_EVERY_STEPS;
  /** Have orders been left out, see `freesFirst`? */
  reduced = false;
  #last = -1;
  #preemptions = 0;

  constructor(built: Built, limits: Limits, book: BugBook, options: StateSearchOptions) {
    this.#built = built;
    this.#machine = built.machine;
    this.#limits = limits;
    this.#book = book;
    this.#options = options;
    this.#visited = options.visited;
    limits.unit = 'states';
    built.machine.store.hashing = true;
  }

  /** Go on with a table that has all that is in the one so far. */
  useTable(visited: Visited): void {
    this.#visited = visited;
  }

  /** Begin at the start of the program, unless that was done. */
  start(): void {
    if (this.#visit() !== undefined) return;
    this.#enter();
  }

  /** Search everything. @returns as `run` */
  go(): number {
    this.start();
    return this.run();
  }

  /** Begin with what is open in a frontier. */
  resume({ path, open }: Frontier): void {
    for (const [i, decisions] of open.entries()) {
      this.#depth += 1;
      const level = this.#level();
      level.tasks.length = 0;
      level.choices.length = 0;
      level.at = 0;
      const decision = path[i];
      for (const { task, choice } of decision === undefined
        ? decisions
        : [decision, ...decisions]) {
        level.tasks.push(this.#task(task));
        level.choices.push(choice);
      }
      if (decision === undefined) continue;
      level.at = 1;
      this.#machine.step(level.tasks[0], decision.choice);
    }
  }

  /** Take a path that somebody gave away; its last decision is the one to explore. */
  follow(path: readonly Decision[]): void {
    const last = path.at(-1)!;
    this.resume({ path: path.slice(0, -1), open: path.map((d) => (d === last ? [last] : [])) });
  }

  /**
   * Go on until nothing is open or a limit stops it.
   * @returns the number of interleavings, if the table counts them and nothing was cut off
   */
  run(): number {
    const { sharing, onEnd, freesFirst, preemptions: bound } = this.#options;
    const limits = this.#limits;
    const machine = this.#machine;
    let paths = 0;
    while (this.#depth >= 0) {
      if (limits.stopped !== null) return paths;
      const level = this.#levels[this.#depth];
      if (level.at === level.tasks.length) {
        if (level.tasks.length === 0) {
          endOfRun(this.#built);
          onEnd?.(machine);
          this.#note();
          level.paths = 1;
          limits.executions += 1;
        }
        this.#visited.finish(level.h0, level.h1, level.h2, level.paths);
        ({ paths } = level);
        this.#depth -= 1;
        if (this.#depth < 0) break;
        const parent = this.#levels[this.#depth];
        parent.paths += paths;
        this.#restore(parent);
        continue;
      }
      if (sharing !== undefined) {
        this.#untilShare -= 1;
        if (this.#untilShare <= 0) this.#share(sharing);
        if (level.at === level.tasks.length) continue;
      }
      const { at } = level;
      level.at = at + 1;
      machine.step(level.tasks[at], level.choices[at]);
      limits.step(this.#depth + 1);
      if (machine.findings.length > 0) this.#note();
      if (machine.storedStale && freesFirst === true) limits.stopped ??= STALE_POINTER;
      const known = bound === undefined ? this.#visit() : this.#visitBounded(level);
      if (known !== undefined) {
        // A state on the way back to itself is gone through any number of times.
        level.paths += known < 0 ? Number.POSITIVE_INFINITY : known;
        this.#restore(level);
      } else {
        this.#enter();
      }
    }
    return paths;
  }

  /** What is still open, so that another search can go on from here. */
  frontier(): Frontier | null {
    let top = this.#depth;
    // A level without decisions is a final state that has yet to be looked at.
    const isDone = ({ tasks, at }: Level): boolean => tasks.length > 0 && at === tasks.length;
    while (top >= 0 && isDone(this.#levels[top])) top -= 1;
    if (top < 0) return null;
    const path: Decision[] = [];
    const open: Decision[][] = [];
    for (let d = 0; d <= top; d += 1) {
      const { tasks, choices, at } = this.#levels[d];
      const decisions = tasks.map((task, i) => ({ task: task.key, choice: choices[i] }));
      if (d < top) path.push(decisions[at - 1]);
      open.push(decisions.slice(at));
    }
    return { path, open };
  }

  /** Go back to the start of the program; what is open is lost. */
  rewind(): void {
    if (this.#depth >= 0) this.#restore(this.#levels[0]);
    this.#depth = -1;
  }

  #visit(salt = 0): number | undefined {
    const { store } = this.#machine;
    const known = this.#visited.enter(store.h0 ^ salt, (store.h1 + salt) | 0, store.h2);
    if (known === undefined) this.#limits.countState();
    if (this.#visited.full) this.#limits.stopped ??= TABLE_FULL;
    return known;
  }

  /** Come to a state with a count of preemptions; the decision is the last one of `level`. */
  #visitBounded(level: Level): number | undefined {
    const task = level.tasks[level.at - 1];
    this.#last = task.actor ? level.last : task.index;
    this.#preemptions = level.preemptions + (isPreemption(level, task) ? 1 : 0);
    return this.#visit(Math.imul((this.#last + 2) * 64 + this.#preemptions, 0x61c88647));
  }

  /** A level for the machine's present state. */
  #level(): Level {
    const level = (this.#levels[this.#depth] ??= new Level());
    const { store } = this.#machine;
    level.mark = this.#machine.mark();
    level.h0 = store.h0;
    level.h1 = store.h1;
    level.h2 = store.h2;
    level.paths = 0;
    level.at = 0;
    return level;
  }

  #enter(): void {
    this.#depth += 1;
    const level = this.#level();
    openDecisions(this.#machine, level.tasks, level.choices);
    if (this.#options.freesFirst === true) this.#onlyFree(level);
    if (this.#options.symmetry === true) {
      keepOnly(level, (task) => mayBegin(this.#machine, task));
    }
    const bound = this.#options.preemptions;
    if (bound === undefined) return;
    level.last = this.#last;
    level.preemptions = this.#preemptions;
    // When no preemption is left, what would be one is not open.
    if (level.preemptions >= bound) keepOnly(level, (task) => !isPreemption(level, task));
  }

  /** If some task could only free memory now, leave just that open. */
  #onlyFree(level: Level): void {
    if (level.tasks.length < 2) return;
    let frees: TaskRec | null = null;
    for (const task of level.tasks) {
      if (!this.#machine.onlyFrees(task)) continue;
      // By name: in which order tasks were spawned depends on the way here.
      if (frees === null || task.key < frees.key) frees = task;
    }
    if (frees === null) return;
    this.reduced = true;
    keepOnly(level, (task) => task === frees);
  }

  #restore({ mark, h0, h1, h2 }: Level): void {
    const { store } = this.#machine;
    this.#machine.undo(mark);
    store.h0 = h0;
    store.h1 = h1;
    store.h2 = h2;
  }

  /** Give away the open decision nearest to the start: most is likely to hang on it. */
  #share(sharing: Sharing): void {
    this.#untilShare = SHARE_EVERY_STEPS;
    if (!sharing.wanted()) return;
    for (let d = 0; d <= this.#depth; d += 1) {
      const level = this.#levels[d];
      const last = level.tasks.length - 1;
      // The only decision of a state stays: a level without any is a final state.
      if (level.at > last || last === 0) continue;
      const path = this.#path(d);
      path.push({ task: level.tasks[last].key, choice: level.choices[last] });
      if (!sharing.give(path)) return;
      level.tasks.length = last;
      level.choices.length = last;
      return;
    }
  }

  /** The decisions taken at the first `levels` levels. */
  #path(levels: number): Decision[] {
    const path: Decision[] = [];
    for (let d = 0; d < levels; d += 1) {
      const { tasks, choices, at } = this.#levels[d];
      path.push({ task: tasks[at - 1].key, choice: choices[at - 1] });
    }
    return path;
  }

  #task(key: string): TaskRec {
    const task = this.#machine.tasks.find((t) => t.key === key);
    if (task === undefined) throw new Error(`there is no task ${key}: the program is another one`);
    return task;
  }

  #note(): void {
    const { findings } = this.#machine;
    if (findings.length === 0) return;
    // A level that is at its end has taken all its decisions; the others, all up to `at`.
    const ended = this.#levels[this.#depth].at === 0;
    const fresh = this.#book.add(findings, () => this.#path(this.#depth + (ended ? 0 : 1)));
    this.#limits.bugs += fresh;
    if (!this.#options.keepGoing && this.#book.grave) this.#limits.stopped ??= 'a bug was found';
  }
}

/** Close the decisions for tasks that may not step. */
function keepOnly(level: Level, mayStep: (task: TaskRec) => boolean): void {
  const { tasks, choices } = level;
  const isOpen = tasks.map(mayStep);
  let kept = 0;
  for (const [i, open] of isOpen.entries()) {
    if (!open) continue;
    tasks[kept] = tasks[i];
    choices[kept] = choices[i];
    kept += 1;
  }
  tasks.length = kept;
  choices.length = kept;
}

/** Would this task take the CPU from one that could go on? */
function isPreemption({ last, tasks }: Level, task: TaskRec): boolean {
  if (task.actor || last === -1 || task.index === last) return false;
  return tasks.some((other) => other.index === last);
}

/** Why a search stopped that ran out of room for states. */
export const TABLE_FULL = 'no room for more states';

/** Why a search stopped that had left out orders that may matter, see `freesFirst`. */
export const STALE_POINTER = 'a pointer to freed memory was stored';

/** Why a search that shares its table cannot say by itself that all runs end. */
export const GOES_ROUND = 'tasks go round in loops';

/** Fill the lists with every decision that is open now. */
export function openDecisions(machine: Machine, tasks: TaskRec[], choices: number[]): void {
  if (tasks.length > 0) tasks.length = 0;
  if (choices.length > 0) choices.length = 0;
  for (const task of machine.tasks) {
    if (!machine.enabled(task)) continue;
    const count = machine.choices(task);
    for (let choice = 0; choice < count; choice += 1) {
      tasks.push(task);
      choices.push(choice);
    }
  }
}
