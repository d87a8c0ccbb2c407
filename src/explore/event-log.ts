/**
 * The current execution as a sequence of events, with happens-before and the races in it.
 *
 * happens-before is program order, spawning, and the order of conflicting accesses. A race is a
 * pair of events that happens-before orders directly and for no other reason, and whose second
 * event could have come first. Invariant: `pop` undoes `push` exactly. Everything is kept in
 * parallel arrays by position, so that an event costs no object.
 */

import {
  ACCESS,
  differs,
  KIND,
  type AnyOp,
  type Cell,
  type Machine,
  type Node,
  type TaskRec,
} from '../machine/index.js';
import type { Fault, Footprint } from './footprint.js';

const NONE = -1;

export class EventLog {
  /** Number of events. */
  length = 0;
  readonly tasks: TaskRec[] = [];
  readonly footprints: Footprint[] = [];
  /** The operation that others notice; null if the step only prepared. */
  readonly ops: (AnyOp | null)[] = [];
  /** Where the task stood at that operation. */
  readonly nodes: (Node | null)[] = [];
  taskIndex = new Int32Array(64);
  choice = new Int32Array(64);
  plain = new Uint8Array(64);
  /** Races of the event at i: `raceFirst` from `racesAt[i]` up to `racesAt[i + 1]`. */
  racesAt = new Int32Array(65);
  raceFirst = new Int32Array(256);
  /** Whether its reversal is planned for good. */
  raceSettled = new Uint8Array(256);

  // clock[i * width + t]: 1 + position of the last event of task t that happens before event i or
  // is event i.
  #clock = new Int32Array(64 * 8);
  #width = 8;
  #previousOfTask = new Int32Array(64);
  #firstEntry = new Int32Array(64);
  /** Position of the last event of each task. */
  #lastOf = new Int32Array(8).fill(NONE);
  /** Position of the event that spawned each task; none for tasks there from the start. */
  #spawnedBy = new Int32Array(8).fill(NONE);
  // Accesses, linked newest first per cell.
  #entryEvent = new Int32Array(256);
  #entryMode = new Uint8Array(256);
  #entryBefore = new Int32Array(256);
  #entryBeforeWrite = new Int32Array(256);
  readonly #entryCell: Cell[] = [];
  readonly #entryOld: unknown[] = [];
  #entries = 0;
  readonly #candidates: number[] = [];
  #own = new Int32Array(8);
  readonly #fault: Fault;

  constructor(fault: Fault = 'none') {
    this.#fault = fault;
  }

