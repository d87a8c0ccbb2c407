/**
 * One exploration from start to verdict.
 *
 * Invariant: HOLDS needs an exhausted search, no bug, and at least one execution that could have
 * gone another way; everything else gets the word that says less.
 */

import { MisuseError, type Branch, type Machine } from '../machine/index.js';
import { brute } from './brute.js';
import { exploreDpor } from './dpor.js';
import { Limits } from './limits.js';
import { checkLiveness } from './liveness.js';
import { smallestSchedule } from './minimise.js';
import type {
  Bug,
  Built,
  Engine,
  ExploreOptions,
  ExploreResult,
  Program,
  Verdict,
} from './program.js';
import { replay } from './replay.js';
import { BugBook } from './run.js';
import { exploreSamples } from './sample.js';
import { splitBugs } from './split.js';
import { missedStateChance, StateTable } from './state-table.js';
import { STALE_POINTER, StateSearch, TABLE_FULL } from './states.js';
import { assertSymmetric, symmetricTasks } from './symmetry.js';

const MINIMISE_STATES_MAX = 200_000;
const MINIMISE_SECONDS = 10;
const PCT_DEPTH = 3;
const PREEMPTIONS = 2;
/** What `auto` remembers before it turns to an engine that remembers nothing. */
const AUTO_STATES_MAX = 4_000_000;
/** Up to how many states their interleavings are counted. */
const NUMBERS_MAX = 1_000_000;

/** Explore the interleavings of `program`. Deterministic but for budgets in seconds. */
export function explore(program: Program, options: ExploreOptions = {}): ExploreResult {
  const wanted = options.engine ?? 'auto';
  if (options.symmetry === true) {
    if (wanted !== 'auto' && wanted !== 'states') {
      throw new MisuseError('symmetry needs the search of states: use engine states');
    }
    return exploreWith('states', program, { ...options, engine: 'states' });
  }
  if (wanted !== 'auto') return exploreWith(wanted, program, options);
  const result = exploreWith('states', program, options);
  return result.reason === TABLE_FULL ? exploreWith('dpor', program, options) : result;
}

function exploreWith(engine: Engine, program: Program, options: ExploreOptions): ExploreResult {
  const result = exploreOnce(engine, program, options);
  if (!mustSearchEveryOrder(result)) return result;
  const { budget } = options;
  const left = budget?.seconds === undefined ? {} : { seconds: budget.seconds - result.seconds };
  const again = { ...options, freesFirst: false, budget: { ...budget, ...left } };
  return exploreOnce(engine, program, again);
}

/** Did a search stop for a stale pointer, with nothing found that would have stopped it anyhow? */
export function mustSearchEveryOrder({
  reason,
  bugs,
}: Pick<ExploreResult, 'reason' | 'bugs'>): boolean {
  return reason === STALE_POINTER && bugs.every(({ kind }) => kind === 'KCSAN');
}

