/**
 * Optimal dynamic partial-order reduction: one execution per Mazurkiewicz trace.
 *
 * Runs an execution, finds the races in it, and for each race plans the shortest continuation in
 * which the second event comes first, unless an equivalent one was run. Invariant: when it ends
 * unstopped, every execution of the program is equivalent to one that was run.
 * Algorithm: Abdulla et al., "Source Sets" (JACM 2017), with waits as operations that are not
 * ready, see event-log.ts.
 */

import {
  ACCESS,
  isLoadForUpdate,
  KIND,
  type Machine,
  type MachineOptions,
  type Node,
  type TaskRec,
} from '../machine/index.js';
import { EventLog } from './event-log.js';
import { Footprints, type Fault, type Footprint } from './footprint.js';
import type { Limits } from './limits.js';
import type { Built, Decision, Program } from './program.js';
import { replay } from './replay.js';
import { endOfRun, type BugBook } from './run.js';
import { descend, type Sleeper } from './units.js';
import { Branchings, COVERED, Sequence, type Branching } from './wakeup-tree.js';

/** A point of the execution: what is done with, and what must still be explored from it. */
class Level {
  mark = 0;
  // Steps whose continuations are all explored: parallel arrays of `asleep` entries.
  readonly sleepTask: number[] = [];
  readonly sleepChoice: number[] = [];
  readonly sleepFootprint: Footprint[] = [];
  asleep = 0;
  /**
   * Whether that is explored in another unit. Races with it are found there, and what they ask for
   * here is not heard of; so as long as such a step is asleep, every decision is tried.
   */
  readonly sleepForeign: boolean[] = [];
  /** Every decision that is awake is planned: races ask for nothing more. */
  expanded = false;
  /** What is planned; the first is being explored. */
  tree: Branching[] = [];
  fresh = true;
  /** What the step taken here touches with each of its outcomes, if it has several. */
  readonly outcomes: Footprint[] = [];

  addAsleep(task: number, choice: number, footprint: Footprint, foreign: boolean): void {
    this.sleepForeign[this.asleep] = foreign;
    this.sleepTask[this.asleep] = task;
    this.sleepChoice[this.asleep] = choice;
    this.sleepFootprint[this.asleep] = footprint;
    this.asleep += 1;
  }

  isAsleep(task: number, choice: number): boolean {
    for (let i = 0; i < this.asleep; i += 1) {
      if (this.sleepTask[i] === task && this.sleepChoice[i] === choice) return true;
    }
    return false;
  }
}

export interface DporOptions {
  readonly keepGoing: boolean;
  /** The options that the machine was built with. */
  readonly machine: MachineOptions;
  readonly fault?: Fault;
  /** Explore only what begins like this, as cut by units.ts. */
  readonly unit?: readonly Decision[];
  /** Called at the end of every execution. */
  readonly onEnd: (machine: Machine) => void;
  /** Called at the end of every execution with its events; for tests. */
  readonly onTrace?: (log: EventLog) => void;
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
  const footprints = new Footprints();
  const sequence = new Sequence(log, footprints);
  const pool = new Branchings();
  const levels: Level[] = [];
  const confirmed = new Set<number>();
  let depth = 0;
  // Races whose second event is before this position are settled: the events that may still come
  // do not change what reversing them needs.
  let racesDone = 0;
  const base = open([]).mark;
  const floor = options.unit?.length ?? 0;
  enterUnit(options.unit ?? []);
  for (;;) {
    const level = levels[depth];
    if (limits.stopped !== null) break;
    if (level.fresh) {
      level.fresh = false;
      if (level.tree.length === 0) plan(level);
    }
    if (level.tree.length === 0) {
      if (depth === floor) break;
      close();
      continue;
    }
    run(level, level.tree[0]);
  }
  while (depth > 0) {
    log.pop();
    depth -= 1;
  }
  machine.undo(base);

  /** Take the decisions of a unit's prefix: other ways to go from there are other units. */
  function enterUnit(unit: readonly Decision[]): void {
    let asleep: Sleeper[] = [];
    for (const decision of unit) {
      asleep = descend(machine, footprints, asleep, decision, (task, footprint, tasksBefore) => {
        log.push(machine, task, decision.choice, footprint, tasksBefore);
        if (machine.findings.length > 0) note(depth + 1);
      });
      depth += 1;
      const level = open([]);
      for (const { task, choice, footprint } of asleep) {
        level.addAsleep(task, choice, footprint, true);
      }
    }
  }

  function open(tree: Branching[]): Level {
    const level = (levels[depth] ??= new Level());
    level.mark = machine.mark();
    level.asleep = 0;
    level.tree = tree;
    level.fresh = true;
    level.expanded = false;
    return level;
  }

