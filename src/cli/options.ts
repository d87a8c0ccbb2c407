/** Reading options: budgets, widths, models. Every refusal says what would have been right. */

import { availableParallelism } from 'node:os';
import type { LockrefModel } from '../lockref/index.js';
import { RCU_LEVELS } from '../rcu/index.js';
import { findScenario, findVariant, SCENARIOS, type Scenario } from '../scenario/index.js';
import { UsageError } from './exit.js';
import type { Job } from './job.js';
import type { Look } from './report.js';
import { NO_PERSISTENCE, type Persistence } from './runner.js';

/** The options of `check` and `matrix` as commander hands them over. */
export interface CheckFlags {
  readonly variant?: string;
  readonly scenario?: string;
  readonly with?: string;
  readonly typecheck?: boolean;
  readonly watch?: boolean;
  readonly lockref?: string;
  readonly rcu?: string;
  readonly fs?: string;
  readonly reuse?: string;
  readonly failAlloc?: boolean;
  readonly engine?: string;
  readonly random?: string;
  readonly pct?: string;
  readonly bound?: string;
  readonly jobs?: string;
  readonly shard?: string;
  readonly out?: string;
  readonly checkpoint?: string;
  readonly checkpointEvery?: string;
  readonly resume?: string;
  readonly budget?: string;
  readonly liveness?: boolean;
  readonly symmetry?: boolean;
  readonly keepGoing?: boolean;
  readonly json?: boolean;
  readonly format?: string;
  readonly corpus?: string;
  readonly ascii?: boolean;
  readonly width?: string;
  readonly color?: boolean;
  readonly verbose?: boolean;
}

/** Threads to explore with: as many as there are processors for. */
const JOBS_DEFAULT = Math.min(16, availableParallelism());

/** One of several words. @throws UsageError */
export function oneOf<T extends string>(
  option: string,
  value: string | undefined,
  words: readonly T[],
): T {
  if (value === undefined) return words[0];
  const found = words.find((word) => word === value);
  if (found === undefined) {
    throw new UsageError(`${option} takes ${words.join(', ')}; not '${value}'`);
  }
  return found;
}

/** `30s`, `2m` or `500k`: seconds or executions. @throws UsageError */
export function budgetOf(text: string | undefined): {
  seconds: number | null;
  executions: number | null;
} {
  if (text === undefined) return { seconds: null, executions: null };
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|k|M)?$/.exec(text);
  if (match === null || Number(match[1]) <= 0) {
    throw new UsageError(
      `--budget takes a time like 30s or 2m, or a number of executions like 500k; not '${text}'`,
    );
  }
  const number = Number(match[1]);
  const seconds = { ms: 0.001, s: 1, m: 60, h: 3600 }[match[2] ?? ''];
  if (seconds !== undefined) return { seconds: number * seconds, executions: null };
  return {
    seconds: null,
    executions: Math.ceil(number * ({ k: 1e3, M: 1e6 }[match[2] ?? ''] ?? 1)),
  };
}

function seedOf(option: string, text: string): number {
  if (!/^\d{1,10}$/.test(text))
    throw new UsageError(`${option} takes a whole number as seed; not '${text}'`);
  return Number(text);
}

/** The jobs of a command line. @throws UsageError, MisuseError naming what was meant */
export function jobsOf(names: readonly string[], flags: CheckFlags): Job[] {
  const partial = ['random', 'pct', 'bound'].filter((name) => name in flags);
  if (partial.length > 1) {
    throw new UsageError(`--${partial.join(' and --')} exclude each other`);
  }
  const seedText = flags.random ?? flags.pct;
  if (partial.length > 0 && flags.engine !== undefined) {
    throw new UsageError(`--engine names an exhaustive search; leave it out with --${partial[0]}`);
  }
  const shard = shardOf(flags.shard);
  if (shard !== null && (partial.length > 0 || flags.engine === 'states')) {
    throw new UsageError('--shard needs the engine dpor: leave the other one out');
  }
  if (
    flags.symmetry === true &&
    (partial.length > 0 || flags.engine === 'dpor' || flags.shard !== undefined)
  ) {
    throw new UsageError('--symmetry needs the engine states: leave the other one out');
  }
  const { seconds, executions } = budgetOf(
    flags.budget ?? (seedText === undefined ? undefined : '10s'),
  );
  const scenarios = names.flatMap((name) =>
    name === 'all'
      ? SCENARIOS
      : name.endsWith('/')
        ? SCENARIOS.filter((s) => s.name.startsWith(name))
        : [findScenario(name)],
  );
  if (scenarios.length === 0) {
    throw new UsageError(`no scenario begins with ${names.join(' or ')}. See: dlab list scenarios`);
  }
  return scenarios.map((scenario) => ({
    scenario: scenario.name,
    variant: findVariant(scenario, flags.variant).name,
    lockref: lockrefOf(flags.lockref),
    rcu: oneOf('--rcu', flags.rcu, RCU_LEVELS),
    fs: oneOf('--fs', flags.fs, ['nsfs', 'pidfs']),
    reuse: oneOf('--reuse', flags.reuse, ['never', 'lifo', 'explore']),
    failAlloc: flags.failAlloc ?? false,
    patch: flags.with ?? null,
    compiled: null,
    engine: engineOf(flags),
    preemptions: flags.bound === undefined ? null : wholeOf('--bound', flags.bound, 0),
    jobs: flags.jobs === undefined ? JOBS_DEFAULT : wholeOf('--jobs', flags.jobs, 1),
    shard,
    seed:
      seedText === undefined
        ? 0
        : seedOf(flags.random === undefined ? '--pct' : '--random', seedText),
    keepGoing: flags.keepGoing ?? false,
    symmetry: flags.symmetry ?? false,
    seconds,
    executions,
  }));
}

