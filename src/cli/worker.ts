/**
 * An exploring thread: does what it is told, and posts what comes out.
 *
 * While it explores it hears nothing but the commands in shared memory; everything else waits in
 * its queue. Invariant: every message is answered by exactly one answer or by an error.
 */

import { parentPort, workerData } from 'node:worker_threads';
import {
  assertSymmetric,
  BugBook,
  COMMANDS,
  explore,
  exploreDpor,
  isVacuous,
  letsFreesGoFirst,
  Limits,
  machineOptionsFor,
  Mailboxes,
  SharedStateTable,
  smallestBugs,
  splitBugs,
  StateSearch,
  type Engine,
  type ExploreOptions,
  type Frontier,
  type Program,
  type Progress,
  type Schedule,
} from '../explore/index.js';
import type { Machine } from '../machine/index.js';
import { UsageError } from './exit.js';
import { exploreOptionsOf, programOfJob } from './job.js';
import { failureOf, isThrownBy } from './patch/load.js';
import type { Found, FromWorker, ToWorker, WorkerData } from './messages.js';

const PROGRESS_SECONDS = 0.1;
/** Trees of answers are kept from unit to unit, up to so many nodes: they are a cache. */
const NODES_MAX = 1_000_000;

const { job, me, boxes: boxMemory } = workerData as WorkerData;
const boxes = new Mailboxes(boxMemory, me);
const now = (): number => performance.now() / 1000;

function post(message: FromWorker): void {
  parentPort?.postMessage(message);
}

let lastProgress = 0;

function onProgress({ executions, blocked, states, steps, depth }: Progress): boolean {
  if (now() - lastProgress >= PROGRESS_SECONDS) {
    lastProgress = now();
    post({ type: 'progress', counts: { executions, blocked, states, steps, depth } });
  }
  return boxes.commanded === COMMANDS.work;
}

/** @param most executions or states, as the engine counts */
function limitsOf(most: number | null): Limits {
  return new Limits({ now, onProgress, budget: most === null ? {} : { executions: most } });
}

class Explorer {
  readonly #program: Program;
  readonly #options: ExploreOptions = { ...exploreOptionsOf(job), now, onProgress };
  #search: { search: StateSearch; limits: Limits; book: BugBook; machine: Machine } | null = null;
  #frontiers: Frontier[] = [];
  #built: ReturnType<Program['build']> | null = null;

  constructor(program: Program) {
    this.#program = program;
  }

  answer(message: ToWorker): void {
    switch (message.type) {
      case 'whole': {
        const { engine, executionsMax } = message;
        const budget =
          executionsMax === null ? this.#options.budget : { executions: executionsMax };
        const result = explore(this.#program, {
          ...this.#options,
          engine,
          minimise: false,
          ...(engine === 'states' ? { symmetry: job.symmetry } : {}),
          ...(budget === undefined ? {} : { budget }),
        });
        post({ type: 'whole', result });
        break;
      }
      case 'states': {
        const built = this.#program.build(machineOptionsFor('states', this.#options));
        const limits = limitsOf(message.statesMax);
        const book = new BugBook(built.machine);
        const search = new StateSearch(built, limits, book, {
          visited: new SharedStateTable(message.table),
          keepGoing: job.keepGoing,
          sharing: boxes,
          symmetry: job.symmetry,
          freesFirst: message.freesFirst && letsFreesGoFirst(built.machine, job),
        });
        this.#search = { search, limits, book, machine: built.machine };
        this.#frontiers = [...message.frontiers];
        if (message.start) search.start();
        this.#searchStates();
        break;
      }
      case 'continue':
        this.#search!.search.useTable(new SharedStateTable(message.table));
        this.#search!.limits.goOn();
        this.#searchStates();
        break;
      case 'unit':
        // States are not searched any more: their table and the tree of answers are large.
        this.#search = null;
        this.#unit(message.unit, message.executionsMax);
        break;
      case 'smallest':
        post({
          type: 'smallest',
          bugs: smallestBugs(this.#program, message.bugs, {
            ...this.#options,
            onProgress: () => true,
          }),
        });
        break;
      case 'vacuous':
        post({
          type: 'vacuous',
          vacuous: isVacuous(this.#program, job.engine as Engine, message.executions),
        });
        break;
    }
  }

  #searchStates(): void {
    const { search, limits, book, machine } = this.#search!;
    for (;;) {
      search.run();
      if (limits.stopped !== null) break;
      const frontier = this.#frontiers.shift();
      if (frontier !== undefined) {
        search.resume(frontier);
        continue;
      }
      const path = boxes.take();
      if (path === null) break;
      search.follow(path);
    }
    if (job.symmetry) assertSymmetric(machine);
    const open = search.frontier();
    post({
      type: 'states',
      reason: limits.stopped,
      goesRound: machine.goesRound,
      found: this.#found('states', limits, book, machine),
      frontiers: open === null ? this.#frontiers : [open, ...this.#frontiers],
    });
  }

  #unit(unit: Schedule, executionsMax: number | null): void {
    if (this.#built === null || this.#built.machine.nodeCount > NODES_MAX) {
      this.#built = this.#program.build(machineOptionsFor('dpor', this.#options));
    }
    const { machine } = this.#built;
    const limits = limitsOf(executionsMax);
    const book = new BugBook(machine);
    exploreDpor(this.#program, this.#built, limits, book, {
      keepGoing: job.keepGoing,
      machine: machineOptionsFor('dpor', this.#options),
      onEnd: () => undefined,
      unit,
    });
    const found = this.#found('dpor', limits, book, machine);
    post({ type: 'unit', reason: limits.stopped, found });
  }

  #found(engine: Engine, limits: Limits, book: BugBook, machine: Machine): Found {
    const { executions, blocked, states, steps, depth } = limits;
    const taken: number[] = [];
    for (const [i, branch] of this.#program.branches.entries()) {
      if (machine.branchesTaken.has(branch)) taken.push(i);
    }
    const bugs = splitBugs(this.#program, book.bugs, machineOptionsFor(engine, this.#options));
    return { executions, blocked, states, steps, depth, bugs, taken };
  }
}

function fail(thrown: unknown): void {
  const { compiled, patch } = job;
  const isOfPatch = compiled !== null && isThrownBy(compiled, thrown as Error);
  const error = isOfPatch ? failureOf(patch!, thrown as Error, 'throws when it runs') : thrown;
  const { message, stack, name } = error as Error;
  const usage = error instanceof UsageError || name === 'MisuseError';
  post({ type: 'error', usage, message, stack: stack ?? message });
}

// So that an error in a patch names the user's file.
if (job.compiled !== null) process.setSourceMapsEnabled(true);

try {
  const explorer = new Explorer(await programOfJob(job));
  parentPort?.on('message', (message: ToWorker) => {
    try {
      explorer.answer(message);
    } catch (error) {
      fail(error);
    }
  });
} catch (error) {
  fail(error);
}
