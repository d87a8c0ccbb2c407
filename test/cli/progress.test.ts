/** Progress on stderr: a line that is redrawn on a terminal, plain lines elsewhere. */

import { expect, test } from 'vitest';
import { ProgressLine } from '../../src/cli/progress.js';
import { Running } from '../support/dlab.js';

const counts = (states: number): Parameters<ProgressLine['show']>[0] => ({
  executions: 0,
  blocked: 0,
  states,
  steps: 0,
  depth: 0,
});

function shown(isTTY: boolean, until: number): string {
  let text = '';
  const line = new ProgressLine('a/b', { isTTY, columns: 40, write: (t) => (text += t) });
  for (let tenth = 0; tenth <= until * 10; tenth += 1) line.show(counts(tenth), tenth / 10, null);
  line.end();
  return text;
}

test('short runs say nothing', () => {
  expect(shown(false, 1.9)).toBe('');
  expect(shown(true, 1.9)).toBe('');
});

test('no terminal: a line at the start, one every 10 s, one at the end, no control codes', () => {
  expect(shown(false, 25).split('\n')).toEqual([
    'dlab: checking a/b: 20 states, 10/s, 2 s',
    'dlab: checking a/b: 120 states, 10/s, 12 s',
    'dlab: checking a/b: 220 states, 10/s, 22 s',
    'dlab: checked a/b: 250 states, 10/s, 25 s',
    '',
  ]);
});

test('a terminal: one line within its width, gone at the end', () => {
  const text = shown(true, 5);
  expect(text).not.toContain('\n');
  expect(text.endsWith('\r\u001b[K')).toBe(true);
  for (const line of text.split('\r')) expect(line.replace('\u001b[K', '').length).toBeLessThan(40);
});

test('on a pipe: first line, last line, nothing else', async () => {
  const run = new Running('check', 'stash/three-closers');
  expect(await run.until(() => run.err.includes('\n'))).toBe(true);
  run.kill('SIGINT');
  const { err } = await run.ended;
  expect(err).toMatch(/^dlab: checking stash\/three-closers: [\d,]+ states, [\d,]+\/s, \d+ s\n/);
  expect(err).toMatch(/\ndlab: checked stash\/three-closers: [\d,]+ states/);
  expect(err).not.toMatch(/[\u001b\r]/);
});
