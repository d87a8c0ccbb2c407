/**
 * One scenario on one side of a patch, the kernel without it or with it: what comes out, and does
 * any run call a function of the patch at all?
 *
 * Invariant: as long as no function of a patch is called, the kernel runs as without it. So whether
 * a scenario is touched depends on the names of the replaced functions alone, and not on their code.
 */

import {
  checkLiveness,
  explore,
  type Budget,
  type Bug,
  type Program,
  type Verdict,
} from '../../explore/index.js';
import type { KernelFunction } from '../../machine/index.js';
import { programWith, type Job } from '../job.js';
import type { Patch } from './load.js';

/** What came out, as plain data. */
export interface Side {
  readonly verdict: Verdict;
  /** Why it is not complete. */
  readonly reason: string | null;
  readonly states: number;
  readonly bug: Bug | null;
  /** `function what` of branches that some interleaving took. */
  readonly taken: readonly string[];
  /** How often a call of a function tries again, at most; null for without bound. */
  readonly retries: readonly { readonly fn: string; readonly most: number | null }[];
  readonly seconds: number;
}

/** Does any run call the patch? `unseen` if not everything could be looked at. */
export type Touch = 'yes' | 'no' | 'unseen';

const PROBES = 20;
const now = (): number => performance.now() / 1000;

/** @param goesOn asked now and then: false stops, with 'unseen' */
export function touches(job: Job, patch: Patch, goesOn: () => boolean = () => true): Touch {
  let called = false;
  const functions = Object.entries(patch.functions).map(([name, body]) => {
    const counted = (...args: never[]): ReturnType<KernelFunction> => {
      called = true;
      return (body as (...all: never[]) => ReturnType<KernelFunction>)(...args);
    };
    // The machine tells functions apart by their names.
    return [name, Object.defineProperty(counted, 'name', { value: name })] as const;
  });
  const program = programWith(job, { ...patch, functions: Object.fromEntries(functions) });
  const options = { now, minimise: false, onProgress: () => !called && goesOn() };
  // Most functions are called in any run; for the others it takes all of them.
  explore(program, { ...options, engine: 'random', seed: 1, budget: { executions: PROBES } });
  if (called) return 'yes';
  // A bug of the kernel's own is no reason to stop: a later run may call the patch.
  const { complete } = explore(program, { ...options, keepGoing: true, budget: budgetOf(job) });
  if (called) return 'yes';
  return complete ? 'no' : 'unseen';
}

/**
 * Explore one side.
 * @param asked functions whose retries are of interest even if there are none; null if none are,
 * which is faster
 * @param goesOn asked now and then: false stops
 */
export function sideOf(
  job: Job,
  patch: Patch,
  asked: readonly string[] | null,
  goesOn: () => boolean = () => true,
): Side {
  const program = programWith(job, patch);
  const seconds = job.seconds ?? Number.POSITIVE_INFINITY;
  const start = now();
  const result = explore(program, {
    engine: job.engine === 'dpor' || job.engine === 'states' ? job.engine : 'auto',
    now,
    onProgress: goesOn,
    budget: budgetOf(job),
  });
  const { verdict, reason, states, bugs, taken, complete } = result;
  const left = seconds - (now() - start);
  const known = complete && bugs.length === 0 && asked !== null && goesOn();
  return {
    verdict,
    reason,
    states,
    bug: bugs[0] ?? null,
    taken: taken.map(({ fn, what }) => `${fn} ${what}`),
    retries: known ? retriesIn(program, asked, left, goesOn) : [],
    seconds: now() - start,
  };
}

/** Bounds on retries, none if the graph of states is not complete in time. */
function retriesIn(
  program: Program,
  asked: readonly string[],
  seconds: number,
  goesOn: () => boolean,
): Side['retries'] {
  const { complete, retries } = checkLiveness(program, {
    functions: asked,
    now,
    onProgress: goesOn,
    budget: Number.isFinite(seconds) ? { seconds: Math.max(0, seconds) } : {},
  });
  if (!complete) return [];
  return retries.map(({ fn, most }) => ({ fn, most: Number.isFinite(most) ? most : null }));
}

function budgetOf({ seconds, executions }: Job): Budget {
  return {
    ...(seconds === null ? {} : { seconds }),
    ...(executions === null ? {} : { executions }),
  };
}
