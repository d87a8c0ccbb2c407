/** `dlab patch`: the scenarios that a patch touches, before and after it, and what changed. */

import { EXIT } from '../exit.js';
import type { Job } from '../job.js';
import { jobsOf, lookOf, type CheckFlags } from '../options.js';
import { SCENARIOS } from '../../scenario/index.js';
import { exitOf, type Pair } from './compare.js';
import { Crew } from './crew.js';
import { loadPatch } from './load.js';
import { comparisonJson, comparisonText, type Comparison } from './text.js';
import { blamingPatch, withPatch } from './vet.js';

/** For each side of each scenario, unless said otherwise. */
const BUDGET = '10s';

/** @param names of scenarios, none for all @returns the exit code */
export async function patch(
  path: string,
  names: readonly string[],
  given: CheckFlags,
): Promise<number> {
  const flags: CheckFlags = { ...given, with: path, budget: given.budget ?? BUDGET };
  const jobs = patchJobs(names, flags);
  if (flags.watch === true) return (await import('./watch.js')).watch(path, jobs, flags);
  const look = lookOf(flags);
  const vetted = await withPatch(jobs, flags);
  const crew = new Crew(vetted[0].jobs);
  const onInterrupt = (): void => {
    if (process.exitCode === EXIT.interrupted) process.exit();
    process.exitCode = EXIT.interrupted;
    crew.nextSave();
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  const progress = new Progress(vetted.length);
  try {
    const comparison = await compare(path, vetted, crew, progress);
    progress.end();
    const isInterrupted = process.exitCode === EXIT.interrupted;
    const code = isInterrupted
      ? EXIT.interrupted
      : exitOf(comparison.pairs, comparison.unseen.length);
    if (flags.json === true) {
      console.log(JSON.stringify(await comparisonJson(comparison, code), null, 2));
    } else {
      console.log(await blamingPatch(vetted[0], () => comparisonText(comparison, look)));
    }
    if (isInterrupted) console.error('dlab: interrupted: what is not listed was not finished');
    return code;
  } finally {
    progress.end();
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
    await crew.close();
  }
}

/** The scenarios that are looked at, each on the variant of the flags or its newest. */
function patchJobs(names: readonly string[], { variant, ...flags }: CheckFlags): Job[] {
  if (names.length > 0) {
    return jobsOf(names, variant === undefined ? flags : { ...flags, variant });
  }
  const known = (name: string): boolean => name === variant || name === `mutation/${variant}`;
  return SCENARIOS.flatMap((scenario) => {
    const hasIt = scenario.variants.some(({ name }) => known(name));
    return jobsOf([scenario.name], hasIt ? { ...flags, variant: variant! } : flags);
  });
}

/** Ask for everything, and put it together in the order of the catalogue. */
async function compare(
  path: string,
  jobs: readonly Job[],
  crew: Crew,
  progress: Progress,
): Promise<Comparison> {
  const [first] = jobs as [Job];
  const { functions } = await loadPatch(path, first.compiled!);
  const replaced = Object.keys(functions).sort();
  const pairs: Pair[] = [];
  const untouched: string[] = [];
  const unseen: string[] = [];
  const parts = jobs.map(async (job) => {
    const touch = await crew.touch(job);
    if (touch !== 'yes') return { job, touch };
    const [before, after] = await Promise.all([
      crew.side({ ...job, patch: null, compiled: null }, replaced),
      crew.side(job, replaced),
    ]);
    return { job, touch, pair: { job, before, after } };
  });
  for (const part of parts)
    void part.then(
      () => progress.one(),
      () => undefined,
    );
  const settled = await Promise.allSettled(parts);
  for (const result of settled) {
    if (result.status === 'rejected') {
      if ((result.reason as Error).name === 'Superseded') continue;
      throw result.reason;
    }
    const { job, touch, pair } = result.value;
    if (pair !== undefined) pairs.push(pair);
    else (touch === 'no' ? untouched : unseen).push(job.scenario);
  }
  return { path, replaced, pairs, untouched, unseen };
}

/** How many scenarios are done, on a terminal. */
class Progress {
  readonly #all: number;
  #done = 0;

  constructor(all: number) {
    this.#all = all;
  }

  one(): void {
    this.#done += 1;
    if (!process.stderr.isTTY) return;
    process.stderr.write(`\r  ${this.#done} of ${this.#all} scenarios\u001b[K`);
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }
}
