/**
 * The matchers. Each takes an exploration and says yes only if that is proved.
 *
 * Invariant: what is not known fails both the matcher and its negation: INCOMPLETE, VACUOUS and
 * DIVERGED are never a pass.
 */

import { replay, switchesIn, type Verdict } from '../explore/index.js';
import { MisuseError, type KernelFunction } from '../machine/index.js';
import {
  decodeToken,
  findVariant,
  programOf,
  SCENARIOS,
  semanticsOf,
  type Scenario,
} from '../scenario/index.js';
import { Counterexample } from './counterexample.js';
import { Exploration } from './exploration.js';
import { reach, type Goal } from './reach.js';

/** What vitest wants of a matcher. */
interface Answer {
  readonly pass: boolean;
  readonly message: () => string;
}

interface Context {
  readonly isNot: boolean;
}

/** Bounds of a search that is not a proof. */
export interface Bounds {
  /** Every execution with at most so many preemptions. */
  readonly preemptions?: number;
  /** So many sampled executions. */
  readonly samples?: number;
}

/** How large the smallest counterexample may be. */
export interface Size {
  readonly switches?: number;
  readonly steps?: number;
}

type Title = string | RegExp;
type Functions = Readonly<Record<string, KernelFunction>>;

/** Neither yes nor no: fails with and without `.not`. */
function unknown({ isNot }: Context, text: string): Answer {
  return { pass: isNot, message: () => text };
}

/** Yes or no; what to say if the other was expected. */
function known(pass: boolean, ifNo: () => string, ifYes: () => string): Answer {
  return { pass, message: pass ? ifYes : ifNo };
}

function received(value: unknown, matcher: string): Exploration {
  if (value instanceof Exploration) return value;
  if (value instanceof Promise) {
    throw new MisuseError(
      `${matcher}() was given a promise: expect(await …).${matcher}(). An assertion on a promise ` +
        'that nobody waits for would pass whatever comes out',
    );
  }
  const what = value === null ? 'null' : typeof value;
  throw new MisuseError(
    `${matcher}() takes what explore(scenario) returns; not ${what}: ` +
      `expect(explore(scenario)).${matcher}()`,
  );
}

const TO_KNOW: Readonly<Record<Exclude<Verdict, 'HOLDS' | 'VIOLATED'>, string>> = {
  INCOMPLETE:
    'That is no proof. A larger budget, a smaller scenario, or toHoldUpTo() with a bound would say more',
  VACUOUS: 'No two tasks touch the same: there is one interleaving, and nothing is put to the test',
  DIVERGED: 'The schedule no longer fits',
};

/** `INCOMPLETE  stash/three-closers @ v6.11: budget of 50 states used up`, and what helps. */
function openWords({ name, result }: Exploration): string {
  const { verdict, reason } = result;
  const why = reason === null ? '' : `: ${reason}`;
  return `${verdict}  ${name}${why}\n${TO_KNOW[verdict as keyof typeof TO_KNOW]}`;
}

function violatedWords(exploration: Exploration): string {
  const { counterexample, name, titles, scenario } = exploration;
  const others = titles.filter((title) => title !== counterexample!.title);
  const also = others.length === 0 ? '' : `\n\nalso found: ${others.join('; ')}`;
  return `VIOLATED  ${name}\n\n${counterexample!.toMessage(SCENARIOS.includes(scenario))}${also}`;
}

function words(exploration: Exploration): string {
  const { verdict } = exploration;
  if (verdict === 'VIOLATED') return violatedWords(exploration);
  return verdict === 'HOLDS' ? `HOLDS  ${exploration.name}` : openWords(exploration);
}

function fits(title: string, wanted: Title): boolean {
  return typeof wanted === 'string' ? title.includes(wanted) : wanted.test(title);
}

function checkTitle(title: unknown, matcher: string): asserts title is Title {
  if ((typeof title === 'string' && title !== '') || title instanceof RegExp) return;
  throw new MisuseError(
    `${matcher}() takes a part of the bug's title, or an expression: ` +
      `.${matcher}('KASAN: slab-use-after-free'); not ${String(title)}`,
  );
}

function toHoldInEveryInterleaving(this: Context, value: unknown): Answer {
  const exploration = received(value, 'toHoldInEveryInterleaving');
  const { verdict, result } = exploration;
  if (verdict !== 'HOLDS' && verdict !== 'VIOLATED') return unknown(this, openWords(exploration));
  return known(
    verdict === 'HOLDS' && result.complete,
    () => violatedWords(exploration),
    () => `expected a bug in ${exploration.name}, but it holds in every interleaving`,
  );
}

