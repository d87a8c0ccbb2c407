/**
 * Doing a job: which engine, in how many threads, with progress on stderr and a way to stop it.
 *
 * Ctrl-C once asks the threads to stop and to report what they have; twice ends the process at once.
 * Invariant: the verdict, the counts and the counterexample do not depend on the number of threads.
 */

import {
  GOES_ROUND,
  missedStateChanceOf,
  mustSearchEveryOrder,
  renamingOf,
  TABLE_FULL,
  verdictOf,
  type Engine,
  type ExploreResult,
  type Program,
} from '../explore/index.js';
import type { Branch } from '../machine/index.js';
import { assertCanHoldCheckpoint, fingerprintOf, loadCheckpoint, sameWork } from './checkpoint.js';
import { EXIT, UsageError } from './exit.js';
import { programOfJob, type Job } from './job.js';
import type { Counts, Found } from './messages.js';
import { Pool } from './pool.js';
import { ProgressLine } from './progress.js';
import { runStates, type Saving } from './run-states.js';
import { runUnits } from './run-units.js';

/** Where to save what, and what to go on with. */
export interface Persistence {
  readonly checkpoint: string | null;
  readonly everyMs: number;
  readonly resume: string | null;
}

export const NO_PERSISTENCE: Persistence = { checkpoint: null, everyMs: 30_000, resume: null };

export interface Outcome {
  readonly result: ExploreResult;
  readonly interrupted: boolean;
  /** The checkpoint from which this check can go on; null if there is none. */
  readonly resumeFrom: string | null;
  /** How many executions there are in all, if that was estimated. */
  readonly estimate: { readonly executions: number; readonly error: number } | null;
  /** For a shard: how many units it has, and how many were finished. */
  readonly units: { readonly all: number; readonly done: number } | null;
}

/** Programs with fewer traces than this are not worth cutting into units. */
const WHOLE_EXECUTIONS_MAX = 3000;
const INTERRUPTED = 'interrupted';
const BUG = 'a bug was found';

interface Partial {
  readonly engine: Engine;
  readonly found: Found;
  readonly reason: string | null;
  readonly interleavings: number | null;
  readonly guarantee: string | null;
  readonly units: Outcome['units'];
}

