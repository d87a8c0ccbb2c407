/**
 * One exploration as plain data, so that it can run in a worker thread, and how to run it.
 *
 * Exploring is synchronous and long; in a worker the main thread stays free for Ctrl-C and progress.
 */

import type { ExploreOptions } from '../explore/index.js';
import type { KernelFunction } from '../machine/index.js';
import { findScenario, findVariant, programOf } from '../scenario/index.js';
import type { LockrefModel } from '../lockref/index.js';

export interface Job {
  readonly scenario: string;
  readonly variant: string;
  readonly lockref: LockrefModel;
  readonly fs: 'nsfs' | 'pidfs';
  readonly reuse: 'never' | 'lifo' | 'explore';
  readonly failAlloc: boolean;
  /** Path of a file whose exports replace kernel functions. */
  readonly patch: string | null;
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
export async function programOfJob(job: Job): Promise<ReturnType<typeof programOf>> {
  const functions: Readonly<Record<string, KernelFunction>> =
    // The compiler is large: it is loaded only if there is something to compile.
    job.patch === null ? {} : await (await import('./patch.js')).loadPatch(job.patch);
  const scenario = findScenario(job.scenario);
  return programOf(scenario, {
    variant: findVariant(scenario, job.variant),
    lockref: job.lockref,
    fs: job.fs,
    reuse: job.reuse,
    failAlloc: job.failAlloc,
    functions,
  });
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
