/**
 * Exhaustive search over states: every reachable state is visited once, every step out of it taken.
 *
 * A state is the content of all cells and the place of every task in its tree of answers, so equal
 * states have equal futures. Invariant: the graph has no cycle, because a task never returns to a
 * node; so interleavings can be counted by adding up, bottom up.
 */

import type { Machine, TaskRec } from '../machine/index.js';
import type { Limits } from './limits.js';
import type { Built, Decision } from './program.js';
import { endOfRun, type BugBook } from './run.js';
import { StateTable } from './state-table.js';

interface Level {
  mark: number;
  h0: number;
  h1: number;
  h2: number;
  /** Interleavings from here, so far. */
  paths: number;
  /** The open decisions: tasks and their choices. */
  tasks: TaskRec[];
  choices: number[];
  at: number;
}

/** Value of a state whose interleavings are still being counted; none is ever met. */
const OPEN = -1;

/**
 * Visit every state of the program.
 * @param keepGoing do not stop at the first bug
 * @param onEnd called in every final state
 * @returns the number of interleavings
 */
export function exploreStates(
  built: Built,
  limits: Limits,
  book: BugBook,
  keepGoing: boolean,
  onEnd: (machine: Machine) => void,
): number {
  const { machine } = built;
  const table = new StateTable();
  const levels: Level[] = [];
  machine.store.hashing = true;
  let depth = 0;
  enter(0);
  table.set(machine.store.h0, machine.store.h1, machine.store.h2, OPEN);
  limits.states = 1;
  for (;;) {
    const level = levels[depth];
    if (limits.stopped !== null) break;
    if (level.at === level.tasks.length) {
      if (level.tasks.length === 0) {
        endOfRun(built);
        onEnd(machine);
        note(depth);
        level.paths = 1;
        limits.executions += 1;
      }
      table.set(level.h0, level.h1, level.h2, level.paths);
      if (depth === 0) break;
      depth -= 1;
      const parent = levels[depth];
      parent.paths += level.paths;
      restore(parent);
      continue;
    }
    const { at } = level;
    level.at = at + 1;
    machine.step(level.tasks[at], level.choices[at]);
    limits.step(depth + 1);
    if (machine.findings.length > 0) note(depth + 1);
    const known = table.get(machine.store.h0, machine.store.h1, machine.store.h2);
    if (known !== undefined) {
      level.paths += known;
      restore(level);
      continue;
    }
    depth += 1;
    enter(depth);
    table.set(machine.store.h0, machine.store.h1, machine.store.h2, OPEN);
    limits.states = table.size;
  }
  const { paths } = levels[0];
  machine.undo(levels[0].mark);
  machine.store.hashing = false;
  return paths;

  function enter(d: number): void {
    const level = (levels[d] ??= {
      mark: 0,
      h0: 0,
      h1: 0,
      h2: 0,
      paths: 0,
      tasks: [],
      choices: [],
      at: 0,
    });
    level.mark = machine.mark();
    level.h0 = machine.store.h0;
    level.h1 = machine.store.h1;
    level.h2 = machine.store.h2;
    level.paths = 0;
    level.at = 0;
    openDecisions(machine, level.tasks, level.choices);
  }

  function restore(level: Level): void {
    machine.undo(level.mark);
    machine.store.h0 = level.h0;
    machine.store.h1 = level.h1;
    machine.store.h2 = level.h2;
  }

  function note(steps: number): void {
    if (machine.findings.length === 0) return;
    const fresh = book.add(machine.findings, () => schedule(steps));
    limits.bugs += fresh;
    if (!keepGoing && book.grave) limits.stopped ??= 'a bug was found';
  }

  function schedule(steps: number): Decision[] {
    return levels.slice(0, steps).map((level) => ({
      task: level.tasks[level.at - 1].key,
      choice: level.choices[level.at - 1],
    }));
  }
}

/** Fill the lists with every decision that is open now. */
export function openDecisions(machine: Machine, tasks: TaskRec[], choices: number[]): void {
  tasks.length = 0;
  choices.length = 0;
  for (const task of machine.tasks) {
    if (!machine.enabled(task)) continue;
    const count = machine.choices(task);
    for (let choice = 0; choice < count; choice += 1) {
      tasks.push(task);
      choices.push(choice);
    }
  }
}
