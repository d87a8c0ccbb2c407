/**
 * What `dlab play` shows, as lines: the same parts on a screen and in a transcript.
 *
 * Invariant: no line is wider than asked for, and colour says nothing that words do not.
 */

import {
  functionOf,
  percent,
  stateText,
  ASCII_WORDS,
  WORDS,
  wordsOf,
  wrap,
  type Palette,
} from '../../trace/index.js';
import type { Position } from '../../scenario/index.js';
import { SECONDS_EACH, type Game, type Hint, type Move } from './game.js';

export interface View {
  readonly width: number;
  readonly ascii: boolean;
  readonly palette: Palette;
}

const NAME_WIDTH = 9;
const FN_WIDTH = 20;

/** Cut to a width; what is lost is marked. */
export function fit(text: string, { width, ascii }: Pick<View, 'width' | 'ascii'>): string {
  const characters = [...text];
  if (characters.length <= width) return text;
  const mark = ascii ? '~' : '…';
  return characters.slice(0, width - 1).join('') + mark;
}

/** `C0`, or `g0` for a callback of RCU. */
function labelOf({ key }: Move): string {
  return key.startsWith('g') ? key : `C${key}`;
}

/** Who can go next, and what each would do: a line for each task that has not ended. */
export function moveLines(game: Game, view: View): string[] {
  const last = game.schedule.at(-1)?.task;
  return game.moves.map((move) => {
    const { pending } = move;
    const mark = pending.task === last ? (view.ascii ? '>' : '▸') : ' ';
    const outcomes = pending.outcomes > 1 ? ` [outcomes ?0 to ?${pending.outcomes - 1}]` : '';
    const what = pending.waits === null ? `${pending.words}${outcomes}` : `(${pending.waits})`;
    const name = fit(pending.name, { ...view, width: NAME_WIDTH }).padEnd(NAME_WIDTH);
    const fn = fit(pending.fn, { ...view, width: FN_WIDTH }).padEnd(FN_WIDTH);
    const text = fit(` ${mark}${labelOf(move).padEnd(3)} ${name} ${fn} ${what}`, view);
    return pending.outcomes === 0 ? view.palette.dim(text) : text;
  });
}

/** The last steps, oldest first: what each did, and what that changed. */
export function stepLines(game: Game, count: number, view: View): string[] {
  const { trace } = game.position;
  const glyphs = view.ascii ? ASCII_WORDS : WORDS;
  const first = Math.max(1, trace.steps - count + 1);
  const lines: string[] = [];
  for (let step = first; step <= trace.steps; step += 1) {
    const inStep = trace.operations.filter((operation) => operation.step === step);
    const shown = inStep.find(({ main }) => main) ?? inStep[0];
    if (shown === undefined) continue;
    const { name, cpu } = trace.tasks[shown.task];
    const label = cpu === null ? 'RCU' : `C${cpu}`;
    const fn = fit(functionOf(shown, name), { ...view, width: FN_WIDTH }).padEnd(FN_WIDTH);
    const bad = inStep.flatMap(({ findings }) => findings);
    const text = ` ${String(step).padStart(4)} ${label.padEnd(3)} ${fn} ${wordsOf(shown, glyphs)}`;
    lines.push(bad.length > 0 ? view.palette.bad(fit(text, view)) : fit(text, view));
    for (const title of bad) lines.push(view.palette.bad(fit(`      ${title}`, view)));
  }
  return lines;
}

/**
 * The objects, folded to what changed: `ns#1.stashed: NULL → dentry#1`.
 * @param steps in how many of the last steps
 */
export function changeLines(game: Game, view: View, steps = 1): string[] {
  const { snapshots } = game.position;
  const now = snapshots.at(-1)!;
  const before = snapshots[Math.max(0, snapshots.length - 1 - steps)];
  const arrow = view.ascii ? '=>' : '→';
  const lines: string[] = [];
  for (const [name, object] of Object.entries(now)) {
    const old = before[name];
    if (old === object) continue;
    if (old === undefined) {
      lines.push(fit(`   ${name} is new`, view));
      continue;
    }
    for (const [field, value] of Object.entries(object)) {
      if (old[field] === value) continue;
      const text =
        field === 'life'
          ? `${name} is ${value}`
          : `${name}.${field}: ${old[field]} ${arrow} ${value}`;
      lines.push(fit(`   ${text}`, view));
    }
  }
  return lines;
}

/** Slabs and tables, which are there in every kernel. */
const FURNITURE = /^slab:|table/;

