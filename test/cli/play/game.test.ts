/** `dlab play` apart from any terminal: moves, undo, hints, and what is shown. */

import { beforeEach, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { explore, type Program } from '../../../src/explore/index.js';
import { spin_lock, spin_unlock, Struct, type Task } from '../../../src/machine/index.js';
import { findVariant, programOf, scenario } from '../../../src/scenario/index.js';
import { PLAIN } from '../../../src/trace/index.js';
import { perform } from '../../../src/cli/play/commands.js';
import { Game } from '../../../src/cli/play/game.js';
import { screenLines, type Pane } from '../../../src/cli/play/screen.js';
import { changeLines, hintLines, moveLines, type View } from '../../../src/cli/play/view.js';
import { smallRace } from '../../support/small-race.js';

const PROGRAM = smallRace(2);
const {
  bugs: [BUG],
  complete,
} = explore(PROGRAM);
const VIEW: View = { width: 80, ascii: false, palette: PLAIN };

let game: Game;
beforeEach(() => {
  game = new Game(PROGRAM, { bug: BUG, complete });
});

function play(...commands: string[]): void {
  for (const command of commands) perform(game, command);
}

describe('moves', () => {
  test('each CPU says what it would do next, with what it would find', () => {
    expect(moveLines(game, VIEW)).toEqual([
      '  C0  reader    read_item            read shelf.item (is item#1)',
      '  C1  reader2   read_item            read shelf.item (is item#1)',
      '  C2  remover   remove_item          take shelf.shelf_lock',
    ]);
  });

  test('a callback of RCU appears when it is queued, and says what it waits for', () => {
    play('0x9', '2x20', '2x20');
    expect(game.moves.map(({ key }) => key)).toContain('g0');
    play('g');
    expect(game.position.snapshots.at(-1)!['item#1']['life']).toBe('freed');
  });

  test('run goes on until the task ends', () => {
    play('2x2', 'undo', '0', 'run');
    expect(game.moves.map(({ pending }) => pending.name)).not.toContain('reader');
    expect(() => perform(game, 'run')).toThrow('nobody has stepped yet, or who did has ended');
  });

  test('what changed is shown as old and new', () => {
    play('2');
    expect(changeLines(game, VIEW)).toEqual(['   shelf.lock: free → locked']);
  });

  test('who waits for a lock is no move, and says who holds it', () => {
    const two = new Game(lockers(), { bug: null, complete: true });
    perform(two, '0');
    expect(() => perform(two, '1')).toThrow('two (1) waits for box.box_lock, held by one');
  });
});

describe('mistakes change nothing', () => {
  test.each([
    ['9', 'CPU 9 has nothing to do; what can go: 0, 1, 2'],
    ['g', 'there is no such callback'],
    ['0?4', 'this step of reader (0) has one outcome; not 4'],
    ['undo', 'this is the start: nothing to undo'],
    ['redo', 'nothing was undone'],
    ['again', 'nobody has stepped yet'],
    ['undo 0', 'undo and follow take a number'],
    ['undo many', 'undo and follow take a number'],
    ['0 0', 'is no command'],
    ['fly', "'fly' is no command"],
  ])('%s', (command, message) => {
    expect(() => perform(game, command)).toThrow(message);
    expect(game.schedule).toEqual([]);
  });

  test('nobody steps after the failure, or the end', () => {
    play('follow 100');
    expect(game.failure).toBe(BUG.title);
    expect(() => perform(game, '0')).toThrow('it has failed: undo or restart');
    play('restart', '2x20', '2x20', 'g', '0x9', '1x9');
    expect(game.failure).toBe(null);
    expect(game.position.isOver).toBe(true);
    expect(() => perform(game, '0')).toThrow('the run is over: undo or restart');
  });
});

test('undo leads through every position back to the start, and redo forth again', () => {
  const command = fc.constantFrom('0', '1', '2', 'g', 'again', 'run', 'follow 2', 'restart');
  fc.assert(
    fc.property(fc.array(command, { maxLength: 8 }), (commands) => {
      const own = new Game(PROGRAM, { bug: BUG, complete });
      const seen = [own.schedule];
      for (const each of commands) {
        try {
          perform(own, each);
        } catch {
          continue;
        }
        if (own.schedule !== seen.at(-1)) seen.push(own.schedule);
      }
      for (const schedule of seen.slice(0, -1).reverse()) {
        expect(own.undo()).toBe(1);
        expect(own.schedule).toEqual(schedule);
      }
      expect(own.undo()).toBe(0);
      for (const schedule of seen.slice(1)) {
        expect(own.redo()).toBe(true);
        expect(own.schedule).toEqual(schedule);
      }
      expect(own.redo()).toBe(false);
    }),
    { numRuns: 12, seed: 1 },
  );
});

describe('hints', () => {
  test('par is the smallest counterexample, and following the hints reaches it', () => {
    expect(game.par).toEqual({ steps: BUG.steps, switches: BUG.switches, proved: true });
    for (let i = 0; i < BUG.steps; i += 1) play('follow');
    expect([game.failure, game.steps, game.switches]).toEqual([BUG.title, BUG.steps, BUG.switches]);
  });

  test('say who is next while it can still be reached', () => {
    const text = hintLines(game, VIEW).join('\n');
    expect(text).toMatch(/^ {2}hint: the bug can still be reached: \d+\.\d % of the ways/);
    expect(text).toContain(`shortest way: ${BUG.steps} steps, ${BUG.switches} switches more; next`);
  });

  test('say when it is out of reach, since which step, and undoing that step brings it back', () => {
    play('2x4', 'again');
    while (game.hint.doom?.impossible === false) play('2');
    const { since } = game.hint;
    expect(hintLines(game, VIEW)[0]).toContain(
      `out of reach: no way on from here fails. Step ${since}`,
    );
    expect(() => perform(game, 'follow')).toThrow('there is no way to a failure');
    while (game.steps >= since!) play('undo');
    expect(game.hint.doom?.impossible).toBe(false);
  });

  test('say when it is doomed, and since which step', () => {
    play(`follow ${BUG.steps - 1}`);
    const { doom, since } = game.hint;
    expect(doom?.certain).toBe(true);
    expect(hintLines(game, VIEW)[0]).toContain(
      `doomed: every way on from here fails, since step ${since}`,
    );
    while (game.steps >= since!) play('undo');
    expect(game.hint.doom?.certain).toBe(false);
  });

  test('say that there is nothing to find, or that nobody knows', () => {
    const proved = new Game(PROGRAM, { bug: null, complete: true });
    expect(hintLines(proved, VIEW)[0]).toContain('no interleaving fails (proved)');
    const open = new Game(PROGRAM, { bug: null, complete: false });
    expect(hintLines(open, VIEW)[0]).toContain('that is no proof');
  });
});

describe('the screen', () => {
  const state = (pane: Pane) => ({
    heading: 'a heading',
    pane,
    top: 0,
    hints: true,
    message: '',
    token: 'dlab1/…',
  });

  test.each([
    [80, 24],
    [80, 10],
    [60, 12],
    [200, 60],
  ])('%i columns, %i rows: nothing is wider, and what can be done next is there', (width, rows) => {
    play('0', '2x3');
    for (const pane of ['steps', 'objects', 'help'] as const) {
      for (const ascii of [false, true]) {
        const lines = screenLines(game, state(pane), { ...VIEW, width, ascii }, rows);
        expect(lines.length).toBeLessThanOrEqual(rows);
        expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(width);
        expect(lines.some((line) => line.includes('C1  reader2'))).toBe(true);
      }
    }
  });

  test('--ascii has no other characters', () => {
    const own = new Game(PROGRAM, { bug: BUG, complete }, [], true);
    perform(own, '2x6');
    const view = { ...VIEW, ascii: true };
    const text = screenLines(own, { ...state('steps'), token: '' }, view, 30).join('\n');

    expect(text).toMatch(/^[\u0000-\u007f]*$/);
  });
});

class Box extends Struct {
  readonly lock = this.lockCell('lock', 'box_lock');

  constructor() {
    super('box');
  }
}

/** Two tasks take one lock. */
function lockers(): Program {
  function* locked(box: Box): Task<void> {
    yield* spin_lock(box.lock);
    yield* spin_unlock(box.lock);
  }
  const own = scenario({
    name: 'test/lockers',
    objects: () => ({ box: new Box() }),
    tasks: { one: (_k, { box }) => locked(box), two: (_k, { box }) => locked(box) },
  });
  return programOf(own, { variant: findVariant(own) });
}