/** Do a job to its end, or until Ctrl-C. */
export async function runInWorker(
  job: Job,
  persistence: Persistence = NO_PERSISTENCE,
): Promise<Outcome> {
  const program = await programOfJob(job);
  const run = new Run(job, program, persistence);
  let asked = false;
  const onInterrupt = (): void => {
    if (asked) process.exit(EXIT.interrupted);
    asked = true;
    // Holds also if the reader of the report was interrupted too.
    process.exitCode = EXIT.interrupted;
    run.pool.stop(INTERRUPTED);
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  try {
    return await run.outcome();
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
    await run.close();
  }
}

class Run {
  readonly pool: Pool;
  readonly #job: Job;
  readonly #program: Program;
  readonly #persistence: Persistence;
  readonly #progress: ProgressLine;
  readonly #start = performance.now();
  #secondsBefore = 0;
  #saved = false;
  /** Told once, not every 30 s. */
  #lastFailure = '';
  #estimate: Outcome['estimate'] = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(job: Job, program: Program, persistence: Persistence) {
    this.#job = job;
    this.#program = program;
    this.#persistence = persistence;
    this.pool = new Pool(job, job.jobs);
    this.#progress = new ProgressLine(job.scenario);
    this.pool.onProgress = () => this.#onProgress(this.pool.counts);
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#progress.clear();
    await this.pool.close();
  }

  get #seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#start) / 1000;
  }

  #onProgress(counts: Counts): void {
    this.#progress.show(counts, this.#seconds, this.#estimate);
  }

  async outcome(): Promise<Outcome> {
    const { seconds } = this.#job;
    if (seconds !== null) {
      const stop = (): void => this.pool.stop(`budget of ${seconds} s used up`);
      this.#timer = setTimeout(stop, seconds * 1000);
    }
    const partial = await this.#explore();
    const interrupted = this.pool.reason === INTERRUPTED;
    this.#progress.end();
    const result = await this.#result(partial);
    const { checkpoint, resume } = this.#persistence;
    const resumeFrom = this.#saved && !result.complete ? (checkpoint ?? resume) : null;
    return { result, interrupted, estimate: this.#estimate, units: partial.units, resumeFrom };
  }

  async #explore(): Promise<Partial> {
    const { checkpoint, everyMs, resume } = this.#persistence;
    const target = checkpoint ?? resume;
    if (checkpoint !== null) assertCanHoldCheckpoint(checkpoint);
    const fingerprint = target === null ? '' : fingerprintOf(this.#job);
    const saving: Saving | null =
      target === null
        ? null
        : { path: target, everyMs, fingerprint, attempt: (save) => this.#attempt(save) };
    const loaded = resume === null ? null : this.#load(resume, fingerprint);
    if (loaded !== null) this.#secondsBefore = loaded.saved.seconds;
    const { engine, shard } = this.#job;
    if (loaded?.saved.engine === 'dpor') return this.#units(saving, loaded.saved);
    if (loaded?.saved.engine === 'states') {
      const partial = await this.#states(saving, { saved: loaded.saved, states: loaded.states });
      return engine === 'auto' ? this.#orUnits(partial, saving) : partial;
    }
    if (shard !== null) return this.#units(saving, null);
    switch (engine) {
      case 'dpor': {
        // What goes in one go cannot be saved halfway.
        const { executions } = this.#job;
        if (saving === null && executions !== null && executions <= WHOLE_EXECUTIONS_MAX) {
          return (await this.#whole('dpor', null))!;
        }
        const whole = saving === null ? await this.#whole('dpor', WHOLE_EXECUTIONS_MAX) : null;
        return whole ?? this.#units(saving, null);
      }
      case 'random':
      case 'pct':
      case 'bounded':
        return (await this.#whole(engine, null))!;
      case 'states':
        return this.#states(saving, null);
      case 'auto':
        return this.#orUnits(await this.#states(saving, null), saving);
    }
  }

  /** Start again with the engine that remembers no states if there was no room for them. */
  #orUnits(partial: Partial, saving: Saving | null): Promise<Partial> | Partial {
    if (partial.reason !== TABLE_FULL || partial.found.bugs.some(({ kind }) => kind !== 'KCSAN')) {
      return partial;
    }
    this.pool.reason = null;
    return this.#units(saving, null);
  }

  #attempt(save: () => void): void {
    try {
      save();
      this.#saved = true;
      this.#lastFailure = '';
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      if (error.message === this.#lastFailure) return;
      this.#lastFailure = error.message;
      this.#progress.clear();
      console.error(`dlab: ${error.message}; going on without`);
    }
  }

  #load(path: string, fingerprint: string): ReturnType<typeof loadCheckpoint> {
    const loaded = loadCheckpoint(path);
    const shardOf = ({ shard }: Job): string => (shard === null ? '' : `${shard.part}/${shard.of}`);
    if (!sameWork(loaded.job, this.#job) || shardOf(loaded.job) !== shardOf(this.#job)) {
      throw new UsageError(`${path} belongs to another check: ${describe(loaded.job)}`);
    }
    if (loaded.fingerprint !== fingerprint) {
      throw new UsageError(`${path} was made by other code: start again without --resume`);
    }
    return loaded;
  }

  /** In one go in one thread. @returns null if there are more executions than allowed */
  async #whole(engine: Job['engine'], executionsMax: number | null): Promise<Partial | null> {
    const message = { type: 'whole', engine, executionsMax } as const;
    const { result } = await this.pool.member(0).ask(message, 'whole');
    const isCut = !result.complete && result.bugs.length === 0 && this.pool.reason === null;
    if (executionsMax !== null && isCut) return null;
    const taken = result.taken.map((branch) => this.#branchIndex(branch));
    return {
      engine: result.engine,
      found: { ...result, taken },
      reason: result.complete ? null : (this.pool.reason ?? result.reason),
      interleavings: result.interleavings,
      guarantee: result.guarantee,
      units: null,
    };
  }

  #branchIndex(branch: Branch): number {
    return this.#program.branches.findIndex(
      ({ fn, what }) => fn === branch.fn && what === branch.what,
    );
  }

  async #states(saving: Saving | null, resumed: Parameters<typeof runStates>[3]): Promise<Partial> {
    const seconds = (): number => this.#seconds;
    // Before anything is searched: what is declared symmetric may not be.
    const guarantee = this.#job.symmetry ? renamingOf(this.#program) : null;
    const search = (from: typeof resumed, freesFirst: boolean): ReturnType<typeof runStates> =>
      runStates(this.pool, this.#job, saving, from, freesFirst, seconds);
    let outcome = await search(resumed, resumed?.saved.freesFirst ?? true);
    if (mustSearchEveryOrder({ reason: outcome.reason, bugs: outcome.found.bugs })) {
      this.pool.reason = null;
      outcome = await search(null, false);
    }
    // Whether they can for ever is decided on the whole graph, in one thread.
    if (outcome.reason === GOES_ROUND) return (await this.#whole('states', null))!;
    return { engine: 'states', ...outcome, interleavings: null, guarantee, units: null };
  }

  async #units(saving: Saving | null, resumed: Parameters<typeof runUnits>[4]): Promise<Partial> {
    const outcome = await runUnits(
      this.pool,
      this.#job,
      this.#program,
      saving,
      resumed,
      () => this.#seconds,
      (total) => (this.#estimate = total),
    );
    const units = { all: outcome.units, done: outcome.done };
    return { engine: 'dpor', ...outcome, interleavings: null, guarantee: null, units };
  }

  async #result({
    engine,
    found,
    reason,
    interleavings,
    guarantee,
  }: Partial): Promise<ExploreResult> {
    const { program, bugs } = { program: this.#program, bugs: found.bugs };
    const complete = reason === null;
    const shown = bugs.length === 0 ? [] : await this.#smallest(engine, bugs);
    let vacuous = false;
    if (complete && bugs.length === 0) {
      const message = { type: 'vacuous', executions: found.executions } as const;
      ({ vacuous } = await this.pool.member(0).ask(message, 'vacuous'));
    }
    return {
      ...found,
      verdict: verdictOf(bugs.length > 0, complete, () => vacuous),
      engine,
      complete,
      reason,
      interleavings,
      guarantee,
      missedStateChance: missedStateChanceOf(engine, found.states),
      bugs: shown,
      taken: program.branches.filter((_, i) => found.taken.includes(i)),
      neverTaken: program.branches.filter((_, i) => !found.taken.includes(i)),
      seconds: this.#seconds,
    };
  }

  async #smallest(engine: Engine, bugs: Found['bugs']): Promise<Found['bugs']> {
    const message = { type: 'smallest', bugs } as const;
    const { bugs: smallest } = await this.pool.member(0).ask(message, 'smallest');
    const isProved = smallest.every((bug, i) => bug.minimal || (i > 0 && !this.#job.keepGoing));
    if (isProved || this.pool.size === 1 || this.pool.reason !== BUG) return smallest;
    // Which bug several threads run into first is an accident; what one thread finds is not.
    const alone = new Pool(this.#job, 1);
    try {
      const question = {
        type: 'whole',
        engine: engine as Job['engine'],
        executionsMax: null,
      } as const;
      const { result } = await alone.member(0).ask(question, 'whole');
      return result.bugs.length > 0 ? result.bugs : smallest;
    } finally {
      await alone.close();
    }
  }
}

function describe({ scenario, variant, lockref, rcu, fs, engine }: Job): string {
  return `${scenario} --variant ${variant} --lockref ${lockref} --rcu ${rcu} --fs ${fs} --engine ${engine}`;
}
