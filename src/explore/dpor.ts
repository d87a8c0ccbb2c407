/**
 * Optimal dynamic partial-order reduction: one execution per Mazurkiewicz trace.
 *
 * Runs an execution, finds the races in it, and for each race plans the shortest continuation in
 * which the second event comes first, unless an equivalent one was run. Invariant: when it ends
 * unstopped, every execution of the program is equivalent to one that was run.
 * Algorithm: Abdulla et al., "Source Sets" (JACM 2017), with waits as operations that are not
 * ready, see event-log.ts.
 */

import { ACCESS, KIND, type Machine, type MachineOptions, type TaskRec } from '../machine/index.js';
import { EventLog, type Event } from './event-log.js';
import { conflict, lastFootprint, type Fault, type Footprint } from './footprint.js';
import type { Limits } from './limits.js';
import type { Built, Decision, Program } from './program.js';
import { replay } from './replay.js';
import { endOfRun, type BugBook } from './run.js';
import {
  ANY,
  insert,
  NO,
  UNKNOWN,
  weakInitial,
  type Branching,
  type Sequence,
  type Step,
} from './wakeup-tree.js';

interface Level {
  mark: number;
  /** Steps whose continuations are all explored. */
  sleep: Step[];
  /** What must still be explored from here; the first is being explored. */
  tree: Branching[];
  fresh: boolean;
}

export interface DporOptions {
  readonly keepGoing: boolean;
  /** The options that the machine was built with. */
  readonly machine: MachineOptions;
  readonly fault?: Fault;
  /** Called at the end of every execution. */
  readonly onEnd: (machine: Machine) => void;
}