  /** Is the event at `a` before the event at `b`, or the same? */
  before(a: number, b: number): boolean {
    return this.#clock[b * this.#width + this.taskIndex[a]] > a;
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
  ): void {
    const position = this.length;
    if (machine.taskCount > this.#width) this.#widen(machine.taskCount);
    if (position === this.taskIndex.length) this.#deepen();
    const { index } = task;
    const op = machine.visibleOp;
    const base = position * this.#width;
    this.#startClock(index, this.#clock, base);
    this.tasks[position] = task;
    this.taskIndex[position] = index;
    this.choice[position] = choice;
    this.footprints[position] = footprint;
    this.ops[position] = op;
    this.nodes[position] = machine.visibleNode;
    this.plain[position] = machine.plain ? 1 : 0;
    this.#previousOfTask[position] = this.#lastOf[index];
    // Waits that are over order this event after what they waited for.
    for (let i = 0; i < machine.accesses.count; i += 1) {
      if (machine.accesses.modes[i] === ACCESS.reached) {
        this.#joinReached(base, machine.accesses.cells[i], machine.accesses.values[i]);
      }
    }
    const first = this.racesAt[position];
    const races = this.#racesOf(base, footprint, op, machine, first);
    this.racesAt[position + 1] = races;
    this.#clock[base + index] = position + 1;
    this.#firstEntry[position] = this.#entries;
    this.#link(machine, position);
    for (let i = tasksBefore; i < machine.tasks.length; i += 1) {
      const spawned = machine.tasks[i].index;
      this.#spawnedBy[spawned] = position;
      this.#lastOf[spawned] = NONE;
    }
    this.#lastOf[index] = position;
    this.length = position + 1;
  }

  /**
   * The Mazurkiewicz trace as a text: for every event, how many events of each task it comes after.
   * Two executions are equivalent if and only if it is the same.
   */
  traceKey(): string {
    const ordinals: number[] = [];
    const counts = new Map<number, number>();
    const parts: string[] = [];
    for (let i = 0; i < this.length; i += 1) {
      const task = this.taskIndex[i];
      const ordinal = (counts.get(task) ?? 0) + 1;
      counts.set(task, ordinal);
      ordinals.push(ordinal);
      const past: string[] = [];
      for (const other of counts.keys()) {
        const position = this.#clock[i * this.#width + other] - 1;
        if (position >= 0) past.push(`${this.tasks[position].key}:${ordinals[position]}`);
      }
      parts.push(`${this.tasks[i].key}.${this.choice[i]}@${ordinal}[${past.sort().join()}]`);
    }
    return parts.sort().join(' ');
  }

  /** Forget the last event. */
  pop(): void {
    const position = this.length - 1;
    this.length = position;
    this.#lastOf[this.taskIndex[position]] = this.#previousOfTask[position];
    const first = this.#firstEntry[position];
    for (let i = this.#entries - 1; i >= first; i -= 1) {
      const cell = this.#entryCell[i];
      cell.lastAccess = this.#entryBefore[i];
      cell.lastWrite = this.#entryBeforeWrite[i];
    }
    this.#entries = first;
  }

  #widen(tasks: number): void {
    const before = this.#width;
    let width = before;
    while (width < tasks) width *= 2;
    const clock = new Int32Array(this.taskIndex.length * width);
    for (let i = 0; i < this.length; i += 1) {
      clock.set(this.#clock.subarray(i * before, (i + 1) * before), i * width);
    }
    this.#clock = clock;
    this.#width = width;
    this.#own = new Int32Array(width);
    this.#lastOf = grown(this.#lastOf, width, NONE);
    this.#spawnedBy = grown(this.#spawnedBy, width, NONE);
  }

  #deepen(): void {
    const depth = this.taskIndex.length * 2;
    this.taskIndex = grown(this.taskIndex, depth);
    this.choice = grown(this.choice, depth);
    this.#previousOfTask = grown(this.#previousOfTask, depth);
    this.#firstEntry = grown(this.#firstEntry, depth);
    this.racesAt = grown(this.racesAt, depth + 1);
    this.#clock = grown(this.#clock, depth * this.#width);
    const plain = new Uint8Array(depth);
    plain.set(this.plain);
    this.plain = plain;
  }

  /** Clock of a task before its next event: its own past and its spawner's. */
  #startClock(task: number, into: Int32Array, base: number): void {
    const last = this.#lastOf[task];
    const from = (last >= 0 ? last : this.#spawnedBy[task]) * this.#width;
    for (let i = 0; i < this.#width; i += 1) into[base + i] = from < 0 ? 0 : this.#clock[from + i];
  }

  #link(machine: Machine, position: number): void {
    for (let i = 0; i < machine.accesses.count; i += 1) {
      const mode = machine.accesses.modes[i];
      if (mode !== ACCESS.read && mode !== ACCESS.write && mode !== ACCESS.bump) continue;
      const cell = machine.accesses.cells[i];
      const entry = this.#entries;
      if (entry === this.#entryEvent.length) this.#growEntries();
      this.#entryEvent[entry] = position;
      this.#entryMode[entry] = mode;
      this.#entryCell[entry] = cell;
      this.#entryBefore[entry] = cell.lastAccess;
      this.#entryBeforeWrite[entry] = cell.lastWrite;
      this.#entryOld[entry] = machine.accesses.old[i];
      cell.lastAccess = entry;
      if (mode === ACCESS.write) cell.lastWrite = entry;
      this.#entries = entry + 1;
    }
  }

  #growEntries(): void {
    const size = this.#entryEvent.length * 2;
    this.#entryEvent = grown(this.#entryEvent, size);
    this.#entryBefore = grown(this.#entryBefore, size);
    this.#entryBeforeWrite = grown(this.#entryBeforeWrite, size);
    const modes = new Uint8Array(size);
    modes.set(this.#entryMode);
    this.#entryMode = modes;
  }

  #join(base: number, position: number): void {
    const clock = this.#clock;
    const other = position * this.#width;
    for (let i = 0; i < this.#width; i += 1) {
      if (clock[other + i] > clock[base + i]) clock[base + i] = clock[other + i];
    }
  }

