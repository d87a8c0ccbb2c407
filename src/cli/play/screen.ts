/**
 * One screen of `dlab play`.
 *
 * Invariant: as many lines as the terminal has rows, at most; the last one is the prompt's. What
 * does not fit goes, history first: what can be done next always stays.
 */

import type { Game } from './game.js';
import { HELP } from './commands.js';
import {
  changeLines,
  endLines,
  fit,
  goalLines,
  hintLines,
  moveLines,
  objectLines,
  scoreLine,
  stepLines,
  type View,
} from './view.js';

/** What the middle of the screen shows. */
export type Pane = 'steps' | 'objects' | 'help';

export interface ScreenState {
  readonly heading: string;
  readonly pane: Pane;
  /** First line of the objects that is shown. */
  readonly top: number;
  readonly hints: boolean;
  /** What went wrong, or what is asked for. */
  readonly message: string;
  readonly token: string;
}

const KEYS = '0-9 g step  space again  r run  u undo  h hint  o objects  ? help  q quit';

/** The lines of a screen with so many rows. */
export function screenLines(game: Game, state: ScreenState, view: View, rows: number): string[] {
  const { palette } = view;
  const rule = palette.dim((view.ascii ? '-' : '─').repeat(view.width));
  const head = [palette.name(fit(` ${state.heading}`, view)), fit(` ${scoreLine(game)}`, view)];
  const ends = endLines(game, view);
  const hints = state.hints && ends.length === 0 ? hintLines(game, view) : [];
  const bottom = [
    rule,
    ...(ends.length > 0 ? ends : moveLines(game, view)),
    ...hints,
    palette.dim(fit(` ${KEYS}`, view)),
    fit(` ${state.message === '' ? state.token : state.message}`, view),
  ];
  const room = Math.max(0, rows - head.length - 1 - bottom.length);
  const middle = paneLines(game, state, view, room);
  return [...head, rule, ...middle, ...bottom].slice(-rows);
}

function paneLines(game: Game, state: ScreenState, view: View, room: number): string[] {
  const pad = (lines: readonly string[]): string[] => [
    ...lines.slice(0, room),
    ...new Array<string>(Math.max(0, room - lines.length)).fill(''),
  ];
  if (room === 0) return [];
  if (state.pane === 'help') {
    return pad(HELP.map(([key, what]) => fit(` ${key.padEnd(14)} ${what}`, view)));
  }
  if (state.pane === 'objects') {
    const all = objectLines(game, view);
    const top = Math.min(state.top, Math.max(0, all.length - room));
    return pad(all.slice(top));
  }
  if (game.steps === 0) return pad(goalLines(game, view));
  const changes = changeLines(game, view).slice(0, Math.max(1, Math.floor(room / 2)));
  const steps = stepLines(game, room, view);
  // Both ends count from below: the newest step, and what it changed.
  const shown = [...steps.slice(Math.max(0, steps.length - (room - changes.length))), ...changes];
  return pad(shown);
}