function toHoldUpTo(this: Context, value: unknown, bounds: Bounds): Answer {
  const exploration = received(value, 'toHoldUpTo');
  const { verdict, result, choice } = exploration;
  const { preemptions, samples } = bounds as Partial<Bounds>;
  for (const [name, bound] of Object.entries(bounds as object)) {
    const isBound = name === 'preemptions' || name === 'samples';
    if (!isBound || !Number.isInteger(bound) || (bound as number) < 0) {
      throw new MisuseError(
        `toHoldUpTo() takes { preemptions: n } or { samples: n }; not ${name}: ${String(bound)}`,
      );
    }
  }
  if ((preemptions === undefined) === (samples === undefined)) {
    throw new MisuseError('toHoldUpTo() takes one bound: { preemptions: n } or { samples: n }');
  }
  if (verdict === 'VACUOUS') return unknown(this, openWords(exploration));
  if (verdict === 'VIOLATED') {
    return known(
      false,
      () => violatedWords(exploration),
      () => '',
    );
  }
  const ifYes = (): string => `expected a bug in ${exploration.name}, but none was found`;
  if (verdict === 'HOLDS') return known(true, () => '', ifYes);
  const isSampled = result.engine === 'random' || result.engine === 'pct';
  // Only a search that came to its end has something to guarantee.
  const covered =
    samples === undefined
      ? result.engine === 'bounded' && result.guarantee !== null
        ? choice.explore.preemptions!
        : -1
      : isSampled
        ? result.executions
        : -1;
  if (covered >= (samples ?? preemptions!)) return known(true, () => '', ifYes);
  const advice =
    samples === undefined
      ? `explore(scenario, { preemptions: ${preemptions} }) searches that far`
      : `explore(scenario, { engine: 'pct', seed: 1, budget: { executions: ${samples} } }) samples so many`;
  return unknown(this, `INCOMPLETE  ${exploration.name}: ${result.reason}\n${advice}`);
}

function toFailWith(this: Context, value: unknown, title: Title): Answer {
  const exploration = received(value, 'toFailWith');
  checkTitle(title, 'toFailWith');
  const { titles, result, verdict } = exploration;
  const ifYes = (): string =>
    `expected no bug ${String(title)}, but found it\n\n${violatedWords(exploration)}`;
  const isFound = titles.some((found) => fits(found, title));
  // The smallest interleaving may fail in another way than the one that was met first.
  if (isFound || (verdict === 'VIOLATED' && fits(exploration.bug!.title, title))) {
    return known(true, () => '', ifYes);
  }
  const ifNo = (): string =>
    `expected a bug ${String(title)}, but ${verdict === 'VIOLATED' ? 'found' : 'it is'}\n${words(exploration)}`;
  if (result.complete) return known(false, ifNo, ifYes);
  const more = verdict === 'VIOLATED' ? '\n\nexplore(scenario, { keepGoing: true }) finds all' : '';
  return unknown(this, `${ifNo()}${more}`);
}

function toFailWithin(this: Context, value: unknown, size: Size): Answer {
  const exploration = received(value, 'toFailWithin');
  const bounds = Object.entries(size);
  for (const [name, bound] of bounds) {
    if ((name !== 'steps' && name !== 'switches') || !Number.isInteger(bound)) {
      throw new MisuseError('toFailWithin() takes { switches: n, steps: n }');
    }
  }
  if (bounds.length === 0) throw new MisuseError('toFailWithin() takes { switches: n, steps: n }');
  const { bug } = exploration;
  if (bug === null) return unknown(this, `expected a bug, but it is\n${words(exploration)}`);
  const { steps, switches, minimal } = bug;
  const small = steps <= (size.steps ?? steps) && switches <= (size.switches ?? switches);
  const found = `${steps} steps and ${switches} switches`;
  if (!small && !minimal) return unknown(this, `${found}, not proved to be the smallest`);
  return known(
    small,
    () => `the smallest counterexample has ${found}\n\n${violatedWords(exploration)}`,
    () => `expected a larger counterexample than ${found}`,
  );
}

