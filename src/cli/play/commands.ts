/**
 * The commands of `dlab play`, as words: lines say them, and keys stand for them.
 *
 * Invariant: a command that cannot be done changes nothing and says what could be.
 */

import { UsageError } from '../exit.js';
import type { Game } from './game.js';

/** What is to be shown after a command, besides where the game stands. */
export type Asked = 'nothing' | 'hint' | 'objects' | 'ladder' | 'token' | 'help' | 'quit';

export const HELP: readonly (readonly [string, string])[] = [
  ['0, 1, 2', 'a step of that CPU; 0x5: five of them; 0?1: with its outcome 1'],
  ['g', 'a callback of RCU whose grace period is over; g1: the second one'],
  ['again (space)', 'one more step of whoever stepped last'],
  ['run (r)', 'the same until it has to wait, ends, or something is reported'],
  ['undo (u)', 'take back one command; undo 5: five; without limit'],
  ['redo (U)', 'do again what was undone'],
  ['restart (R)', 'back to the start; can be undone'],
  ['hint (h)', 'can it still fail, must it, and who is next on the shortest way'],
  ['follow (f)', 'go one step as the hint says; follow 5: five'],
  ['objects (o)', 'every object, not only what changed'],
  ['ladder (l)', 'the whole interleaving'],
  ['token (t)', 'the token of where you are, for --from and dlab show'],
  ['quit (q)', 'leave; prints the token'],
];

const RUN_MAX = 100_000;
const SHORT: Readonly<Record<string, string>> = {
  ...{ a: 'again', r: 'run', u: 'undo', h: 'hint', f: 'follow' },
  ...{ o: 'objects', l: 'ladder', t: 'token', '?': 'help', q: 'quit' },
};
const SHOWN: readonly string[] = ['objects', 'ladder', 'token', 'help', 'quit'];

/** Do a command. @throws UsageError that says what could be done instead */
export function perform(game: Game, text: string): Asked {
  const [word = '', amount, ...more] = text.trim().split(/\s+/);
  const move = /^(\d|g\d*)(?:\?(\d+))?(?:x(\d+))?$/.exec(word);
  if (move !== null && amount === undefined) {
    const [, key, choice, times] = move;
    game.step(game.move(key), Number(times ?? 1), Number(choice ?? 0));
    return 'nothing';
  }
  const name = SHORT[word] ?? word;
  const takesAmount = name === 'undo' || name === 'follow';
  if (
    more.length > 0 ||
    (amount !== undefined && !(takesAmount && /^[1-9]\d{0,5}$/.test(amount)))
  ) {
    throw new UsageError(`'${text.trim()}' is no command; undo and follow take a number; see help`);
  }
  const times = Number(amount ?? 1);
  switch (name) {
    case 'again':
    case 'run': {
      const { again } = game;
      if (again === null) {
        throw new UsageError('nobody has stepped yet, or who did has ended: name a CPU');
      }
      game.step(again, name === 'run' ? RUN_MAX : 1);
      return 'nothing';
    }
    case 'undo':
      if (game.undo(times) === 0) throw new UsageError('this is the start: nothing to undo');
      return 'nothing';
    case 'redo':
      if (!game.redo()) throw new UsageError('nothing was undone');
      return 'nothing';
    case 'restart':
      game.restart();
      return 'nothing';
    case 'hint':
      return 'hint';
    case 'follow':
      game.follow(times);
      return 'nothing';
    default:
      if (SHOWN.includes(name)) return name as Asked;
      throw new UsageError(`'${text.trim()}' is no command: a CPU's number, or see help`);
  }
}