/** Those whose name contains what `--scenario` says. @throws UsageError if there are none */
export function chosenOf(
  scenarios: readonly Scenario[],
  { scenario = '' }: CheckFlags,
): readonly Scenario[] {
  const chosen = scenarios.filter(({ name }) => name.includes(scenario));
  if (chosen.length === 0)
    throw new UsageError(`no scenario's name contains '${scenario}'; see: dlab list scenarios`);
  return chosen;
}

function engineOf(flags: CheckFlags): Job['engine'] {
  if (flags.random !== undefined) return 'random';
  if (flags.pct !== undefined) return 'pct';
  if (flags.bound !== undefined) return 'bounded';
  const engine = oneOf('--engine', flags.engine, ['auto', 'dpor', 'states']);
  return flags.shard === undefined ? engine : 'dpor';
}

function wholeOf(option: string, text: string, least: number): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) < least) {
    throw new UsageError(`${option} takes a whole number from ${least}; not '${text}'`);
  }
  return Number(text);
}

function shardOf(text: string | undefined): Job['shard'] {
  if (text === undefined) return null;
  const match = /^(\d{1,4})\/(\d{1,4})$/.exec(text);
  const [part, of] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)];
  if (part < 1 || part > of) {
    throw new UsageError(`--shard takes a part and a number of parts like 2/8; not '${text}'`);
  }
  return { part, of };
}

/** Where a check saves its progress and what it takes up. @throws UsageError */
export function persistenceOf(flags: CheckFlags, jobs: readonly Job[]): Persistence {
  const checkpoint = flags.checkpoint ?? null;
  const resume = flags.resume ?? null;
  if (checkpoint === null && resume === null) return NO_PERSISTENCE;
  if (jobs.length > 1) throw new UsageError('a checkpoint holds one scenario: name one');
  const [{ engine }] = jobs as [Job];
  if (engine === 'random' || engine === 'pct' || engine === 'bounded') {
    throw new UsageError(
      'only an exhaustive search can be saved: leave --random, --pct or --bound out',
    );
  }
  const every = budgetOf(flags.checkpointEvery ?? '30s').seconds;
  if (every === null) throw new UsageError('--checkpoint-every takes a time like 30s');
  return { checkpoint, resume, everyMs: every * 1000 };
}

/** The lockref model. @throws UsageError */
export function lockrefOf(text: string | undefined): LockrefModel {
  return oneOf('--lockref', text, ['faithful', 'counter', 'spinlock']);
}

/** How output looks: from flags first, then from the terminal and its environment. */
export function lookOf(flags: CheckFlags): Look {
  const { env, stdout } = process;
  const width = flags.width === undefined ? (stdout.columns ?? 80) : Number(flags.width);
  if (!Number.isInteger(width) || width < 1)
    throw new UsageError(`--width takes a number of columns; not '${flags.width}'`);
  const locale = env['LC_ALL'] ?? env['LC_CTYPE'] ?? env['LANG'] ?? '';
  const utf8 = locale === '' || /utf-?8/i.test(locale);
  const forced = env['FORCE_COLOR'] !== undefined && env['FORCE_COLOR'] !== '0';
  const quiet = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb' || flags.color === false;
  return {
    width: Math.min(width, 100),
    ascii: flags.ascii ?? !utf8,
    colour: !quiet && (forced || stdout.isTTY === true),
    verbose: flags.verbose ?? false,
  };
}
