/** The lessons show what the commands in them print, and their questions have answers. */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { isRight, questionOf } from '../../src/cli/lesson-questions.js';
import { lessonPages, pageText, regenerated } from '../../tools/lessons.js';
import { dlab } from '../support/dlab.js';

const BUILT = fileURLToPath(new URL('../../dist/cli/command-line.js', import.meta.url));

beforeAll(() => {
  expect(existsSync(BUILT), 'build first: npm run build').toBe(true);
});

test('there are ten, numbered from 1', () => {
  expect(lessonPages().map((name) => Number(name.slice(0, 2)))).toEqual(
    Array.from({ length: 10 }, (_, i) => i + 1),
  );
});

describe.each(lessonPages())('%s', (name) => {
  const page = pageText(name);
  const number = Number(name.slice(0, 2));

  test('is as npm run docs:lessons would write it', async () => {
    expect(await regenerated(page)).toBe(page);
  });

  test('is short, shows something, and ends with a question', () => {
    const [text, question] = page.split('## Question');
    expect(text).toContain('<!-- dlab: ');
    const words = text.replace(/```[^]*?```/g, '').split(/\s+/).length;
    expect(words).toBeLessThan(320);
    expect(question).toContain('?');
    expect(question).toContain(`dlab lesson ${number} --answer `);
  });

  test('its question has one answer, and others are wrong', () => {
    const answer = questionOf(number).answer();
    const question = { ...questionOf(number), answer: () => answer };
    expect(answer).toMatch(/^\d+$|^[A-Za-z-]+$/);
    expect(isRight(question, ` ${answer.toUpperCase()} `)).toBe(true);
    for (const wrong of ['', '0', `${answer}0`, 'HOLDS'])
      expect(isRight(question, wrong)).toBe(false);
  });
});

test('on a terminal: the text, the commands as they were typed, and what they print', () => {
  const { code, out } = dlab('lesson', '2', '--ascii');
  expect(code).toBe(0);
  expect(out).toContain('  2. Two CPUs, one counter\n');
  expect(out).toContain('    $ dlab check lesson/counter --variant plain\n');
  expect(out).toContain('  VIOLATED  lesson/counter @ plain\n');
  expect(out).toContain('\n    dlab lesson 2 --answer WORD\n');
  expect(out).not.toMatch(/<!--|```|\*\*/);
});

test('an answer: 0 if it is right, 1 if not', () => {
  const right = dlab('lesson', '2', '--answer', 'violated');
  expect({ code: right.code, out: right.out }).toMatchObject({ code: 0 });
  expect(right.out).toMatch(/^ {2}Right: VIOLATED\./);
  const wrong = dlab('lesson', '2', '--answer', 'holds');
  expect(wrong.code).toBe(1);
  expect(wrong.out).toContain('dlab check lesson/counter --variant once');
});