/** Explore every Mazurkiewicz trace of the program. */
export function exploreDpor(
  program: Program,
  built: Built,
  limits: Limits,
  book: BugBook,
  options: DporOptions,
): void {
  const { machine } = built;
  const log = new EventLog(options.fault);
  const levels: Level[] = [];
  const confirmed = new Set<string>();
  let depth = 0;
  open([], []);
  for (;;) {
    const level = levels[depth];
    if (limits.stopped !== null) break;
    if (level.fresh) {
      level.fresh = false;
      if (level.tree.length === 0) plan(level);
    }
    const branching = level.tree[0];
    if (branching === undefined) {
      if (depth === 0) break;
      close();
      continue;
    }
    run(level, branching);
  }
  while (depth > 0) {
    log.pop();
    depth -= 1;
  }
  machine.undo(levels[0].mark);

  function open(sleep: Step[], tree: Branching[]): void {
    const level = levels[depth];
    if (level === undefined) {
      levels[depth] = { mark: machine.mark(), sleep, tree, fresh: true };
    } else {
      level.mark = machine.mark();
      level.sleep = sleep;
      level.tree = tree;
      level.fresh = true;
    }
  }

  /** Decide how to go on where nothing is planned: or see that the execution is over. */
  function plan(level: Level): void {
    let enabled = 0;
    const asleep = (task: TaskRec, choice: number): boolean =>
      level.sleep.some((step) => step.task === task.index && step.choice === choice);
    const last = depth > 0 ? log.events[depth - 1].task : null;
    let pick: TaskRec | null = null;
    for (const task of machine.tasks) {
      if (!machine.enabled(task)) continue;
      enabled += 1;
      let awake = false;
      for (let c = machine.choices(task) - 1; c >= 0; c -= 1) if (!asleep(task, c)) awake = true;
      // Staying with the same task keeps counterexamples readable.
      if (awake && (pick === null || task === last)) pick = task;
    }
    if (pick !== null) {
      const choices = machine.choices(pick);
      for (let choice = 0; choice < choices; choice += 1) {
        if (asleep(pick, choice)) continue;
        level.tree.push({ step: { task: pick.index, choice, footprint: UNKNOWN }, next: [] });
      }
      return;
    }
    if (enabled > 0) {
      limits.blocked += 1;
      return;
    }
    limits.executions += 1;
    endOfRun(built);
    options.onEnd(machine);
    note(depth);
    detectRaces();
  }

  function run(level: Level, branching: Branching): void {
    const { task: index, choice } = branching.step;
    const task = machine.tasks.find((t) => t.index === index);
    if (task === undefined || !machine.enabled(task)) {
      throw new Error(`planned step of task ${index} is not possible: a bug in the explorer`);
    }
    if (choice === ANY) {
      level.tree.shift();
      for (let c = machine.choices(task) - 1; c >= 0; c -= 1) {
        if (level.sleep.some((step) => step.task === index && step.choice === c)) continue;
        level.tree.unshift({ step: { task: index, choice: c, footprint: UNKNOWN }, next: [] });
      }
      return;
    }
    const tasksBefore = machine.tasks.length;
    machine.step(task, choice);
    const footprint = lastFootprint(machine);
    branching.step = { task: index, choice, footprint };
    log.push(machine, task, choice, footprint, tasksBefore);
    limits.step(depth + 1);
    if (machine.findings.length > 0) note(depth + 1);
    const sleep = level.sleep.filter(
      (step) => !conflict(step.footprint, footprint) && step.task !== index,
    );
    depth += 1;
    open(sleep, branching.next);
  }

  function close(): void {
    const event = log.events[depth - 1];
    log.pop();
    depth -= 1;
    const level = levels[depth];
    machine.undo(level.mark);
    level.tree.shift();
    level.sleep.push({ task: event.task.index, choice: event.choice, footprint: event.footprint });
  }

  /** Plan the reversal of every race of the finished execution. */
  function detectRaces(): void {
    const { events } = log;
    for (let second = 0; second < events.length; second += 1) {
      const event = events[second];
      for (const first of event.races) {
        // Which outcomes an allocation has depends on what was freed before it.
        const choice = event.op?.kind === KIND.alloc ? ANY : event.choice;
        reverse(first, event.task, choice, reversedFootprint(event, first));
        if (event.plain || events[first].plain) confirmRace(first, second);
      }
    }
    for (const task of machine.tasks) {
      if (task.ended.value || machine.enabled(task)) continue;
      for (const first of log.racesOfWaiting(task)) {
        const { op } = task.node.value!;
        const writes = op!.kind === KIND.lock ? ACCESS.write : ACCESS.read;
        reverse(first, task, 0, { cells: [op!.cell], modes: [writes] });
      }
    }
  }

  function reverse(first: number, task: TaskRec, choice: number, footprint: Footprint): void {
    const level = levels[first];
    const positions = log.independentOf(first);
    const steps: Step[] = positions.map((p) => {
      const event = log.events[p];
      return { task: event.task.index, choice: event.choice, footprint: event.footprint };
    });
    const lastIndex = steps.length;
    steps.push({ task: task.index, choice, footprint });
    const sequence: Sequence = {
      steps,
      ordered: (i, j) => {
        if (j < lastIndex) return log.before(positions[i], log.events[positions[j]].clock);
        return steps[i].task === task.index || conflict(steps[i].footprint, footprint);
      },
    };
    const nothingRemoved: boolean[] = [];
    for (const step of level.sleep) {
      if (weakInitial(step, sequence, nothingRemoved) !== NO) return;
    }
    insert(level.tree, sequence);
  }

  /** What the second event of a race touches if it comes before the first. */
  function reversedFootprint(event: Event, first: number): Footprint {
    const { op, footprint } = event;
    if (op === null || (op.kind !== KIND.cmpxchg && op.kind !== KIND.trylock)) return footprint;
    const found = log.valueWithout(op.cell, first);
    const writes = op.kind === KIND.cmpxchg ? found === op.a : ((found as number) & 1) === 0;
    const cells = [...footprint.cells];
    const modes = footprint.cells.map((cell, i) =>
      cell === op.cell ? (writes ? ACCESS.write : ACCESS.read) : footprint.modes[i],
    );
    return { cells, modes };
  }

  /**
   * A race with a plain access is a data race if the two can meet. Run the execution in which they
   * do, where the machine itself reports it.
   */
  function confirmRace(first: number, second: number): void {
    const a = log.events[first];
    const b = log.events[second];
    const key = `${a.task.index}:${a.node}|${b.task.index}:${b.node}`;
    if (confirmed.has(key)) return;
    confirmed.add(key);
    const decision = (event: Event): Decision => ({ task: event.task.key, choice: event.choice });
    const schedule = [
      ...log.events.slice(0, first).map(decision),
      ...log
        .independentOf(first)
        .filter((p) => p < second)
        .map((p) => decision(log.events[p])),
      decision(b),
    ];
    const { findings, diverged } = replay(program, schedule, { machine: options.machine });
    if (diverged !== null) return;
    for (const { finding, title } of findings) {
      if (finding.kind !== 'KCSAN') continue;
      limits.bugs += book.addTitled(finding, title, schedule);
    }
  }

  function note(steps: number): void {
    if (machine.findings.length === 0) return;
    limits.bugs += book.add(machine.findings, () =>
      log.events.slice(0, steps).map((event) => ({ task: event.task.key, choice: event.choice })),
    );
    if (!options.keepGoing && book.grave) limits.stopped ??= 'a bug was found';
  }
}
