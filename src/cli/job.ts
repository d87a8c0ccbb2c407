/**
 * One exploration as plain data, so that it can run in a worker thread, and how to run it.
 *
 * Exploring is synchronous and long; in a worker the main thread stays free for Ctrl-C and progress.
 */

import type { ExploreOptions, Program } from '../explore/index.js';
import { findScenario, findVariant, programOf } from '../scenario/index.js';
import type { LockrefModel } from '../lockref/index.js';
import type { RcuLevel } from '../rcu/index.js';
import type { Compiled } from './patch/compile.js';
import { loadPatch, NO_PATCH, type Patch } from './patch/load.js';

export interface Job {
  readonly scenario: string;
  readonly variant: string;
  readonly lockref: LockrefModel;
  /** How RCU is modelled. */
  readonly rcu: RcuLevel;
  readonly fs: 'nsfs' | 'pidfs';
  readonly reuse: 'never' | 'lifo' | 'explore';
  readonly failAlloc: boolean;
  /** Path of a file whose exports replace kernel functions. */
  readonly patch: string | null;
  /** That file as this process has compiled it; null to compile it when it is needed. */
  readonly compiled: Compiled | null;
  readonly engine: 'auto' | 'states' | 'dpor' | 'bounded' | 'random' | 'pct';
  readonly seed: number;
  readonly keepGoing: boolean;
  /** Explore symmetric tasks up to renaming. */
  readonly symmetry: boolean;
  readonly seconds: number | null;
  readonly executions: number | null;
  /** At most so many preemptions in one execution; null for any number. */
  readonly preemptions: number | null;
  /** Threads to explore with. */
  readonly jobs: number;
  /** Which part of the units is explored, from 1; null for all. */
  readonly shard: { readonly part: number; readonly of: number } | null;
}

/** The program of a job. */
export async function programOfJob(job: Job): Promise<Program> {
  return programWith(job, await patchOf(job));
}

/** The program of a job with a patch that is loaded already. */
export function programWith(job: Job, { functions, branches }: Patch): Program {
  const scenario = findScenario(job.scenario);
  const program = programOf(scenario, {
    variant: findVariant(scenario, job.variant),
    lockref: job.lockref,
    rcu: job.rcu,
    fs: job.fs,
    reuse: job.reuse,
    failAlloc: job.failAlloc,
    functions,
  });
  return { ...program, branches: [...new Set([...program.branches, ...branches])] };
}

async function patchOf({ patch, compiled }: Job): Promise<Patch> {
  if (patch === null) return NO_PATCH;
  if (compiled !== null) return loadPatch(patch, compiled);
  // The compiler is large: it is loaded only if there is something to compile.
  const { PatchFolder } = await import('./patch/compile.js');
  return loadPatch(patch, new PatchFolder().compile(patch));
}

/** How the explorer is asked to do a job. */
export function exploreOptionsOf(job: Job): ExploreOptions {
  return {
    engine: job.engine,
    seed: job.seed,
    keepGoing: job.keepGoing,
    ...(job.preemptions === null ? {} : { preemptions: job.preemptions }),
    budget: {
      ...(job.seconds === null ? {} : { seconds: job.seconds }),
      ...(job.executions === null ? {} : { executions: job.executions }),
    },
  };
}
