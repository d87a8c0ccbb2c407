/**
 * Why an interleaving fails: how likely the bug still was after each step, from where on nothing
 * could prevent it, and the nearest interleaving that passes.
 *
 * Works on a search of its own, after a bug was found. Invariants: a share counts complete
 * interleavings over the graph of states, and is called certain or impossible only when it is, not
 * when it rounds so; the passing schedule was run to its end; what a budget cut off is left out.
 */

import { Counter, type Doom } from './counter.js';
import { Limits } from './limits.js';
import { smallestSchedule } from './minimise.js';
import { nearestPassing, type Near } from './near.js';
import type { Bug, Built, ExploreOptions, Program } from './program.js';

/** Why an interleaving fails. */
export interface Explanation {
  /** The bug, with the smallest schedule that is known. */
  readonly bug: Bug;
  /** Before the first step and after each one; null where the budget did not suffice. */
  readonly doom: readonly (Doom | null)[];
  /** Number of the step after which every interleaving fails; null if that is not known. */
  readonly noReturn: number | null;
  /** The nearest passing schedule; null if no single edit makes one, or none was found in time. */
  readonly near: Near | null;
  /** What is missing, and why, as a sentence; null if nothing is. */
  readonly stopped: string | null;
}

/** How long an explanation may take. */
export interface ExplainOptions extends Pick<ExploreOptions, 'machine' | 'now'> {
  /** For each of minimising, looking for a passing schedule, and counting. */
  readonly states?: number;
  /** Wall-clock seconds in all; needs `now`. */
  readonly seconds?: number;
}

const STATES_MAX = 150_000;
const SECONDS = 2;
const NEAR = 'looking for the nearest schedule that passes';

/** Explain a bug of a program. */
export function explain(program: Program, found: Bug, options: ExplainOptions = {}): Explanation {
  const seconds = options.seconds ?? SECONDS;
  const states = options.states ?? STATES_MAX;
  const now = options.now ?? ((): number => 0);
  const end = now() + seconds;
  const parts: Part[] = [];
  /** Of the time that is left. */
  const limitsFor = (doing: string, part: number): Limits => {
    const given = Math.max(0, (end - now()) * part);
    const limits = new Limits({ budget: { states, steps: states * 4, seconds: given }, now });
    parts.push({ doing, given, limits });
    return limits;
  };
  const build = (): Built => program.build({ ...options.machine });
  const bug = found.minimal ? found : smallest(build(), found, limitsFor('minimising', 0.4));
  const near = nearestPassing(build(), bug, limitsFor(NEAR, 0.3));
  const limits = limitsFor('counting the interleavings', 0.95);
  const counter = new Counter(build(), ({ title }) => title === bug.title, limits);
  const doom = counter.along(bug);
  const every = near === null ? null : counter.isSafeAfter(near.schedule.slice(0, near.edited));
  const first = doom.findIndex((point) => point?.certain === true);
  const known = first > 0 && doom[first - 1] !== null;
  return {
    bug,
    doom,
    noReturn: known || first === 0 ? first : null,
    near: near === null ? null : { ...near, every },
    stopped: stoppedWords(near === null ? parts : parts.filter(({ doing }) => doing !== NEAR)),
  };
}

/** What an explanation does one after the other. */
interface Part {
  readonly doing: string;
  /** Seconds that it had. */
  readonly given: number;
  readonly limits: Limits;
}

/** What was stopped, and at what. */
function stoppedWords(parts: readonly Part[]): string | null {
  const words = parts.flatMap(({ doing, given, limits: { stopped } }) => {
    if (stopped === null) return [];
    const budget = /^budget of (.*) used up$/.exec(stopped)?.[1];
    if (budget === undefined) return [`${doing} stopped: ${stopped}`];
    return given < 0.005 ? [`no time was left for ${doing}`] : [`${doing} stopped after ${budget}`];
  });
  return words.length === 0 ? null : words.join('; ');
}

function smallest(built: Built, bug: Bug, limits: Limits): Bug {
  return smallestSchedule(built, ({ title }) => title === bug.title, limits) ?? bug;
}