  /** Decide how to go on where nothing is planned: or see that the execution is over. */
  function plan(level: Level): void {
    let enabled = 0;
    const last = depth > 0 ? log.tasks[depth - 1] : null;
    let pick: TaskRec | null = null;
    const { tasks } = machine;
    if (level.sleepForeign.indexOf(true) !== -1 && hasForeign(level)) {
      level.expanded = true;
      for (const task of tasks) {
        if (!machine.enabled(task)) continue;
        const choices = machine.choices(task);
        for (let choice = 0; choice < choices; choice += 1) {
          if (level.isAsleep(task.index, choice)) continue;
          level.tree.push(pool.take(task.index, choice, null));
        }
      }
      if (level.tree.length > 0) return;
    }
    for (let i = 0; i < tasks.length; i += 1) {
      const task = tasks[i];
      if (!machine.enabled(task)) continue;
      enabled += 1;
      // Staying with the same task keeps counterexamples readable.
      if (pick !== null && task !== last) continue;
      let awake = false;
      for (let c = machine.choices(task) - 1; c >= 0; c -= 1) {
        if (!level.isAsleep(task.index, c)) awake = true;
      }
      if (awake) pick = task;
    }
    if (pick !== null) {
      const choices = machine.choices(pick);
      for (let choice = 0; choice < choices; choice += 1) {
        if (level.isAsleep(pick.index, choice)) continue;
        const footprint = choices === 1 ? null : look(pick, choice);
        level.tree.push(pool.take(pick.index, choice, footprint));
      }
      return;
    }
    if (enabled > 0) {
      // Only below a unit's prefix; its races count nevertheless.
      limits.blocked += 1;
      detectRaces(false);
      return;
    }
    limits.countExecution();
    endOfRun(built);
    options.onEnd(machine);
    options.onTrace?.(log);
    note(depth);
    detectRaces(true);
  }

  function hasForeign(level: Level): boolean {
    for (let i = 0; i < level.asleep; i += 1) if (level.sleepForeign[i]) return true;
    return false;
  }

  function run(level: Level, branching: Branching): void {
    const { task: index, choice } = branching;
    const task = machine.taskAt(index);
    if (!machine.enabled(task)) {
      throw new Error(`planned step of task ${index} is not possible: a bug in the explorer`);
    }
    if (level.outcomes.length > 0) level.outcomes.length = 0;
    const choices = machine.choices(task);
    for (let c = 0; choices > 1 && c < choices; c += 1) level.outcomes.push(look(task, c));
    const tasksBefore = machine.tasks.length;
    machine.step(task, choice);
    const footprint = footprints.last(machine);
    branching.footprint = footprint;
    log.push(machine, task, choice, footprint, tasksBefore);
    limits.step(depth + 1);
    if (machine.findings.length > 0) note(depth + 1);
    depth += 1;
    const next = open(branching.next);
    for (let i = 0; i < level.asleep; i += 1) {
      const sleeper = level.sleepFootprint[i];
      if (level.sleepTask[i] === index || footprints.conflict(sleeper, footprint)) continue;
      next.addAsleep(level.sleepTask[i], level.sleepChoice[i], sleeper, level.sleepForeign[i]);
    }
  }

  /** What a step would touch. */
  function look(task: TaskRec, choice: number): Footprint {
    const mark = machine.mark();
    machine.step(task, choice);
    const footprint = footprints.last(machine);
    machine.undo(mark);
    return footprint;
  }

  function close(): void {
    log.pop();
    depth -= 1;
    if (racesDone > depth) racesDone = depth;
    const level = levels[depth];
    machine.undo(level.mark);
    const { expanded } = level;
    level.addAsleep(log.taskIndex[depth], log.choice[depth], log.footprints[depth], expanded);
    pool.giveBack(level.tree.shift()!);
  }

