/** Options of `explore` in tests, and what a wrong one answers. */

import type { ExploreOptions } from '../explore/index.js';
import { MisuseError, type KernelFunction, type ReusePolicy } from '../machine/index.js';
import { findVariant, type Scenario, type ScenarioOptions } from '../scenario/index.js';

/** How a scenario is explored in a test. */
export interface TestOptions {
  /** The kernel, by name (default: the scenario's newest). */
  readonly variant?: string;
  readonly lockref?: 'faithful' | 'counter' | 'spinlock';
  /** How RCU is modelled. */
  readonly rcu?: 'abstract' | 'fifo' | 'tree';
  /** Whose stash, in the shipped scenarios. */
  readonly fs?: 'nsfs' | 'pidfs';
  readonly reuse?: ReusePolicy;
  /** Let one allocation fail, whichever. */
  readonly failAlloc?: boolean;
  /** Kernel functions that replace those of the same name. */
  readonly functions?: Readonly<Record<string, KernelFunction>>;
  /** How to explore (default `auto`: states, and dpor when there are too many). */
  readonly engine?: 'auto' | 'states' | 'dpor' | 'random' | 'pct';
  /** Only executions with at most so many preemptions: for `toHoldUpTo`. */
  readonly preemptions?: number;
  /** Of the engines that sample. */
  readonly seed?: number;
  /**
   * Where to stop. Default: four fifths of the time that the test has left, so that a search that
   * is too long ends as INCOMPLETE and not as a timeout.
   */
  readonly budget?: {
    readonly seconds?: number;
    readonly states?: number;
    readonly executions?: number;
  };
  /** Find every bug title instead of stopping at the first. */
  readonly keepGoing?: boolean;
  /** Explore symmetric tasks up to renaming. */
  readonly symmetry?: boolean;
  /** Look for livelocks too. */
  readonly liveness?: boolean;
}

/** A scenario's options, none left out, and the explorer's. */
export interface Choice {
  readonly scenario: Required<ScenarioOptions>;
  readonly explore: ExploreOptions;
}

const WORDS = {
  lockref: ['faithful', 'counter', 'spinlock'],
  rcu: ['abstract', 'fifo', 'tree'],
  fs: ['nsfs', 'pidfs'],
  reuse: ['never', 'lifo', 'explore'],
  engine: ['auto', 'states', 'dpor', 'random', 'pct'],
} as const;

const KNOWN = [
  ...Object.keys(WORDS),
  'variant',
  'failAlloc',
  'functions',
  'preemptions',
  'seed',
  'budget',
  'keepGoing',
  'symmetry',
  'liveness',
];

/**
 * @param secondsLeft what the running test has left
 * @throws MisuseError that says what would have been right
 */
export function choiceOf(scenario: Scenario, options: TestOptions, secondsLeft: number): Choice {
  for (const name of Object.keys(options)) {
    if (!KNOWN.includes(name)) {
      throw new MisuseError(`explore() has no option '${name}'; it has ${KNOWN.join(', ')}`);
    }
  }
  for (const [name, words] of Object.entries(WORDS)) {
    const value = options[name as keyof typeof WORDS];
    if (value !== undefined && !(words as readonly string[]).includes(value)) {
      throw new MisuseError(`${name} is one of ${words.join(', ')}; not '${value}'`);
    }
  }
  const {
    preemptions,
    budget = {},
    engine = 'auto',
    keepGoing,
    symmetry,
    liveness,
    seed,
  } = options;
  if (preemptions !== undefined) whole('preemptions', preemptions, 0);
  if (seed !== undefined) whole('seed', seed, 0);
  for (const [unit, amount] of Object.entries(budget)) {
    if (!['seconds', 'states', 'executions'].includes(unit)) {
      throw new MisuseError(`a budget is of seconds, states or executions; not of '${unit}'`);
    }
    if (!(amount > 0)) {
      throw new MisuseError(`budget.${unit} is more than 0; not ${String(amount)}`);
    }
  }
  if (preemptions !== undefined && engine !== 'auto') {
    throw new MisuseError('preemptions bound a search of their own: leave engine out');
  }
  return {
    scenario: {
      variant: findVariant(scenario, options.variant),
      lockref: options.lockref ?? 'faithful',
      rcu: options.rcu ?? 'abstract',
      fs: options.fs ?? 'nsfs',
      reuse: options.reuse ?? 'never',
      failAlloc: options.failAlloc ?? false,
      functions: options.functions ?? {},
    },
    explore: {
      engine: preemptions === undefined ? engine : 'bounded',
      budget: { seconds: secondsLeft, ...budget },
      now: () => performance.now() / 1000,
      ...(preemptions === undefined ? {} : { preemptions }),
      ...(seed === undefined ? {} : { seed }),
      ...(keepGoing === undefined ? {} : { keepGoing }),
      ...(symmetry === undefined ? {} : { symmetry }),
      ...(liveness === undefined ? {} : { liveness }),
    },
  };
}

function whole(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new MisuseError(`${name} is a whole number from ${least}; not ${String(value)}`);
  }
}