/** Is this worth a line: an object that came from a slab, or one that has changed since the start? */
function isOfInterest(name: string, { snapshots }: Position): boolean {
  if (/#\d+$/.test(name) && !FURNITURE.test(name)) return true;
  return snapshots.at(-1)![name] !== snapshots[0][name];
}

/** The objects with all their fields; those that the last step changed are marked. */
export function objectLines(game: Game, view: View): string[] {
  const { position } = game;
  const now = position.snapshots.at(-1)!;
  const shown = Object.entries(now).filter(([name]) => isOfInterest(name, position));
  const others = Object.keys(now).length - shown.length;
  const text = stateText(Object.fromEntries(shown), position.snapshots.at(-2) ?? now);
  const lines = text.split('\n').map((line) => fit(` ${line}`, view));
  return [...lines, fit(` and ${others} that have not changed: dlab show TOKEN --at STEP`, view)];
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : what.endsWith('ch') ? 'es' : 's'}`;
}

/** `12 steps, 2 switches; par 62 steps, 3 switches (proved)` */
export function scoreLine(game: Game): string {
  const { steps, switches, par } = game;
  const here = `${counted(steps, 'step')}, ${counted(switches, 'switch')}`;
  if (par === null) return here;
  const proof = par.proved ? 'proved' : 'not proved';
  return `${here}; par ${counted(par.steps, 'step')}, ${counted(par.switches, 'switch')} (${proof})`;
}

/** How the game stands, if it has come to an end. */
export function endLines(game: Game, view: View): string[] {
  const { failure, par, position } = game;
  const say = (text: string): string[] => wrap(`  ${text}`, view.width, '  ');
  if (failure !== null) {
    const isPar = par !== null && game.steps === par.steps && game.switches === par.switches;
    return [
      ...say(`VIOLATED  ${failure}`).map(view.palette.bad),
      ...say(isPar ? 'That is par.' : 'undo goes back; dlab show explains it.'),
    ];
  }
  if (!position.isOver) return [];
  const waiting = position.pending.filter(({ cpu }) => cpu !== null).map(({ name }) => name);
  const how =
    waiting.length === 0 ? 'Everybody has ended' : `${waiting.join(' and ')} wait for ever`;
  return say(`${how}, and nothing was reported. undo, or restart.`);
}

/** What there is to find, in words. */
export function goalLines(game: Game, view: View): string[] {
  const { bug, complete } = game.goal;
  const say = (text: string): string[] => wrap(`  ${text}`, view.width, '  ');
  if (bug !== null) return say(`Make it fail: ${bug.title}`);
  return say(
    complete
      ? 'Nothing to find: no interleaving fails (proved). Look around.'
      : 'No bug was found in the time given; that is no proof. A larger --budget looks further.',
  );
}

/** A hint in words. */
export function hintLines(game: Game, view: View): string[] {
  const say = (text: string): string[] => wrap(`  hint: ${text}`, view.width, '        ');
  if (game.goal.bug === null) return goalLines(game, view);
  if (game.failure !== null) return say('it has failed already');
  const { hint } = game;
  return [...say(doomWords(hint)), ...restLines(game, hint, view)];
}

function doomWords({ doom, since }: Hint): string {
  if (doom === null) {
    return (
      `how the ways on from here end is not known: counting them stopped after ${SECONDS_EACH} s ` +
      'or 150,000 states. Some steps further on there are fewer'
    );
  }
  if (doom.certain) {
    const when = since === 0 ? 'from the start' : `since step ${since}`;
    return `doomed: every way on from here fails, ${when}. That was the point of no return`;
  }
  if (doom.impossible) {
    return `out of reach: no way on from here fails. Step ${since} left the last one: undo it`;
  }
  return `the bug can still be reached: ${percent(doom.share)} of the ways on from here end in it`;
}

function restLines(game: Game, { doom, rest, switches }: Hint, view: View): string[] {
  if (doom?.impossible === true) return [];
  if (rest === null || rest.length === 0) {
    return wrap('        shortest way: not known either', view.width, '        ');
  }
  const next = game.moves.find(({ pending }) => pending.task === rest[0].task)!;
  const outcome = rest[0].choice === 0 ? '' : `, outcome ${rest[0].choice}`;
  let same = 1;
  while (same < rest.length && rest[same].task === rest[0].task) same += 1;
  const who = `${labelOf(next)} ${next.pending.name}${outcome}`;
  const text = `shortest way: ${counted(rest.length, 'step')}, ${counted(switches, 'switch')} more; next ${same === 1 ? '' : `${same} steps of `}${who}`;
  return wrap(`        ${text}`, view.width, '        ');
}