  /**
   * Plan the reversal of every race of the finished execution that is not planned for good.
   * @param whole nothing is left to do; else what is left is asleep
   */
  function detectRaces(whole: boolean): void {
    let unsettled = depth;
    for (let second = racesDone; second < depth; second += 1) {
      const op = log.ops[second];
      const { index } = log.tasks[second];
      for (let i = log.racesAt[second]; i < log.racesAt[second + 1]; i += 1) {
        if (log.raceSettled[i] !== 0) continue;
        const first = log.raceFirst[i];
        // Which outcomes an allocation has depends on what was freed before it, but for the first.
        const choice = op?.kind === KIND.alloc ? 0 : log.choice[second];
        const footprint = reversedFootprint(second, first);
        if (reverse(first, second, index, choice, footprint, whole) === COVERED.forGood) {
          log.raceSettled[i] = 1;
        } else if (second < unsettled) {
          unsettled = second;
        }
        if (log.plain[second] !== 0 || log.plain[first] !== 0) confirmRace(first, second);
      }
    }
    // Another outcome of a step is in conflict with the one it had, and with all that hangs on it.
    for (let at = racesDone; at < depth; at += 1) {
      const { outcomes } = levels[at];
      for (let choice = 0; choice < outcomes.length; choice += 1) {
        if (choice === log.choice[at]) continue;
        const { index } = log.tasks[at];
        const covered = reverse(at, at, index, choice, outcomes[choice], whole);
        if (covered !== COVERED.forGood && at < unsettled) unsettled = at;
      }
    }
    racesDone = unsettled;
    for (let t = 0; t < machine.tasks.length; t += 1) {
      const task = machine.tasks[t];
      if (task.ended.value || machine.enabled(task)) continue;
      const until = log.racesOfWaiting(task);
      for (let i = log.racesAt[depth]; i < until; i += 1) {
        const footprint = footprints.ofWait(task.node.value!);
        reverse(log.raceFirst[i], depth, task.index, 0, footprint, whole);
      }
    }
  }

  /** @returns how the reversal is covered now */
  function reverse(
    first: number,
    second: number,
    task: number,
    choice: number,
    footprint: Footprint,
    whole: boolean,
  ): number {
    if (first < floor) return COVERED.forGood;
    const level = levels[first];
    if (level.expanded) return COVERED.forGood;
    sequence.set(first, second, task, choice, footprint, whole);
    for (let i = 0; i < level.asleep; i += 1) {
      const { sleepTask, sleepChoice, sleepFootprint } = level;
      const covered = sequence.coveredBy(sleepTask[i], sleepChoice[i], sleepFootprint[i]);
      if (covered !== COVERED.no) return covered;
    }
    return sequence.insertInto(level.tree, pool);
  }

  /** What the second event of a race touches if it comes before the first. */
  function reversedFootprint(second: number, first: number): Footprint {
    const op = log.ops[second];
    const footprint = log.footprints[second];
    if (op === null) return footprint;
    const { kind, cell } = op;
    let writes: boolean;
    if (kind === KIND.trylock) {
      writes = ((log.valueWithout(cell, first) as number) & 1) === 0;
    } else if (kind === KIND.cmpxchg || (kind === KIND.read && isLoadForUpdate(op))) {
      const found = log.valueWithout(cell, first);
      const load = loadOf(log.nodes[second]!);
      writes =
        load === null
          ? kind === KIND.cmpxchg && found === op.a
          : machine.exchangeAfter(log.tasks[second], load, found) !== null;
    } else {
      return footprint;
    }
    return footprints.changed(footprint, cell, writes ? ACCESS.write : ACCESS.read);
  }

  /** Where the load is that is one step with what a task does at `node`, or null. */
  function loadOf(node: Node): Node | null {
    if (!machine.joinUpdates) return null;
    for (const at of [node, node.parent]) {
      if (at?.op?.kind === KIND.read && isLoadForUpdate(at.op)) return at;
    }
    return null;
  }

  /**
   * A race with a plain access is a data race if the two can meet. Run the execution in which they
   * do, where the machine itself reports it.
   */
  function confirmRace(first: number, second: number): void {
    const key = (log.nodes[first]?.vid ?? 0) * 2 ** 26 + (log.nodes[second]?.vid ?? 0);
    if (confirmed.has(key)) return;
    confirmed.add(key);
    const decision = (p: number): Decision => ({ task: log.tasks[p].key, choice: log.choice[p] });
    const schedule: Decision[] = [];
    for (let p = 0; p < second; p += 1) {
      if (p < first || (p > first && !log.before(first, p))) schedule.push(decision(p));
    }
    schedule.push(decision(second));
    const { findings, diverged } = replay(program, schedule, { machine: options.machine });
    if (diverged !== null) return;
    for (const { finding, title } of findings) {
      if (finding.kind !== 'KCSAN') continue;
      limits.bugs += book.addTitled(finding, title, schedule);
    }
  }

  function note(steps: number): void {
    if (machine.findings.length === 0) return;
    limits.bugs += book.add(machine.findings, () => schedule(steps));
    if (!options.keepGoing && book.grave) limits.stopped ??= 'a bug was found';
  }

  function schedule(steps: number): Decision[] {
    const decisions: Decision[] = [];
    for (let p = 0; p < steps; p += 1) {
      decisions.push({ task: log.tasks[p].key, choice: log.choice[p] });
    }
    return decisions;
  }
}
