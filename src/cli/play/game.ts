/**
 * `dlab play` without a terminal: where the interleaving stands, what was done to get there, and
 * how to go back.
 *
 * Invariant: the schedule always fits the program, and undoing leads through exactly the schedules
 * that were reached before, back to the start.
 */

import {
  Outlook,
  switchesIn,
  type Bug,
  type Doom,
  type Program,
  type Schedule,
} from '../../explore/index.js';
import { positionAfter, type Pending, type Position } from '../../scenario/index.js';
import { UsageError } from '../exit.js';

/** What there is to find. */
export interface Goal {
  /** A bug that was found; null if none was. */
  readonly bug: Bug | null;
  /** Everything was explored: without a bug, there is none. */
  readonly complete: boolean;
}

/** The smallest failing interleaving. */
export interface Par {
  readonly steps: number;
  readonly switches: number;
  /** No other that fails has fewer switches, nor as many and fewer steps. */
  readonly proved: boolean;
}

/** What somebody who is stuck is told. */
export interface Hint {
  /** How the ways on from here end; null if that could not be counted in time. */
  readonly doom: Doom | null;
  /** The step since which every way fails, or before which the last failing way was left. */
  readonly since: number | null;
  /** The rest of the smallest failing interleaving from here; null if none is known. */
  readonly rest: Schedule | null;
  /** Switches that the rest costs, from the task that runs now. */
  readonly switches: number;
}

/** How a letter or a number names what goes next. */
export interface Move {
  /** `0`, or `g1` for the second callback of RCU. */
  readonly key: string;
  readonly pending: Pending;
}

/** For each answer about what can still come, in seconds; an answer that it cuts off says so. */
export const SECONDS_EACH = 5;

export class Game {
  readonly program: Program;
  readonly goal: Goal;
  /** Null if no bug is known. */
  readonly par: Par | null;
  readonly #ascii: boolean;
  readonly #outlook: Outlook;
  /** The schedules that commands led to, the present one last. */
  readonly #past: Schedule[];
  /** Those that were undone, the next one last. */
  #undone: Schedule[] = [];
  #position: Position;
  #hint: Hint | null = null;

