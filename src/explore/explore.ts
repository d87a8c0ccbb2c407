/**
 * One exploration from start to verdict.
 *
 * Invariant: HOLDS needs an exhausted search, no bug, and at least one execution that could have
 * gone another way; everything else gets the word that says less.
 */

import type { Branch } from '../machine/index.js';
import { brute } from './brute.js';
import { exploreDpor } from './dpor.js';
import { Limits } from './limits.js';
import { smallestSchedule } from './minimise.js';
import type { Built, Engine, ExploreOptions, ExploreResult, Program, Verdict } from './program.js';
import { BugBook } from './run.js';
import { exploreSamples } from './sample.js';
import { exploreStates } from './states.js';

const MINIMISE_STATES_MAX = 200_000;
const MINIMISE_SECONDS = 2;
const PCT_DEPTH = 3;

/** Explore the interleavings of `program`. Deterministic but for budgets in seconds. */
export function explore(program: Program, options: ExploreOptions = {}): ExploreResult {
  const engine: Engine =
    options.engine === undefined || options.engine === 'auto' ? 'dpor' : options.engine;
  const built = program.build({
    ...options.machine,
    commutingSnapshots: engine === 'dpor',
    forgetFreed: engine === 'states' && options.keepGoing !== true,
  });
  const limits = new Limits(options);
  const book = new BugBook(built.machine);
  const executions = run(engine, program, built, limits, book, options);
  const stopped = limits.stopped;
  if (book.size > 0 && (options.minimise ?? true)) minimise(program, book, options);
  const bugs = book.bugs;
  const sampled = engine === 'random' || engine === 'pct';
  const complete = !sampled && stopped === null;
  const taken = built.machine.branchesTaken;
  const isTaken = (branch: Branch): boolean => taken.has(branch);
  return {
    verdict: verdictOf(bugs.length > 0, complete, executions > 1 || sequential(built)),
    engine,
    complete,
    reason: complete ? null : (stopped ?? 'schedules were sampled'),
    executions,
    blocked: limits.blocked,
    states: limits.states,
    steps: limits.steps,
    depth: limits.depth,
    bugs,
    taken: program.branches.filter(isTaken),
    neverTaken: program.branches.filter((branch) => !isTaken(branch)),
    seconds: limits.seconds,
  };
}

/** @returns the number of executions */
function run(
  engine: Engine,
  program: Program,
  built: Built,
  limits: Limits,
  book: BugBook,
  options: ExploreOptions,
): number {
  const keepGoing = options.keepGoing ?? false;
  const onEnd = options.onEnd ?? (() => undefined);
  switch (engine) {
    case 'states':
      return exploreStates(built, limits, book, keepGoing, onEnd);
    case 'dpor':
      exploreDpor(program, built, limits, book, {
        keepGoing,
        fault: options.fault ?? 'none',
        onEnd,
        machine: options.machine ?? {},
      });
      return limits.executions;
    case 'random':
    case 'pct':
      exploreSamples(built, limits, book, {
        strategy: engine,
        seed: options.seed ?? 1,
        keepGoing,
        depth: options.depth ?? PCT_DEPTH,
      });
      return limits.executions;
    case 'brute': {
      const result = brute(program, { machine: options.machine ?? {} });
      if (!result.complete) limits.stopped = 'too many interleavings for brute force';
      return result.executions;
    }
  }
}

function minimise(program: Program, book: BugBook, options: ExploreOptions): void {
  // The gravest bug is the one that is shown; the others are wanted only if all were asked for.
  const bugs = options.keepGoing === true ? book.bugs : book.bugs.slice(0, 1);
  for (const bug of bugs) {
    const built = program.build(options.machine ?? {});
    const limits = new Limits({
      budget: { states: MINIMISE_STATES_MAX, seconds: MINIMISE_SECONDS },
      ...(options.now === undefined ? {} : { now: options.now }),
    });
    const schedule = smallestSchedule(built, bug.title, limits);
    if (schedule !== null) book.replace(bug.title, schedule, true);
  }
}

/** One task alone has one interleaving, and that is all there is to explore. */
function sequential({ machine }: Built): boolean {
  return machine.tasks.filter((task) => !task.actor).length === 1;
}

function verdictOf(violated: boolean, complete: boolean, concurrent: boolean): Verdict {
  if (violated) return 'VIOLATED';
  if (!complete) return 'INCOMPLETE';
  return concurrent ? 'HOLDS' : 'VACUOUS';
}
