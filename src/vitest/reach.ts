/**
 * Goals: whether some interleaving gets somewhere.
 *
 * A goal is a branch, a state or an outcome. States and outcomes are looked for by exploring again,
 * with the goal as something to report. Invariant: "never" is said only after a search that covered
 * everything, and never of a name that does not exist.
 */

import { explore, smallestBugs, type Bug, type Program } from '../explore/index.js';
import { MisuseError, type Branch, type Machine, type MachineOptions } from '../machine/index.js';
import { nearest } from '../vfs/index.js';
import { Counterexample } from './counterexample.js';
import type { Exploration } from './exploration.js';
import { matches, returnedIn, type Outcome } from './outcomes.js';

/** Looked at in every state; `world` is that of a scenario of one's own, else undefined. */
export type StatePredicate<W> = (world: W, machine: Machine) => boolean;

/** A branch (or `function what-happens` as text), a state, or an outcome. */
export type Goal<W = unknown> = string | Branch | StatePredicate<W> | Outcome;

export interface Reached {
  /** Null if that is not known. */
  readonly reached: boolean | null;
  /** The goal in words. */
  readonly goal: string;
  /** Why it is not known. */
  readonly reason: string | null;
  /** The smallest interleaving that gets there, if one was looked for. */
  readonly witness: (() => Counterexample | null) | null;
}

const TITLE = 'dentrylab: the goal is reached';

/** Does any interleaving of what was explored get to the goal? @throws MisuseError */
export function reach<W>(exploration: Exploration<W>, goal: Goal<W>): Reached {
  if (typeof goal === 'string' || (typeof goal === 'object' && 'fn' in goal)) {
    return reachBranch(exploration, goal);
  }
  if (typeof goal === 'function') return search(exploration, goal);
  if (typeof goal === 'object' && typeof goal.returned === 'object') {
    return reachOutcome(exploration, goal);
  }
  throw new MisuseError(
    "a goal is a branch ('fn what'), a predicate (world, machine) => boolean, or { returned: … }",
  );
}

function reachBranch<W>(exploration: Exploration<W>, goal: string | Branch): Reached {
  const { branchesTaken, program, result } = exploration;
  const known = new Set(program.branches.map(({ fn, what }) => `${fn} ${what}`));
  for (const label of branchesTaken) known.add(label);
  const text = typeof goal === 'string' ? goal : `${goal.fn} ${goal.what}`;
  const labels = [...known].filter((label) => label === text || label.endsWith(` ${text}`));
  if (labels.length === 0 && typeof goal === 'string') {
    const near = nearest(text, [...known]).map((label) => `\n  '${label}'`);
    const which = near.length === 0 ? 'it has none' : `the nearest are:${near.join('')}`;
    throw new MisuseError(
      `${exploration.name} has no branch '${text}'; ${which}\n` +
        'A branch of your own has to be listed in the branches of the scenario',
    );
  }
  const reached = labels.some((label) => branchesTaken.has(label));
  const isKnown = reached || result.complete;
  return {
    reached: isKnown ? reached : null,
    goal: `'${text}'`,
    reason: isKnown ? null : result.reason,
    witness: null,
  };
}

function reachOutcome<W>(exploration: Exploration<W>, outcome: Outcome): Reached {
  const { outcomes, program, name, result } = exploration;
  const tasks = program.build({}).machine.tasks.map((task) => task.name);
  const names = Object.keys(outcome.returned);
  const unknown = names.length === 0 ? '' : names.find((task) => !tasks.includes(task));
  if (unknown !== undefined) {
    throw new MisuseError(`${name} has no task '${unknown}'; its tasks are ${tasks.join(', ')}`);
  }
  const goal = outcomeWords(outcome);
  if (!outcomes.some((returned) => matches(returned, outcome))) {
    const reached = result.complete ? false : null;
    return { reached, goal, reason: result.reason, witness: null };
  }
  const derived: Program = {
    ...program,
    build(options: MachineOptions) {
      const { machine, atEnd } = program.build(options);
      return {
        machine,
        atEnd: () => {
          atEnd();
          if (matches(returnedIn(machine), outcome)) {
            machine.addFinding({ kind: 'invariant', title: TITLE, detail: '' });
          }
        },
      };
    },
  };
  const witness = (): Counterexample | null => {
    const { bugs } = explore(derived, { ...exploration.choice.explore, keepGoing: true });
    return shown(
      exploration,
      derived,
      goal,
      bugs.find(({ title }) => title === TITLE),
    );
  };
  return { reached: true, goal, reason: null, witness };
}

/** Explore again, with the state as something to report. */
function search<W>(exploration: Exploration<W>, isThere: StatePredicate<W>): Reached {
  const { program, choice } = exploration;
  const title = `invariant: ${TITLE}`;
  const derived: Program = {
    ...program,
    build(options: MachineOptions) {
      const built = program.build({ ...options, watchAll: true, forgetFreed: false });
      const { machine } = built;
      const { world } = built as { world?: W };
      const check = (): string | null => (isThere(world as W, machine) ? '' : null);
      machine.invariants.push({ name: TITLE, check });
      if (check() !== null) {
        const nowhere = { place: null, other: null, cell: null } as const;
        machine.initialFindings.push({ kind: 'invariant', title, detail: '', ...nowhere });
      }
      return built;
    },
  };
  const options = { ...choice.explore, keepGoing: true, minimise: false };
  const result = explore(derived, options);
  const bug = result.bugs.find((found) => found.title === title);
  const goal = 'a state as described';
  if (bug === undefined) {
    const reached = result.complete ? false : null;
    return { reached, goal, reason: result.reason, witness: null };
  }
  const witness = (): Counterexample | null => {
    const [smallest] = smallestBugs(derived, [bug], { keepGoing: true });
    return shown(exploration, derived, goal, smallest);
  };
  return { reached: true, goal, reason: null, witness };
}

function shown<W>(
  exploration: Exploration<W>,
  program: Program,
  title: string,
  bug: Bug | undefined,
): Counterexample | null {
  if (bug === undefined) return null;
  return new Counterexample(program, { ...bug, title }, exploration.tokenOf(bug.schedule));
}

function outcomeWords({ returned }: Outcome): string {
  const words = Object.entries(returned).map(
    ([task, value]) =>
      `${task} returns ${typeof value === 'function' ? 'as described' : String(value)}`,
  );
  return words.join(' and ');
}
