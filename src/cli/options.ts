/** Reading options: budgets, widths, models. Every refusal says what would have been right. */

import type { LockrefModel } from '../lockref/index.js';
import { findScenario, findVariant, NEWEST_VARIANT, SCENARIOS } from '../scenario/index.js';
import { UsageError } from './exit.js';
import type { Job } from './job.js';
import type { Look } from './report.js';

/** The options of `check` and `matrix` as commander hands them over. */
export interface CheckFlags {
  readonly variant?: string;
  readonly with?: string;
  readonly lockref?: string;
  readonly fs?: string;
  readonly reuse?: string;
  readonly failAlloc?: boolean;
  readonly engine?: string;
  readonly random?: string;
  readonly pct?: string;
  readonly budget?: string;
  readonly keepGoing?: boolean;
  readonly json?: boolean;
  readonly ascii?: boolean;
  readonly width?: string;
  readonly color?: boolean;
  readonly verbose?: boolean;
}

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
  if (flags.random !== undefined && flags.pct !== undefined) {
    throw new UsageError('--random and --pct exclude each other');
  }
  const seedText = flags.random ?? flags.pct;
  if (seedText !== undefined && flags.engine !== undefined) {
    throw new UsageError(
      '--engine names an exhaustive search; leave it out with --random or --pct',
    );
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
  const variant = findVariant(flags.variant ?? NEWEST_VARIANT).name;
  return scenarios.map(({ name }) => ({
    scenario: name,
    variant,
    lockref: lockrefOf(flags.lockref),
    fs: oneOf('--fs', flags.fs, ['nsfs', 'pidfs']),
    reuse: oneOf('--reuse', flags.reuse, ['never', 'lifo', 'explore']),
    failAlloc: flags.failAlloc ?? false,
    patch: flags.with ?? null,
    engine:
      flags.random !== undefined
        ? 'random'
        : flags.pct !== undefined
          ? 'pct'
          : oneOf('--engine', flags.engine, ['auto', 'dpor', 'states']),
    seed:
      seedText === undefined
        ? 0
        : seedOf(flags.random === undefined ? '--pct' : '--random', seedText),
    keepGoing: flags.keepGoing ?? false,
    seconds,
    executions,
  }));
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
    colour: !quiet && (forced || stdout.isTTY),
    verbose: flags.verbose ?? false,
  };
}
