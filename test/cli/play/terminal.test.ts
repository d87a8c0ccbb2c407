/** `dlab play` as a process: by lines from a pipe, and by keys in a real terminal (tmux). */

import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { MAIN, pause, shell } from '../../support/dlab.js';

const SMALL = 'race/m02-take-over-by-store --variant buggy';

describe('by lines', () => {
  test('commands from a pipe, to the failure, and a token to go on from', () => {
    const { code, out } = shell(
      `printf '0\\n0\\n1\\nhint\\nundo\\nfollow 500\\n' | $DLAB play ${SMALL}`,
    );
    expect(code).toBe(1);
    expect(out).toContain('hint: the bug can still be reached');
    expect(out).toContain('VIOLATED');
    const [token] = /dlab1\/\S+$/m.exec(out)!;
    const again = shell(`printf 'undo\\ntoken\\n' | $DLAB play --from ${token}`);
    expect(again.code).toBe(0);
    expect(shell(`$DLAB show ${token}`).code).toBe(1);
    expect(shell(`$DLAB play ${SMALL} --from ${token} </dev/null`).err).toContain('the token says');
  });

  test.each([
    [`printf '0\\nnonsense\\n' | $DLAB play ${SMALL}`, 2, "line 2: 'nonsense' is no command"],
    [`printf '0\\n8\\n' | $DLAB play ${SMALL}`, 2, 'line 2: CPU 8 has nothing to do'],
    ['$DLAB play </dev/null', 2, 'name a scenario, or --from a token'],
    ['$DLAB play stash/ </dev/null', 2, 'names several scenarios'],
    ['$DLAB play --from dlab1/x </dev/null', 2, 'this is not a replay token'],
    [`$DLAB play ${SMALL} --budget -1s </dev/null`, 2, '--budget takes'],
  ])('%s', (line, code, message) => {
    const ran = shell(line);
    expect(ran.err).toContain(message);
    expect(ran.code).toBe(code);
  });

  test('no line is wider than asked for, and --ascii is ASCII', () => {
    const { out } = shell(
      `printf 'follow 30\\nhint\\nobjects\\nhelp\\n' | $DLAB play ${SMALL} --width 70 --ascii`,
    );
    for (const line of out.split('\n').filter((each) => !each.includes('dlab1/'))) {
      expect([...line].length, line).toBeLessThanOrEqual(70);
    }

    expect(out).toMatch(/^[\u0000-\u007f]*$/);
  });
});

const hasTmux = spawnSync('tmux', ['-V']).status === 0;
const SOCKET = `dlab-test-${process.pid}`;

function tmux(...args: string[]): string {
  return spawnSync('tmux', ['-L', SOCKET, ...args], { encoding: 'utf8' }).stdout;
}

/** What the terminal shows, once it shows this. */
async function screenWith(text: string): Promise<string> {
  for (let i = 0; i < 400; i += 1) {
    const shown = tmux('capture-pane', '-p');
    if (shown.includes(text)) return shown;
    await pause(100);
  }
  throw new Error(`'${text}' is not on the screen:\n${tmux('capture-pane', '-p')}`);
}

/** A shell in a terminal of this size that runs play, and then says how it ended. */
function start(columns: number, rows: number, options = '', node = '', then = ''): void {
  const command =
    `set -m; ${process.execPath} ${node} ${MAIN} play ${SMALL} ${options}; ` +
    "echo code $?; stty -a | tr ' ;' '\\n\\n' | grep -x -e '-*icanon' -e '-*echo'; " +
    `${then} exec sleep 60`;
  const env = ['-e', 'LANG=C.UTF-8', '-e', 'FORCE_COLOR='];
  tmux('new-session', '-d', ...env, '-x', `${columns}`, '-y', `${rows}`, command);
}

