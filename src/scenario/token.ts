/**
 * Replay tokens: one interleaving of one scenario as a word that can be pasted anywhere.
 *
 * `dlab1/stash.close-vs-open@v6.9/ax26.bx3.ax33.Ga1.b~p2xn~k3fw`: scenario, variant and options, the
 * schedule run by run (a, b, c: the scenario's tasks; Ga1: the second task that a spawned), what its
 * steps did (semantics.ts), and a checksum. In the schedule of a livelock, `:` stands before what is
 * repeated for ever. Invariant: decoding what was encoded gives the same back; a damaged token is
 * refused; one that does not say what its steps did is read.
 */

import { MisuseError, type ReusePolicy } from '../machine/index.js';
import type { Decision, Schedule } from '../explore/index.js';
import type { LockrefModel } from '../lockref/index.js';
import { RCU_LEVELS, type RcuLevel } from '../rcu/index.js';

/** Everything that a replay needs, by name. */
export interface TokenContent {
  readonly scenario: string;
  readonly variant: string;
  readonly lockref: LockrefModel;
  readonly rcu: RcuLevel;
  readonly fs: 'nsfs' | 'pidfs';
  readonly reuse: ReusePolicy;
  readonly failAlloc: boolean;
  /** Functions came from a file that must be given again. */
  readonly patched: boolean;
  readonly schedule: Schedule;
  /** Only of a livelock: number of decisions before those that are repeated for ever. */
  readonly cycleFrom?: number;
  /** What its steps did when it was made, as semanticsOf() says it; null if it does not say. */
  readonly semantics: string | null;
}

const VERSION = 'dlab1';
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** The token of an interleaving. */
export function encodeToken(content: TokenContent): string {
  const options = [
    content.lockref === 'faithful' ? '' : content.lockref,
    content.rcu === 'abstract' ? '' : content.rcu,
    content.fs === 'nsfs' ? '' : content.fs,
    content.reuse === 'never' ? '' : content.reuse,
    content.failAlloc ? 'fail' : '',
    content.patched ? 'patched' : '',
  ].filter((option) => option !== '');
  const head = [`${slug(content.scenario)}@${slug(content.variant)}`, ...options].join('+');
  const { schedule, cycleFrom, semantics } = content;
  const text =
    cycleFrom === undefined
      ? encodeSchedule(schedule)
      : `${encodeSchedule(schedule.slice(0, cycleFrom))}:${encodeSchedule(schedule.slice(cycleFrom))}`;
  const body = `${VERSION}/${head}/${text}${semantics === null ? '' : `~${semantics}`}`;
  return `${body}~${checksum(body)}`;
}

/**
 * What a token says.
 * @param scenarios @param variants the names it may refer to
 * @throws MisuseError that says what is wrong with it
 */
export function decodeToken(
  token: string,
  scenarios: readonly string[],
  variants: readonly string[],
): TokenContent {
  const match =
    /^([^/]+)\/([^/@]+)@([^/+]+)((?:\+[^/+]+)*)\/([^/~]*)(?:~([a-z2-7]{4}))?~([a-z2-7]{4})$/.exec(
      token,
    );
  if (match === null)
    throw new MisuseError('this is not a replay token: it looks like dlab1/…/…~abcd');
  const [, version, scenarioSlug, variantSlug, optionText, schedule, semantics, sum] =
    match as unknown as [
      string,
      string,
      string,
      string,
      string,
      string,
      string | undefined,
      string,
    ];
  if (version !== VERSION) {
    throw new MisuseError(`a token of format ${version}; this dlab reads ${VERSION}`);
  }
  if (checksum(token.slice(0, token.lastIndexOf('~'))) !== sum) {
    throw new MisuseError(
      'the token is damaged: its checksum does not fit. Copy the whole word again',
    );
  }
  const scenario = scenarios.find((name) => slug(name) === scenarioSlug);
  if (scenario === undefined)
    throw new MisuseError(`the token's scenario '${scenarioSlug}' does not exist here`);
  const variant = variants.find((name) => slug(name) === variantSlug);
  if (variant === undefined)
    throw new MisuseError(`the token's variant '${variantSlug}' does not exist here`);
  const options = new Set(optionText.split('+').filter((option) => option !== ''));
  const levels = RCU_LEVELS.filter((level) => level !== 'abstract');
  const known = ['counter', 'spinlock', ...levels, 'pidfs', 'lifo', 'explore', 'fail', 'patched'];
  for (const option of options) {
    if (!known.includes(option))
      throw new MisuseError(`the token's option '${option}' is not known here`);
  }
  const [stem, cycle] = schedule.split(':', 2) as [string, string | undefined];
  const way = decodeSchedule(stem);
  return {
    scenario,
    variant,
    lockref: options.has('counter') ? 'counter' : options.has('spinlock') ? 'spinlock' : 'faithful',
    rcu: levels.find((level) => options.has(level)) ?? 'abstract',
    fs: options.has('pidfs') ? 'pidfs' : 'nsfs',
    reuse: options.has('lifo') ? 'lifo' : options.has('explore') ? 'explore' : 'never',
    failAlloc: options.has('fail'),
    patched: options.has('patched'),
    semantics: semantics ?? null,
    ...(cycle === undefined
      ? { schedule: way }
      : { schedule: [...way, ...decodeSchedule(cycle)], cycleFrom: way.length }),
  };
}

/** A schedule as text. */
export function encodeSchedule(schedule: Schedule): string {
  const runs: { name: string; count: number }[] = [];
  for (const { task, choice } of schedule) {
    const name = taskName(task) + (choice === 0 ? '' : `?${choice}`);
    const last = runs.at(-1);
    if (last !== undefined && last.name === name) last.count += 1;
    else runs.push({ name, count: 1 });
  }
  return runs.map(({ name, count }) => (count === 1 ? name : `${name}x${count}`)).join('.');
}

/** The schedule in a text. @throws MisuseError */
export function decodeSchedule(text: string): Schedule {
  const schedule: Decision[] = [];
  for (const run of text === '' ? [] : text.split('.')) {
    const match = /^(G?)([a-w])((?:\d+(?:_\d+)*)?)(?:\?(\d+))?(?:x(\d+))?$/.exec(run);
    if (match === null || (match[1] === 'G') !== (match[3] !== '')) {
      throw new MisuseError(`the token's schedule has a run '${run}' that cannot be read`);
    }
    const own = String(match[2].charCodeAt(0) - FIRST_LETTER);
    const task = match[1] === 'G' ? [own, ...match[3].split('_')].join('.') : own;
    const count = match[5] === undefined ? 1 : Number(match[5]);
    for (let i = 0; i < count; i += 1) schedule.push({ task, choice: Number(match[4] ?? 0) });
  }
  return schedule;
}

const FIRST_LETTER = 'a'.charCodeAt(0);

function taskName(key: string): string {
  const [own, ...spawned] = key.split('.');
  const letter = String.fromCharCode(FIRST_LETTER + Number(own));
  return spawned.length === 0 ? letter : `G${letter}${spawned.join('_')}`;
}

/** Slashes part a token, so names do without. */
function slug(name: string): string {
  return name.replaceAll('/', '.');
}

/** FNV-1a, shortened to four letters: enough to notice a slip of the mouse. */
export function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  let letters = '';
  for (let i = 0; i < 4; i += 1) letters += BASE32[(hash >>> (i * 5)) & 31];
  return letters;
}
