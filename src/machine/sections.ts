/**
 * Read-side sections, and who a grace period has to wait for.
 *
 * A token names the tasks that were inside when it was taken; it is over when each of them has left
 * once. Invariant: what a token waits for never depends on what was inside later. There are two
 * ways to count, with the same meaning: one in which noting and leaving commute, which partial-
 * order reduction needs; and one in which nothing is left behind once nobody waits any more, so
 * that states are equal whenever their futures are.
 */

import { ACCESS, type Accesses } from './accesses.js';
import { Cell, type Struct } from './memory.js';
import type { Section, SectionToken, TaskHandle } from './op.js';
import type { Store } from './store.js';
import type { TaskRec } from './task.js';
import type { List } from './value.js';

/** Is a task inside a section right now? */
type IsInside = (task: TaskRec, section: Section) => boolean;

export class Sections {
  readonly list: Section[] = [];
  readonly #store: Store;
  readonly #accesses: Accesses;
  readonly #commuting: boolean;
  readonly #owner: Struct;
  /** Per section: stands for all its snapshots when steps are compared; holds nothing. */
  readonly #snapshots: Cell[] = [];
  /** Per section: the tokens not awaited to the end yet, equal ones too, by their numbers. */
  readonly #outstanding: Cell[] = [];

  /**
   * @param commuting let a token name everybody who ever entered, so that taking it commutes with
   *   leaving; otherwise it names who is inside
   * @param owner what the section's own cells belong to
   */
  constructor(store: Store, accesses: Accesses, commuting: boolean, owner: Struct) {
    this.#store = store;
    this.#accesses = accesses;
    this.#commuting = commuting;
    this.#owner = owner;
  }

  add(options: Omit<Section, 'index'>): Section {
    const section: Section = { ...options, index: this.list.length };
    this.list.push(section);
    const add = (cells: Cell[], what: string, ordinal: number): void => {
      const cell = new Cell<unknown>(this.#owner, `${section.name}.${what}`, null);
      this.#store.own(cell, ordinal);
      cells.push(cell);
    };
    add(this.#snapshots, 'snapshots', 1000 + section.index);
    add(this.#outstanding, 'outstanding', 2000 + section.index);
    return section;
  }

  /** Cells that count what a task's history decides already need not be hashed. */
  get hashesCounts(): boolean {
    return !this.#commuting;
  }

  enter(task: TaskRec, { index }: Section): void {
    const count = task.entered[index];
    this.#accesses.add(count, ACCESS.write);
    this.#accesses.add(this.#snapshots[index], ACCESS.sees);
    if (this.#commuting) this.#store.set(count, count.value + 1);
  }

  leave(task: TaskRec, { index }: Section): void {
    const count = task.left[index];
    this.#accesses.add(count, ACCESS.write);
    if (this.#commuting) {
      this.#store.set(count, count.value + 1);
      return;
    }
    // Only a leaving that somebody waits for needs to be remembered.
    const observed = task.entered[index];
    if (observed.value === 0) return;
    this.#store.set(observed, 0);
    this.#store.set(count, count.value + 1);
  }

  /** Note everybody who is inside. */
  snapshot(tasks: readonly TaskRec[], section: Section, isInside: IsInside): SectionToken {
    // Every entering, even by a task that does not exist yet, is ordered against this one.
    this.#accesses.add(this.#snapshots[section.index], ACCESS.read);
    return this.#token(tasks, section, isInside);
  }

  /** The same, apart for each CPU with a bit in `cpus`: a list of tokens by the CPU's number. */
  snapshotPerCpu(
    tasks: readonly TaskRec[],
    section: Section,
    isInside: IsInside,
    cpus: number,
  ): List<SectionToken> {
    this.#accesses.add(this.#snapshots[section.index], ACCESS.read);
    const tokens: SectionToken[] = [];
    for (let cpu = 0; cpus >>> cpu !== 0; cpu += 1) {
      const isAsked = ((cpus >>> cpu) & 1) === 1;
      const there = isAsked ? tasks.filter((task) => task.cpu === cpu) : [];
      tokens.push(this.#token(there, section, isInside));
    }
    return this.#store.values.list(tokens);
  }

  #token(tasks: readonly TaskRec[], section: Section, isInside: IsInside): SectionToken {
    const { index } = section;
    const pairs: SectionToken['items'][number][] = [];
    for (const task of tasks) {
      const entered = task.entered[index];
      this.#accesses.add(entered, ACCESS.sees);
      if (this.#commuting) {
        if (entered.value > 0) pairs.push(this.#pair(task, entered.value));
      } else if (isInside(task, section)) {
        this.#store.set(entered, 1);
        pairs.push(this.#pair(task, task.left[index].value + 1));
      }
    }
    const token: SectionToken = this.#store.values.bag(pairs);
    if (!this.#commuting && pairs.length > 0) this.#expect(index, token);
    return token;
  }

  #pair(task: TaskRec, count: number): List<TaskHandle | number> {
    return this.#store.values.list<TaskHandle | number>([task, count]);
  }

  #expect(index: number, token: SectionToken): void {
    const cell = this.#outstanding[index];
    const tokens = itemsOf(cell.value);
    this.#store.set(cell, this.#store.values.bag([...tokens, token]));
  }

  /** Has everybody in the token left? */
  isOver({ index }: Section, token: SectionToken): boolean {
    const pairs = token.items;
    for (let i = 0; i < pairs.length; i += 1) {
      const [task, count] = pairs[i].items as [TaskRec, number];
      if (task.left[index].value < count) return false;
    }
    return true;
  }

  /** Who in the token has yet to leave. */
  missing({ index }: Section, token: SectionToken): TaskRec[] {
    return token.items
      .map((pair) => pair.items as [TaskRec, number])
      .filter(([task, count]) => task.left[index].value < count)
      .map(([task]) => task);
  }

  /** Go on after a token that is over. */
  pass({ index }: Section, token: SectionToken, tasks: readonly TaskRec[]): void {
    const pairs = token.items;
    for (let i = 0; i < pairs.length; i += 1) {
      const [task, count] = pairs[i].items as [TaskRec, number];
      this.#accesses.add(task.left[index], ACCESS.reached, count);
    }
    if (this.#commuting || pairs.length === 0) return;
    const cell = this.#outstanding[index];
    const left = [...itemsOf(cell.value)];
    left.splice(left.indexOf(token), 1);
    this.#store.set(cell, left.length === 0 ? null : this.#store.values.list(left));
    if (left.length > 0) return;
    // Nobody waits: how often anybody has left is forgotten.
    for (const task of tasks) {
      if (task.left[index].value !== 0) this.#store.set(task.left[index], 0);
    }
  }

  /** Ordered against every snapshot: an actor is started in the step that takes one. */
  lookAtActors({ index }: Section): void {
    this.#accesses.add(this.#snapshots[index], ACCESS.sees);
  }
}

function itemsOf(value: unknown): readonly SectionToken[] {
  return value === null ? [] : (value as List<SectionToken>).items;
}