/** The terminal is cooked again: it echoes, and reads by lines. */
async function expectRestored(code: number): Promise<void> {
  const shown = await screenWith('icanon');
  expect(shown).toContain(`code ${code}`);
  expect(shown).toMatch(/^icanon$/m);
  expect(shown).toMatch(/^echo$/m);
  expect(tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}').trim()).toBe('0 1');
}

describe.skipIf(!hasTmux)(
  hasTmux ? 'by keys, in tmux' : 'by keys: SKIPPED, there is no tmux here',
  () => {
    afterEach(() => {
      tmux('kill-server');
    });

    test('steps, undo, hints and objects; q restores the terminal', async () => {
      start(80, 24);
      const first = await screenWith('0 steps, 0 switches; par');
      expect(first).toContain('Make it fail: ');
      expect(tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}').trim()).toBe('1 0');
      tmux('send-keys', '0');
      await screenWith(' 1 step, 0 switches');
      tmux('send-keys', 'Space', '1');
      await screenWith(' 3 steps, 1 switch');
      tmux('send-keys', 'u', 'u');
      await screenWith(' 1 step, 0 switches');
      tmux('send-keys', 'h');
      await screenWith('shortest way: ');
      tmux('send-keys', 'x');
      await screenWith("'x' is no key");
      tmux('send-keys', 'o');
      await screenWith(' inode#1');
      tmux('resize-window', '-x', '70', '-y', '16');
      tmux('send-keys', '?');
      const small = await screenWith('one more step of whoever');
      expect(Math.max(...small.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(
        70,
      );
      tmux('send-keys', 'q');
      await expectRestored(0);
    });

    test('Ctrl-C restores it too', async () => {
      start(80, 24);
      await screenWith('0 steps, 0 switches; par');
      tmux('send-keys', 'C-c');
      await expectRestored(130);
    });

    test('SIGTERM as well', async () => {
      start(80, 24);
      await screenWith('0 steps, 0 switches; par');
      const shellPid = tmux('display-message', '-p', '#{pane_pid}').trim();
      const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', shellPid], { encoding: 'utf8' });
      process.kill(Number(stdout.trim().split(/\s+/)[0]), 'SIGTERM');
      await expectRestored(143);
    });

    test('Ctrl-Z gives the terminal back, and fg goes on where it was', async () => {
      start(80, 24, '', '', 'read line; fg; echo back $?;');
      await screenWith('0 steps, 0 switches; par');
      tmux('send-keys', '0');
      await screenWith(' 1 step, 0 switches');
      tmux('send-keys', 'C-z');
      await expectRestored(148);
      tmux('send-keys', 'Enter');
      await screenWith(' 1 step, 0 switches');
      expect(tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}').trim()).toBe('1 0');
      tmux('send-keys', '0');
      await screenWith(' 2 steps, 0 switches');
      tmux('send-keys', 'q');
      await screenWith('back 0');
      expect(tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}').trim()).toBe('0 1');
    });

    test('a crash restores it too, and its message can be read', async () => {
      // A handler that throws, and nobody catches it.
      const crash =
        "--import 'data:text/javascript,process.on(%22SIGUSR2%22,()=>{throw%20new%20Error(%22crashed%20here%22)})'";
      start(80, 24, '', crash);
      await screenWith('0 steps, 0 switches; par');
      const shellPid = tmux('display-message', '-p', '#{pane_pid}').trim();
      const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', shellPid], { encoding: 'utf8' });
      process.kill(Number(stdout.trim().split(/\s+/)[0]), 'SIGUSR2');
      await expectRestored(1);
      expect(tmux('capture-pane', '-p')).toContain('crashed here');
    });

    test('NO_COLOR has no colours, and the words are the same', async () => {
      start(80, 24, '--no-color');
      await screenWith('0 steps, 0 switches; par');
      tmux('send-keys', '0');
      await screenWith(' 1 step, 0 switches');
      expect(tmux('capture-pane', '-p', '-e')).not.toContain('\u001b[');
    });
  },
);