function exploreOnce(engine: Engine, program: Program, options: ExploreOptions): ExploreResult {
  const built = program.build(machineOptionsFor(engine, options));
  const limits = new Limits(options);
  const book = new BugBook(built.machine);
  const { executions, interleavings, guarantee } = run(
    engine,
    program,
    built,
    limits,
    book,
    options,
  );
  const sampled = engine === 'random' || engine === 'pct';
  // A state that leads back to itself: whether fair runs can stay there decides the graph.
  const goesRound =
    interleavings === Number.POSITIVE_INFINITY ||
    (engine === 'states' && interleavings === null && built.machine.goesRound);
  const liveness =
    goesRound || (options.liveness === true && !sampled) ? checkLiveness(program, options) : null;
  if (liveness !== null) limits.stopped ??= liveness.reason;
  const complete = !sampled && limits.stopped === null;
  const taken = built.machine.branchesTaken;
  const isTaken = (branch: Branch): boolean => taken.has(branch);
  const found = splitBugs(program, book.bugs, machineOptionsFor(engine, options));
  const shown =
    found.length > 0 && (options.minimise ?? true) ? smallestBugs(program, found, options) : found;
  const told = shown.map((bug) => (bug.kind === 'lockdep' ? tellWhetherAlone(program, bug) : bug));
  const bugs = [...told, ...(liveness?.livelocks ?? [])].sort(
    (a, b) => Number(a.kind === 'KCSAN') - Number(b.kind === 'KCSAN'),
  );
  return {
    verdict: verdictOf(bugs.length > 0, complete, () => isVacuous(program, engine, executions)),
    engine,
    complete,
    reason: complete ? null : (limits.stopped ?? 'schedules were sampled'),
    executions,
    interleavings,
    guarantee,
    blocked: limits.blocked,
    states: limits.states,
    missedStateChance: missedStateChanceOf(engine, limits.states),
    steps: limits.steps,
    depth: limits.depth,
    bugs,
    taken: program.branches.filter(isTaken),
    neverTaken: program.branches.filter((branch) => !isTaken(branch)),
    seconds: limits.seconds,
  };
}

/** Two orders of locks may never meet in one interleaving; then no replay of one shows the bug. */
function tellWhetherAlone(program: Program, bug: Bug): Bug {
  const { findings } = replay(program, bug.schedule);
  if (findings.some(({ title }) => title === bug.title)) return bug;
  const detail = `${bug.detail}, in another interleaving: a replay of this one alone shows nothing`;
  return { ...bug, detail };
}

/** The bound of {@link missedStateChance} for what an engine has covered; null if it needs none. */
export function missedStateChanceOf(engine: Engine, states: number): number | null {
  return engine === 'states' || engine === 'bounded' ? missedStateChance(states) : null;
}

/** How the machine counts for an engine. */
export function machineOptionsFor(
  engine: Engine,
  options: Pick<ExploreOptions, 'machine' | 'keepGoing'>,
): NonNullable<ExploreOptions['machine']> {
  return {
    ...options.machine,
    commutingSnapshots: engine === 'dpor',
    joinUpdates: engine === 'dpor' || engine === 'states',
    // What comes after a first use after free is of interest only to who wants all bugs.
    forgetFreed: (engine === 'states' || engine === 'bounded') && options.keepGoing !== true,
  };
}

/** May a search over states leave out orders of freeing? Not if every bug is asked for. */
export function letsFreesGoFirst(
  machine: Machine,
  { freesFirst, keepGoing }: Pick<ExploreOptions, 'freesFirst' | 'keepGoing'>,
): boolean {
  return (freesFirst ?? true) && keepGoing !== true && !machine.watchAll;
}

