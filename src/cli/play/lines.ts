/**
 * `dlab play` by lines: from a pipe, a file, or somebody who types.
 *
 * Invariant: every line is answered before the next one is read. From a pipe, a line that cannot be
 * done ends the game with an error that names it, since what follows was written for another one.
 */

import { createInterface } from 'node:readline';
import { ladder } from '../../trace/index.js';
import { UsageError } from '../exit.js';
import { HELP, perform, type Asked } from './commands.js';
import type { Game } from './game.js';
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

/** Steps of one command that are shown; of more, the last ones. */
const STEPS_SHOWN = 12;

export interface Lines {
  readonly game: Game;
  readonly view: View;
  readonly heading: string;
  readonly input: NodeJS.ReadableStream;
  /** Somebody types: a mistake is told, and the next line read. */
  readonly isTyped: boolean;
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
  readonly token: () => string;
}

/** Play until the input ends or says quit. @throws UsageError */
export async function playLines(io: Lines): Promise<void> {
  const { game, view, heading, input, isTyped, print } = io;
  print([fit(`  ${heading}`, view), ...goalLines(game, view), '', ...standing(io)].join('\n'));
  const reader = createInterface({ input, terminal: false });
  let number = 0;
  const prompt = (): void => {
    if (isTyped) process.stdout.write('> ');
  };
  prompt();
  try {
    for await (const line of reader) {
      number += 1;
      const text = line.replace(/#.*/, '').trim();
      if (text !== '') {
        const before = game.steps;
        try {
          const asked = perform(game, text);
          if (asked === 'quit') return;
          print(answer(io, asked, before).join('\n'));
        } catch (error) {
          if (!(error instanceof UsageError)) throw error;
          if (!isTyped) throw new UsageError(`line ${number}: ${error.message}`);
          io.complain(error.message);
        }
      }
      prompt();
    }
  } finally {
    reader.close();
  }
}

function answer(io: Lines, asked: Asked, before: number): string[] {
  const { game, view } = io;
  switch (asked) {
    case 'hint':
      return hintLines(game, view);
    case 'objects':
      return objectLines(game, view);
    case 'ladder':
      return [ladder(game.position.trace, { ...view })];
    case 'token':
      return [`  ${io.token()}`];
    case 'help':
      return HELP.map(([key, what]) => fit(`  ${key.padEnd(14)} ${what}`, view));
    default: {
      const taken = game.steps - before;
      if (taken <= 0) return [...stepLines(game, 1, view), ...standing(io)];
      const steps = stepLines(game, Math.min(STEPS_SHOWN, taken), view);
      return [...steps, ...changeLines(game, view, taken), ...standing(io)];
    }
  }
}

function standing({ game, view }: Lines): string[] {
  const ends = endLines(game, view);
  return [...(ends.length > 0 ? ends : moveLines(game, view)), fit(`  ${scoreLine(game)}`, view)];
}