  /** @param from a schedule that fits, to begin after */
  constructor(program: Program, goal: Goal, from: Schedule = [], ascii = false) {
    this.program = program;
    this.goal = goal;
    this.#ascii = ascii;
    const { bug } = goal;
    const isGrave = bug !== null && bug.kind !== 'KCSAN';
    this.#outlook = new Outlook(
      program,
      ({ title, kind }) => (isGrave ? kind !== 'KCSAN' : title === bug?.title),
      { now: () => performance.now() / 1000, seconds: SECONDS_EACH },
    );
    const cheapest = bug === null ? null : this.#outlook.cheapestFrom([]);
    const shown = cheapest ?? bug?.schedule ?? null;
    this.par =
      shown === null
        ? null
        : {
            steps: shown.length,
            switches: switchesOf(program, shown),
            proved: cheapest !== null,
          };
    // Each step of what is given can be undone by itself.
    this.#past = from.map((_, i) => from.slice(0, i));
    this.#past.push(from);
    this.#position = positionAfter(program, from, ascii);
  }

  get schedule(): Schedule {
    return this.#past.at(-1)!;
  }

  get position(): Position {
    return this.#position;
  }

  get steps(): number {
    return this.schedule.length;
  }

  get switches(): number {
    return this.#position.trace.switches;
  }

  /** What was reported on the way here, each title once. */
  get titles(): readonly string[] {
    return [...new Set(this.#position.trace.findings.map(({ title }) => title))];
  }

  /** The report that ends the game; null if it goes on. A data race alone is only a warning. */
  get failure(): string | null {
    const { findings } = this.#position.trace;
    const wanted = this.goal.bug?.title;
    return findings.find(({ kind, title }) => kind !== 'KCSAN' || title === wanted)?.title ?? null;
  }

  /** Who could go next: CPUs by number, callbacks of RCU as g0, g1, in the order they were queued. */
  get moves(): readonly Move[] {
    let callbacks = 0;
    return this.#position.pending.map((pending) => {
      if (pending.cpu !== null) return { key: String(pending.cpu), pending };
      const key = `g${callbacks}`;
      callbacks += 1;
      return { key, pending };
    });
  }

  /** The move of the task that took the last step; null if it cannot go on. */
  get again(): Move | null {
    const last = this.schedule.at(-1)?.task;
    return this.moves.find(({ pending }) => pending.task === last) ?? null;
  }

  /**
   * Find a move by its key; `g` alone is the only callback that can go on.
   * @throws UsageError that says who can go
   */
  move(key: string): Move {
    this.#assertGoesOn();
    const { moves } = this;
    const callbacks = moves.filter(({ key: own }) => own.startsWith('g'));
    const ready = callbacks.filter(({ pending }) => pending.outcomes > 0);
    if (key === 'g' && ready.length === 1) return ready[0];
    if (key === 'g' && callbacks.length === 1) return callbacks[0];
    const found = moves.find((move) => move.key === key);
    if (found !== undefined) return found;
    const open = moves.filter(({ pending }) => pending.outcomes > 0).map((move) => move.key);
    const who = key.startsWith('g') ? 'there is no such callback' : `CPU ${key} has nothing to do`;
    throw new UsageError(`${who}; what can go: ${open.join(', ')}`);
  }

  /**
   * Take steps of one task: up to `times`, fewer if it ends, has to wait or fails.
   * @param choice the outcome of the first one
   * @throws UsageError if it cannot take any
   */
  step({ key, pending }: Move, times = 1, choice = 0): void {
    this.#assertGoesOn();
    if (pending.outcomes === 0) {
      throw new UsageError(`${pending.name} (${key}) ${pending.waits ?? 'cannot go on'}`);
    }
    if (choice >= pending.outcomes) {
      const last = pending.outcomes - 1;
      const has = last === 0 ? 'one outcome' : `outcomes 0 to ${last}`;
      throw new UsageError(`this step of ${pending.name} (${key}) has ${has}; not ${choice}`);
    }
    const { machine } = this.program.build({});
    const find = (task: string): (typeof machine.tasks)[number] =>
      machine.tasks.find((each) => each.key === task)!;
    for (const decision of this.schedule) machine.step(find(decision.task), decision.choice);
    const task = find(pending.task);
    const taken: { task: string; choice: number }[] = [];
    while (taken.length < times && machine.enabled(task)) {
      // A choice is the player's to make.
      if (taken.length > 0 && machine.choices(task) > 1) break;
      const outcome = taken.length === 0 ? choice : 0;
      machine.step(task, outcome);
      taken.push({ task: pending.task, choice: outcome });
      if (machine.findings.length > 0) break;
    }
    this.#goTo([...this.schedule, ...taken]);
  }

  #assertGoesOn(): void {
    if (this.failure !== null) throw new UsageError('it has failed: undo or restart');
    if (this.#position.isOver) throw new UsageError('the run is over: undo or restart');
  }

  /** Go as the hint says. @param times how many steps; fewer if it fails before */
  follow(times = 1): void {
    this.#assertGoesOn();
    const { rest } = this.hint;
    if (rest === null || rest.length === 0) {
      throw new UsageError('there is no way to a failure from here that is known: see the hint');
    }
    this.#goTo([...this.schedule, ...rest.slice(0, times)]);
  }

  #goTo(schedule: Schedule): void {
    this.#past.push(schedule);
    this.#undone = [];
    this.#look();
  }

  #look(): void {
    this.#position = positionAfter(this.program, this.schedule, this.#ascii);
    this.#hint = null;
  }

  /** Take back commands. @returns how many were taken back */
  undo(times = 1): number {
    let count = 0;
    while (count < times && this.#past.length > 1) {
      this.#undone.push(this.#past.pop()!);
      count += 1;
    }
    if (count > 0) this.#look();
    return count;
  }

  /** Do again what was undone. @returns whether there was anything */
  redo(): boolean {
    const next = this.#undone.pop();
    if (next === undefined) return false;
    this.#past.push(next);
    this.#look();
    return true;
  }

  /** Back to the start; can be undone. */
  restart(): void {
    if (this.steps > 0) this.#goTo([]);
  }

  /** What helps from here. Takes up to some seconds the first time. */
  get hint(): Hint {
    this.#hint ??= this.#makeHint();
    return this.#hint;
  }

  #makeHint(): Hint {
    if (this.goal.bug === null || this.failure !== null) {
      return { doom: null, since: null, rest: null, switches: 0 };
    }
    const { schedule } = this;
    const doom = this.#outlook.doomAfter(schedule);
    const isSame = (other: Doom | null): boolean =>
      other !== null && (doom!.certain ? other.certain : other.impossible);
    let since: number | null = null;
    if (doom !== null && (doom.certain || doom.impossible)) {
      since = schedule.length;
      while (since > 0 && isSame(this.#outlook.doomAfter(schedule.slice(0, since - 1)))) since -= 1;
    }
    if (doom?.impossible === true) return { doom, since, rest: null, switches: 0 };
    const rest = this.#outlook.cheapestFrom(schedule);
    if (rest === null) return { doom, since, rest, switches: 0 };
    const switches = switchesOf(this.program, [...schedule, ...rest]) - this.switches;
    return { doom, since, rest, switches };
  }
}

/** Switches in a schedule that fits. */
function switchesOf(program: Program, schedule: Schedule): number {
  const { machine } = program.build({});
  // Tasks that others start are known to the machine once it has met them.
  for (const { task, choice } of schedule) {
    machine.step(
      machine.tasks.find(({ key }) => key === task)!,
      choice,
    );
  }
  return switchesIn(machine, schedule);
}
