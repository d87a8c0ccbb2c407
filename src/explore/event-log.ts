/**
 * The current execution as a sequence of events, with happens-before and the races in it.
 *
 * happens-before is program order, spawning, and the order of conflicting accesses. A race is a
 * pair of events that happens-before orders directly and for no other reason, and whose second
 * event could have come first. Invariant: `pop` undoes `push` exactly.
 */

import {
  ACCESS,
  KIND,
  type AnyOp,
  type Cell,
  type Machine,
  type Node,
  type TaskRec,
} from '../machine/index.js';
import type { Fault, Footprint } from './footprint.js';

export interface Event {
  readonly task: TaskRec;
  readonly choice: number;
  readonly footprint: Footprint;
  /** The operation that others notice; null if the step only prepared. */
  readonly op: AnyOp | null;
  /** Number of the node where the task stood at that operation, -1 if none. */
  readonly node: number;
  readonly plain: boolean;
  /** clock[t]: 1 + position of the last event of task t that happens before or is this one. */
  readonly clock: Int32Array;
  /** Positions of events that race with this one. */
  readonly races: readonly number[];
  readonly previousOfTask: number;
  /** Tasks that this event spawned. */
  readonly spawned: readonly number[];
  /** Index of this event's first entry among the accesses. */
  readonly firstEntry: number;
}

const CLOCK_GROWTH = 8;

export class EventLog {
  readonly events: Event[] = [];
  /** Position of the last event of each task, -1 if none. */
  readonly #lastOf: number[] = [];
  /** Position of the event that spawned each task, -1 for tasks there from the start. */
  readonly #spawnedBy: number[] = [];
  // Linked accesses, newest first per cell.
  readonly #entryEvent: number[] = [];
  readonly #entryMode: number[] = [];
  readonly #entryCell: Cell[] = [];
  readonly #entryBefore: number[] = [];
  readonly #entryBeforeWrite: number[] = [];
  readonly #entryOld: unknown[] = [];
  #entries = 0;
  #width = CLOCK_GROWTH;
  readonly #fault: Fault;

  constructor(fault: Fault = 'none') {
    this.#fault = fault;
  }

  /** Position of the task's last event, or -1. */
  lastOf(task: number): number {
    return this.#lastOf[task] ?? -1;
  }

  /** Is the event at `a` before or equal to the one with this clock? */
  before(a: number, clock: Int32Array): boolean {
    const { index } = this.events[a].task;
    return index < clock.length && clock[index] > a;
  }

