/**
 * `dlab play` by keys: a screen of its own in the terminal, redrawn after each key.
 *
 * Invariant: however this ends (q, Ctrl-C, a signal, an exception, the end of the process), the
 * terminal is as it was: cooked, on its main screen, with a cursor.
 */

import { emitKeypressEvents, type Key } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import { ladder } from '../../trace/index.js';
import { EXIT, UsageError } from '../exit.js';
import { perform } from './commands.js';
import type { Game } from './game.js';
import { screenLines, type Pane, type ScreenState } from './screen.js';
import type { View } from './view.js';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const TO_LINE_END = '\u001b[K';
const TO_SCREEN_END = '\u001b[J';

/** What a key stands for, as a command. */
const COMMANDS: Readonly<Record<string, string>> = {
  ' ': 'again',
  r: 'run',
  u: 'undo',
  U: 'redo',
  R: 'restart',
  f: 'follow',
};

export interface Terminal {
  readonly game: Game;
  readonly heading: string;
  readonly stdin: ReadStream;
  readonly stdout: WriteStream;
  /** How to draw, at the terminal's width of the moment. */
  readonly view: () => View;
  readonly token: () => string;
}

/** Play until q or Ctrl-C. @returns the exit code if it was not q, else null */
export async function playKeys(terminal: Terminal): Promise<number | null> {
  const { stdin, stdout } = terminal;
  const keys = new Keys(terminal);
  const restore = (): void => {
    if (stdin.isTTY) stdin.setRawMode(false);
    stdout.write(LEAVE);
  };
  const enter = (): void => {
    stdin.setRawMode(true);
    stdout.write(ENTER);
    keys.draw();
  };
  return new Promise<number | null>((resolve, reject) => {
    const end = (settle: () => void): void => {
      stdin.off('keypress', onKey);
      stdin.off('end', onEnd);
      stdout.off('resize', onResize);
      process.off('exit', restore);
      process.off('SIGCONT', enter);
      for (const signal of SIGNALS) process.off(signal, onSignal);
      stdin.pause();
      restore();
      settle();
    };
    const onKey = (text: string | undefined, key: Key): void => {
      try {
        if (key.ctrl === true && key.name === 'c') end(() => resolve(EXIT.interrupted));
        else if (key.ctrl === true && key.name === 'd') end(() => resolve(null));
        else if (key.ctrl === true && key.name === 'z') suspend();
        else if (keys.press(text ?? '', key)) end(() => resolve(null));
        else keys.draw();
      } catch (error) {
        end(() => reject(error instanceof Error ? error : new Error(String(error))));
      }
    };
    const suspend = (): void => {
      restore();
      process.once('SIGCONT', enter);
      process.kill(process.pid, 'SIGTSTP');
    };
    const onResize = (): void => keys.draw();
    const onEnd = (): void => end(() => resolve(null));
    const onSignal = (signal: NodeJS.Signals): void =>
      end(() => resolve(signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated));
    emitKeypressEvents(stdin);
    stdin.on('keypress', onKey);
    stdin.on('end', onEnd);
    stdout.on('resize', onResize);
    // An exception elsewhere ends the process, and the process restores the terminal.
    process.on('exit', restore);
    for (const signal of SIGNALS) process.on(signal, onSignal);
    stdin.resume();
    enter();
  });
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What is on the screen, and what keys do to it. */
class Keys {
  readonly #terminal: Terminal;
  #pane: Pane = 'steps';
  #top = 0;
  #hints = false;
  #message = '';
  /** The beginning of a command that needs one more key: `g`, or `0?`. */
  #prefix = '';

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** @returns whether to leave */
  press(text: string, key: Key): boolean {
    this.#message = '';
    const prefix = this.#prefix;
    this.#prefix = '';
    if (prefix !== '') {
      if (/^\d$/.test(text)) this.#perform(prefix + text);
      return false;
    }
    if (text === 'q') return true;
    if (/^[\dg]$/.test(text)) this.#move(text);
    else if (text in COMMANDS) this.#perform(COMMANDS[text]);
    else if (text === 'h') this.#hints = !this.#hints;
    else if (text === 'o') this.#show('objects');
    else if (text === '?') this.#show('help');
    else if (text === 't') this.#message = this.#terminal.token();
    else if (key.name === 'escape') this.#pane = 'steps';
    else if (key.name === 'up' || key.name === 'k') this.#top = Math.max(0, this.#top - 1);
    else if (key.name === 'down' || key.name === 'j') this.#top += 1;
    else if (text !== '') this.#message = `'${text}' is no key: ? shows them`;
    return false;
  }

  #show(pane: Pane): void {
    this.#pane = this.#pane === pane ? 'steps' : pane;
    this.#top = 0;
  }

  /** A step; of several callbacks, or outcomes, the next key says which. */
  #move(key: string): void {
    const { game } = this.#terminal;
    const open = game.moves.filter(({ pending }) => pending.outcomes > 0);
    const callbacks = open.filter((move) => move.key.startsWith('g'));
    if (key === 'g' && callbacks.length > 1) {
      this.#ask('g', `which callback? ${callbacks.map((move) => move.key.slice(1)).join(', ')}`);
      return;
    }
    const move = key === 'g' ? callbacks[0] : open.find((each) => each.key === key);
    if (move !== undefined && move.pending.outcomes > 1 && game.failure === null) {
      this.#ask(`${move.key}?`, `which outcome? 0 to ${move.pending.outcomes - 1}`);
      return;
    }
    this.#perform(key);
  }

  #ask(prefix: string, question: string): void {
    this.#prefix = prefix;
    this.#message = question;
  }

  #perform(command: string): void {
    try {
      perform(this.#terminal.game, command);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.#message = error.message;
    }
  }

  draw(): void {
    const { game, heading, stdout, view, token } = this.#terminal;
    const state: ScreenState = {
      heading,
      pane: this.#pane,
      top: this.#top,
      hints: this.#hints,
      message: this.#message,
      token: token(),
    };
    const lines = screenLines(game, state, view(), stdout.rows);
    stdout.write(`${HOME}${lines.map((line) => line + TO_LINE_END).join('\r\n')}${TO_SCREEN_END}`);
  }
}

/** The interleaving so far, for the main screen after leaving. */
export function farewell(game: Game, view: View, token: string): string {
  const lines = game.steps === 0 ? [] : [ladder(game.position.trace, { ...view }), ''];
  return [...lines, `  dlab play --from ${token}`, `  dlab show ${token}`].join('\n');
}