function run(
  engine: Engine,
  program: Program,
  built: Built,
  limits: Limits,
  book: BugBook,
  options: ExploreOptions,
): { executions: number; interleavings: number | null; guarantee: string | null } {
  const keepGoing = options.keepGoing ?? false;
  const onEnd = options.onEnd ?? (() => undefined);
  let interleavings: number | null = null;
  let guarantee: string | null = null;
  switch (engine) {
    case 'states': {
      const visited = new StateTable({
        numbersMax: NUMBERS_MAX,
        ...(options.engine === 'states' ? {} : { sizeMax: AUTO_STATES_MAX }),
      });
      const symmetry = options.symmetry ?? false;
      if (symmetry) guarantee = renamingOf(program);
      const freesFirst = letsFreesGoFirst(built.machine, options);
      const search = new StateSearch(built, limits, book, {
        visited,
        keepGoing,
        onEnd,
        symmetry,
        freesFirst,
      });
      const paths = search.go();
      if (symmetry) assertSymmetric(built.machine);
      const isCounted = visited.counts && !(search.reduced && Number.isFinite(paths));
      if (limits.stopped === null && isCounted) interleavings = paths;
      break;
    }
    case 'bounded': {
      const preemptions = options.preemptions ?? PREEMPTIONS;
      const visited = new StateTable();
      new StateSearch(built, limits, book, { visited, keepGoing, onEnd, preemptions }).go();
      if (limits.stopped !== null) break;
      limits.stopped = `only executions with at most ${preemptions} preemptions`;
      guarantee = `HOLDS for every schedule with at most ${preemptions} preemptions (not a proof)`;
      break;
    }
    case 'dpor':
      exploreDpor(program, built, limits, book, {
        keepGoing,
        fault: options.fault ?? 'none',
        onEnd,
        machine: machineOptionsFor('dpor', options),
        ...(options.unit === undefined ? {} : { unit: options.unit }),
      });
      break;
    case 'random':
    case 'pct':
      guarantee = exploreSamples(built, limits, book, {
        strategy: engine,
        seed: options.seed ?? 1,
        keepGoing,
        depth: options.depth ?? PCT_DEPTH,
      });
      break;
    case 'brute': {
      const result = brute(program, { machine: options.machine ?? {} });
      for (const [title, { finding, schedule }] of result.smallest) {
        book.addTitled(finding, title, schedule);
      }
      if (!result.complete) limits.stopped = 'too many interleavings for brute force';
      return { executions: result.executions, interleavings: result.executions, guarantee };
    }
  }
  return { executions: limits.executions, interleavings, guarantee };
}

/** What a search up to renaming takes for granted, in words. */
export function renamingOf(program: Program): string {
  const count = symmetricTasks(program);
  return count === 0
    ? 'no tasks are declared symmetric'
    : `up to renaming of ${count} symmetric tasks`;
}

/**
 * The smallest counterexamples: of the first bug that an interleaving runs into, or of every bug if
 * all were asked for. A bug whose search is cut off is returned as it was found.
 */
export function smallestBugs(
  program: Program,
  bugs: readonly Bug[],
  options: ExploreOptions,
): readonly Bug[] {
  const smallest = (isWanted: (bug: Pick<Bug, 'title' | 'kind'>) => boolean): Bug | null => {
    const built = program.build({ ...options.machine, forgetFreed: options.keepGoing !== true });
    const limits = new Limits({
      budget: { states: MINIMISE_STATES_MAX, seconds: MINIMISE_SECONDS },
      ...(options.now === undefined ? {} : { now: options.now }),
    });
    return smallestSchedule(built, isWanted, limits);
  };
  if (options.keepGoing === true) {
    return bugs.map((bug) => smallest(({ title }) => title === bug.title) ?? bug);
  }
  // The gravest is shown; which of several grave ones was met first is an accident.
  const [first, ...others] = bugs as [Bug, ...Bug[]];
  if (first.kind === 'KCSAN') {
    return [smallest(({ title }) => title === first.title) ?? first, ...others];
  }
  return [smallest(({ kind }) => kind !== 'KCSAN') ?? first];
}

/** Several tasks, but no two of them ever touch the same: nothing is put to the test. */
export function isVacuous(program: Program, engine: Engine, executions: number): boolean {
  // One task alone has one interleaving, and that is all there is to explore.
  const built = program.build({ commutingSnapshots: true });
  if (built.machine.tasks.filter((task) => !task.actor).length === 1) return false;
  if (engine === 'dpor' || executions > 1) return executions <= 1;
  const limits = new Limits({});
  exploreDpor(program, built, limits, new BugBook(built.machine), {
    keepGoing: true,
    machine: {},
    onEnd: () => {
      if (limits.executions > 1) limits.stopped = 'not vacuous';
    },
  });
  // One that never ended can still go another way.
  return limits.executions <= 1 && limits.stopped === null;
}

/** The word for what came out. */
export function verdictOf(
  violated: boolean,
  complete: boolean,
  isVacuousNow: () => boolean,
): Verdict {
  if (violated) return 'VIOLATED';
  if (!complete) return 'INCOMPLETE';
  return isVacuousNow() ? 'VACUOUS' : 'HOLDS';
}