  /** Clock of a task before its next event: its own past and its spawner's. */
  clockOf(task: number): Int32Array {
    const last = this.#lastOf[task] ?? -1;
    const from = last >= 0 ? last : (this.#spawnedBy[task] ?? -1);
    const clock = new Int32Array(this.#width);
    if (from >= 0) clock.set(this.events[from].clock);
    return clock;
  }

  /**
   * Append the machine's last step.
   * @param tasksBefore how many tasks there were before the step
   */
  push(
    machine: Machine,
    task: TaskRec,
    choice: number,
    footprint: Footprint,
    tasksBefore: number,
  ): Event {
    const position = this.events.length;
    while (task.index >= this.#width || machine.taskCount > this.#width)
      this.#width += CLOCK_GROWTH;
    const clock = this.clockOf(task.index);
    const op = machine.visibleOp;
    // Waits that are over order this event after what they waited for.
    for (let i = 0; i < machine.accessCount; i += 1) {
      if (machine.accessModes[i] === ACCESS.reached) {
        this.#joinReached(clock, machine.accessCells[i], machine.accessValues[i]);
      }
    }
    const races = this.#racesOf(clock, footprint, waitOf(op, machine.visibleNode), machine);
    clock[task.index] = position + 1;
    const firstEntry = this.#entries;
    this.#link(machine, position);
    const spawned: number[] = [];
    for (let i = tasksBefore; i < machine.tasks.length; i += 1) {
      const { index } = machine.tasks[i];
      this.#spawnedBy[index] = position;
      this.#lastOf[index] = -1;
      spawned.push(index);
    }
    const event: Event = {
      task,
      choice,
      footprint,
      op,
      node: machine.visibleNode?.vid ?? -1,
      plain: machine.plain,
      clock,
      races,
      previousOfTask: this.#lastOf[task.index] ?? -1,
      spawned,
      firstEntry,
    };
    this.#lastOf[task.index] = position;
    this.events.push(event);
    return event;
  }

  /** Forget the last event. */
  pop(): void {
    const event = this.events.pop()!;
    this.#lastOf[event.task.index] = event.previousOfTask;
    for (let i = this.#entries - 1; i >= event.firstEntry; i -= 1) {
      const cell = this.#entryCell[i];
      cell.lastAccess = this.#entryBefore[i]!;
      cell.lastWrite = this.#entryBeforeWrite[i]!;
    }
    this.#entries = event.firstEntry;
  }

  #link(machine: Machine, position: number): void {
    for (let i = 0; i < machine.accessCount; i += 1) {
      const mode = machine.accessModes[i];
      if (mode !== ACCESS.read && mode !== ACCESS.write && mode !== ACCESS.bump) continue;
      const cell = machine.accessCells[i];
      const entry = this.#entries;
      this.#entryEvent[entry] = position;
      this.#entryMode[entry] = mode;
      this.#entryCell[entry] = cell;
      this.#entryBefore[entry] = cell.lastAccess;
      this.#entryBeforeWrite[entry] = cell.lastWrite;
      this.#entryOld[entry] = machine.accessOld[i];
      cell.lastAccess = entry;
      if (mode === ACCESS.write) cell.lastWrite = entry;
      this.#entries = entry + 1;
    }
  }

  #join(clock: Int32Array, position: number): void {
    const other = this.events[position].clock;
    for (let i = 0; i < other.length; i += 1) if (other[i] > clock[i]) clock[i] = other[i]!;
  }

  /** Order after the write that brought a growing count to `value`. */
  #joinReached(clock: Int32Array, cell: Cell, value: number): void {
    let entry = cell.lastWrite;
    let found = -1;
    while (entry >= 0 && Number(this.#entryOld[entry]) >= value - 1) {
      found = entry;
      entry = this.#entryBeforeWrite[entry]!;
    }
    if (found >= 0) this.#join(clock, this.#entryEvent[found]);
  }

  /** Races of a new event with `footprint`; leaves the event's happens-before in `clock`. */
  #racesOf(clock: Int32Array, footprint: Footprint, wait: Wait | null, machine: Machine): number[] {
    const own = wait === null ? clock : clock.slice();
    const candidates: number[] = [];
    for (let i = 0; i < footprint.cells.length; i += 1) {
      const mode = footprint.modes[i];
      if (mode !== ACCESS.reached) this.#conflicting(footprint.cells[i], mode, candidates);
    }
    candidates.sort((a, b) => b - a);
    const races: number[] = [];
    let last = -1;
    for (const position of candidates) {
      if (position === last) continue;
      last = position;
      if (this.before(position, clock)) continue;
      if (wait === null || this.#readyWithout(wait, position, machine)) races.push(position);
      this.#join(clock, position);
    }
    if (wait !== null) this.#earlierWindows(own, wait, machine, races);
    return races;
  }

  /** Positions of the linked accesses that an access of this mode conflicts with directly. */
  #conflicting(cell: Cell, mode: number, into: number[]): void {
    if (mode === ACCESS.read) {
      if (this.#fault === 'ignore-read-write') return;
      if (!cell.bumped) {
        if (cell.lastWrite >= 0) into.push(this.#entryEvent[cell.lastWrite]);
        return;
      }
    }
    if (mode === ACCESS.sees && this.#fault === 'ignore-grace-period') return;
    if (mode === ACCESS.write && this.#fault === 'ignore-free' && cell === cell.struct.life) return;
    for (let entry = cell.lastAccess; entry >= 0; entry = this.#entryBefore[entry]!) {
      const other = this.#entryMode[entry];
      if (mode === ACCESS.write || other !== mode) into.push(this.#entryEvent[entry]);
      if (other === ACCESS.write) return;
    }
  }

  /**
   * For an operation that waits: the newest write before which it could have gone ahead. The last
   * write alone will not do: it is what ended the wait, so the wait was on before it.
   */
  #earlierWindows(own: Int32Array, wait: Wait, machine: Machine | null, into: number[]): void {
    for (const cell of wait.cells) {
      for (let entry = cell.lastWrite; entry >= 0; entry = this.#entryBeforeWrite[entry]!) {
        const position = this.#entryEvent[entry];
        if (this.before(position, own)) break;
        if (this.#readyWithout(wait, position, machine)) {
          if (!into.includes(position)) into.push(position);
          break;
        }
      }
    }
  }

  /** Would a wait be over without the event at `position` and what depends on it? */
  #readyWithout(wait: Wait, position: number, machine: Machine | null): boolean {
    return wait.ready((cell) => {
      // During push the step's own effect is in memory already: start from what it found.
      let current = cell.value;
      if (machine !== null) {
        for (let i = machine.accessCount - 1; i >= 0; i -= 1) {
          if (machine.accessCells[i] === cell) current = machine.accessOld[i];
        }
      }
      return this.valueWithout(cell, position, current);
    });
  }

  /** Content of a cell after all events but the one at `position` and those that depend on it. */
  valueWithout(cell: Cell, position: number, current: unknown = cell.value): unknown {
    let value = current;
    for (let entry = cell.lastWrite; entry >= 0; entry = this.#entryBeforeWrite[entry]!) {
      const at = this.#entryEvent[entry];
      if (at < position || !this.before(position, this.events[at].clock)) return value;
      value = this.#entryOld[entry];
    }
    return value;
  }

  /** Races of an operation that is still waiting at the end of the execution. */
  racesOfWaiting(task: TaskRec): number[] {
    const node = task.node.value!;
    const wait = waitOf(node.op, node);
    const races: number[] = [];
    if (wait !== null) this.#earlierWindows(this.clockOf(task.index), wait, null, races);
    return races;
  }

  /** Events not ordered after the one at `position`, from there on. */
  independentOf(position: number): number[] {
    const { index } = this.events[position].task;
    const result: number[] = [];
    for (let i = position + 1; i < this.events.length; i += 1) {
      const { clock } = this.events[i];
      if (!(index < clock.length && clock[index] > position)) result.push(i);
    }
    return result;
  }
}

/** A wait that is over or not depending on what some cells hold. */
interface Wait {
  readonly cells: readonly Cell[];
  readonly ready: (valueOf: (cell: Cell) => unknown) => boolean;
}

function waitOf(op: AnyOp | null, node: Node | null): Wait | null {
  if (op === null || node === null) return null;
  switch (op.kind) {
    case KIND.lock:
      return {
        cells: [op.cell],
        ready: (valueOf) => ((valueOf(op.cell) as number) & 1) === 0,
      };
    case KIND.await:
      return {
        cells: [op.cell],
        ready: (valueOf) => (op.a as (value: unknown) => boolean)(valueOf(op.cell)),
      };
    case KIND.relax: {
      const round = node.round ?? [];
      return {
        cells: round.map(({ cell }) => cell),
        ready: (valueOf) =>
          round.some(({ cell, last, changed }) => changed || valueOf(cell) !== last),
      };
    }
    default:
      return null;
  }
}