  /** Order after the write that brought a growing count to `value`. */
  #joinReached(base: number, cell: Cell, value: number): void {
    let entry = cell.lastWrite;
    let found = NONE;
    while (entry >= 0 && Number(this.#entryOld[entry]) >= value - 1) {
      found = entry;
      entry = this.#entryBeforeWrite[entry];
    }
    if (found >= 0) this.#join(base, this.#entryEvent[found]);
  }

  /**
   * Races of a new event, whose clock begins at `base`; leaves the event's happens-before there.
   * @param from where to write them in `raceFirst`
   * @returns where they end
   */
  #racesOf(
    base: number,
    footprint: Footprint,
    op: AnyOp | null,
    machine: Machine,
    from: number,
  ): number {
    const waits = op !== null && canWait(op.kind);
    if (waits) {
      for (let i = 0; i < this.#width; i += 1) this.#own[i] = this.#clock[base + i];
    }
    const candidates = this.#candidates;
    candidates.length = 0;
    const { cells, modes } = footprint;
    for (let i = 0; i < cells.length; i += 1) this.#conflicting(cells[i], modes[i]);
    if (candidates.length > 1) sortDescending(candidates);
    let races = from;
    let last = NONE;
    for (let i = 0; i < candidates.length; i += 1) {
      const position = candidates[i];
      if (position === last) continue;
      last = position;
      if (this.#clock[base + this.taskIndex[position]] > position) continue;
      if (!waits || this.#readyWithout(op, machine.visibleNode!, position, machine)) {
        races = this.#addRace(races, position);
      }
      this.#join(base, position);
    }
    if (waits) races = this.#earlierWindows(op, machine.visibleNode!, machine, from, races);
    return races;
  }

  #addRace(at: number, first: number): number {
    if (at === this.raceFirst.length) {
      this.raceFirst = grown(this.raceFirst, at * 2);
      const settled = new Uint8Array(at * 2);
      settled.set(this.raceSettled);
      this.raceSettled = settled;
    }
    this.raceFirst[at] = first;
    this.raceSettled[at] = 0;
    return at + 1;
  }

  /** Collect the positions of the linked accesses that an access of this mode conflicts with. */
  #conflicting(cell: Cell, mode: number): void {
    const into = this.#candidates;
    if (mode === ACCESS.read) {
      if (this.#fault === 'ignore-read-write') return;
      if (!cell.bumped) {
        if (cell.lastWrite >= 0) into.push(this.#entryEvent[cell.lastWrite]);
        return;
      }
    }
    if (mode === ACCESS.sees && this.#fault === 'ignore-grace-period') return;
    if (mode === ACCESS.write && this.#fault === 'ignore-free' && cell === cell.struct.life) return;
    for (let entry = cell.lastAccess; entry >= 0; entry = this.#entryBefore[entry]) {
      const other = this.#entryMode[entry];
      if (mode === ACCESS.write || other !== mode) into.push(this.#entryEvent[entry]);
      if (other === ACCESS.write) return;
    }
  }

  /**
   * For an operation that waits: the newest write before which it could have gone ahead. The last
   * write alone will not do: it is what ended the wait, so the wait was on before it.
   * @param machine null for an operation that still waits
   */
  #earlierWindows(
    op: AnyOp,
    node: Node,
    machine: Machine | null,
    from: number,
    until: number,
  ): number {
    let races = until;
    if (op.kind !== KIND.relax) return this.#windowOf(op.cell, op, node, machine, from, races);
    for (const { cell } of node.round!) {
      races = this.#windowOf(cell, op, node, machine, from, races);
    }
    return races;
  }

  #windowOf(
    cell: Cell,
    op: AnyOp,
    node: Node,
    machine: Machine | null,
    from: number,
    until: number,
  ): number {
    for (let entry = cell.lastWrite; entry >= 0; entry = this.#entryBeforeWrite[entry]) {
      const position = this.#entryEvent[entry];
      if (this.#own[this.taskIndex[position]] > position) break;
      if (!this.#readyWithout(op, node, position, machine)) continue;
      for (let i = from; i < until; i += 1) if (this.raceFirst[i] === position) return until;
      return this.#addRace(until, position);
    }
    return until;
  }

  /** Would a wait be over without the event at `position` and what depends on it? */
  #readyWithout(op: AnyOp, node: Node, position: number, machine: Machine | null): boolean {
    switch (op.kind) {
      case KIND.lock:
        return ((this.#found(op.cell, position, machine) as number) & 1) === 0;
      case KIND.await:
        return (op.a as (value: unknown) => boolean)(this.#found(op.cell, position, machine));
      default:
        for (const read of node.round!) {
          if (read.changed || differs(read, this.#found(read.cell, position, machine))) return true;
        }
        return false;
    }
  }

  #found(cell: Cell, position: number, machine: Machine | null): unknown {
    // During push the step's own effect is in memory already: start from what it found.
    let current = cell.value;
    if (machine !== null) {
      for (let i = machine.accesses.count - 1; i >= 0; i -= 1) {
        if (machine.accesses.cells[i] === cell) current = machine.accesses.old[i];
      }
    }
    return this.valueWithout(cell, position, current);
  }

  /** Content of a cell after all events but the one at `position` and those that depend on it. */
  valueWithout(cell: Cell, position: number, current: unknown = cell.value): unknown {
    let value = current;
    for (let entry = cell.lastWrite; entry >= 0; entry = this.#entryBeforeWrite[entry]) {
      const at = this.#entryEvent[entry];
      if (at < position || !this.before(position, at)) return value;
      value = this.#entryOld[entry];
    }
    return value;
  }

  /**
   * Races of an operation that is still waiting at the end of the execution, in `raceFirst` from
   * the end of the last event's.
   * @returns where they end
   */
  racesOfWaiting(task: TaskRec): number {
    const node = task.node.value!;
    const from = this.racesAt[this.length];
    const { op } = node;
    if (op === null || !canWait(op.kind)) return from;
    this.#startClock(task.index, this.#own, 0);
    return this.#earlierWindows(op, node, null, from, from);
  }
}

/** Operations that go ahead or not depending on what some cells hold. */
function canWait(kind: number): boolean {
  return kind === KIND.lock || kind === KIND.await || kind === KIND.relax;
}

function grown(array: Int32Array, length: number, fill = 0): Int32Array<ArrayBuffer> {
  const bigger = new Int32Array(length);
  if (fill !== 0) bigger.fill(fill);
  bigger.set(array);
  return bigger;
}

/** Insertion sort: the lists are short, and nothing is allocated. */
function sortDescending(numbers: number[]): void {
  for (let i = 1; i < numbers.length; i += 1) {
    const number = numbers[i];
    let at = i;
    while (at > 0 && numbers[at - 1] < number) {
      numbers[at] = numbers[at - 1];
      at -= 1;
    }
    numbers[at] = number;
  }
}