function reached(context: Context, value: unknown, goal: Goal, wanted: boolean): Answer {
  const matcher = wanted ? 'toReach' : 'toNeverReach';
  const exploration = received(value, matcher);
  const answer = reach(exploration, goal);
  if (answer.reached === null) {
    return unknown(
      context,
      `whether ${exploration.name} reaches ${answer.goal} is not known: ${answer.reason}`,
    );
  }
  const says = (): string => {
    if (answer.reached !== true) {
      return `no interleaving of ${exploration.name} reaches ${answer.goal}`;
    }
    const witness = answer.witness?.() ?? null;
    const how = witness === null ? '' : `\n\n${witness.toString()}`;
    return `an interleaving of ${exploration.name} reaches ${answer.goal}${how}`;
  };
  return known(answer.reached === wanted, says, says);
}

function toReach(this: Context, value: unknown, goal: Goal): Answer {
  return reached(this, value, goal, true);
}

function toNeverReach(this: Context, value: unknown, goal: Goal): Answer {
  return reached(this, value, goal, false);
}

function toCoverEveryBranch(
  this: Context,
  value: unknown,
  { ignore = [] }: { readonly ignore?: readonly string[] } = {},
): Answer {
  const exploration = received(value, 'toCoverEveryBranch');
  const { result, program, name } = exploration;
  const labelsOf = (all: typeof result.taken): string[] =>
    all.map(({ fn, what }) => `${fn} ${what}`);
  if (program.branches.length === 0) {
    throw new MisuseError(`${name} lists no branches: scenario({ branches: [...] })`);
  }
  const never = labelsOf(result.neverTaken);
  const stale = ignore.filter((label) => !never.includes(label));
  if (stale.length > 0) {
    const text = `to be ignored, but no branch, or taken:\n  ${stale.join('\n  ')}`;
    return unknown(this, `${name}\n${text}`);
  }
  const missing = never.filter((label) => !ignore.includes(label));
  if (missing.length > 0 && !result.complete) {
    return unknown(this, `not known, the search is not complete: ${result.reason}\n${name}`);
  }
  return known(
    missing.length === 0,
    () => `branches of ${name} that no interleaving takes:\n  ${missing.join('\n  ')}`,
    () => `every branch of ${name} is taken`,
  );
}

/** A scenario may be given itself: replaying needs no exploration. */
function replayed(value: unknown): { scenario: Scenario; functions: Functions } {
  if (value !== null && typeof value === 'object' && 'build' in value && 'variants' in value) {
    return { scenario: value as Scenario, functions: {} };
  }
  const { scenario, choice } = received(value, 'toReplay');
  return { scenario, functions: choice.scenario.functions };
}

function toReplay(this: Context, value: unknown, token: string, title?: Title): Answer {
  const { scenario, functions } = replayed(value);
  if (title !== undefined) checkTitle(title, 'toReplay');
  const names = scenario.variants.map(({ name }) => name);
  const content = decodeToken(token, [scenario.name], names);
  const isPatched = Object.keys(functions).length > 0;
  if (content.patched !== isPatched) {
    throw new MisuseError(
      isPatched
        ? 'the token was made without functions of its own: leave them out'
        : 'the token was made with functions of its own: explore(scenario, { functions })',
    );
  }
  const { lockref, rcu, fs, reuse, failAlloc, schedule, semantics } = content;
  const variant = findVariant(scenario, content.variant);
  const program = programOf(scenario, {
    variant,
    lockref,
    rcu,
    fs,
    reuse,
    failAlloc,
    functions,
  });
  const { findings, diverged, machine } = replay(program, schedule);
  const changed =
    semantics === null || semantics === semanticsOf(program, schedule)
      ? ''
      : ': its steps no longer do what they did when it was made';
  if (diverged !== null) {
    const at = `step ${diverged.step} of ${schedule.length}: ${diverged.reason}`;
    return unknown(this, `DIVERGED  ${at}\n${token} no longer fits this code${changed}`);
  }
  const titles = findings.map((finding) => finding.title);
  const hit = findings.find((finding) => title === undefined || fits(finding.title, title));
  return known(
    hit !== undefined,
    () =>
      titles.length === 0
        ? `nothing is reported on ${token}${changed}`
        : `expected ${String(title)}, but reported is ${titles.join('; ')} on ${token}`,
    () => {
      const { title: found, finding } = hit!;
      const { kind, detail } = finding;
      const steps = schedule.length;
      const switches = switchesIn(machine, schedule);
      const bug = { title: found, kind, detail, schedule, steps, switches, minimal: false };
      return `still reported\n\n${new Counterexample(program, bug, token).toString()}`;
    },
  );
}

export const MATCHERS = {
  toHoldInEveryInterleaving,
  toHoldUpTo,
  toFailWith,
  toFailWithin,
  toReach,
  toNeverReach,
  toCoverEveryBranch,
  toReplay,
};
