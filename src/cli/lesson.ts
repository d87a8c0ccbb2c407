/**
 * `dlab lesson`: the pages of docs/lessons on a terminal, their commands run on the spot, and the
 * question at the end of each.
 *
 * Invariant: the page is the only text. A block marked with a command is what that command printed;
 * here the command itself is run again.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import pc from 'picocolors';
import { EXIT, UsageError } from './exit.js';
import { isRight, questionOf, type Question } from './lesson-questions.js';
import { ASCII_WORDS, WORDS } from '../trace/index.js';
import { lookOf, type CheckFlags } from './options.js';
import type { Look } from './report.js';

/** Longer lines of prose are hard to read. */
const TEXT_WIDTH = 78;

const FOLDER = new URL('../../docs/lessons/', import.meta.url);

export interface LessonFlags extends CheckFlags {
  /** The answer to the question. */
  readonly answer?: string;
}

/** Runs the words of another command. */
type Run = (words: readonly string[]) => Promise<number>;

interface Page {
  readonly number: number;
  readonly title: string;
  readonly text: string;
}

/** The lessons, in order. */
function pages(): Page[] {
  return readdirSync(FOLDER)
    .filter((name) => /^\d\d-.*\.md$/.test(name))
    .sort()
    .map((name) => {
      const text = readFileSync(new URL(name, FOLDER), 'utf8');
      const title = /^# \d+\. (.*)$/m.exec(text)?.[1] ?? name;
      return { number: Number(name.slice(0, 2)), title, text };
    });
}

/**
 * List the lessons, show one, or check an answer.
 * @returns the exit code: 0, or 1 for a wrong answer
 */
export async function lesson(
  which: string | undefined,
  flags: LessonFlags,
  run: Run,
): Promise<number> {
  const all = pages();
  if (which === undefined) {
    for (const { number, title } of all) console.log(`  ${String(number).padStart(2)}  ${title}`);
    console.log('\n  dlab lesson 1 shows the first one.');
    return EXIT.HOLDS;
  }
  const page = all.find(({ number }) => String(number) === which);
  if (page === undefined) {
    throw new UsageError(`there is no lesson '${which}': they are numbered 1 to ${all.length}`);
  }
  const look = lookOf(flags);
  const question = questionOf(page.number);
  if (flags.answer !== undefined) return answered(page, question, flags.answer, all.length);
  for (const part of partsOf(page.text)) {
    if (part.command === null) {
      console.log(onTerminal(part.text, look));
      continue;
    }
    console.log(dim(`    $ dlab ${part.command}\n`, look));
    await run([...part.command.split(' '), ...lookWords(flags)]);
  }
  if (process.stdin.isTTY && process.stdout.isTTY) await ask(page, question, all.length);
  return EXIT.HOLDS;
}

/** The flags about looks, as words for the commands of a lesson. */
function lookWords({ ascii, color, width, verbose }: LessonFlags): string[] {
  return [
    ...(ascii === true ? ['--ascii'] : []),
    ...(color === false ? ['--no-color'] : []),
    ...(width === undefined ? [] : ['--width', width]),
    ...(verbose === true ? ['--verbose'] : []),
  ];
}

function answered(page: Page, question: Question, given: string, count: number): number {
  const say = (text: string): void => console.log(wrapped(text, TEXT_WIDTH).join('\n'));
  if (!isRight(question, given)) {
    say(`No. ${question.hint}`);
    return EXIT.VIOLATED;
  }
  say(`Right: ${question.because(question.answer())}`);
  if (page.number < count) console.log(`\n  Go on with: dlab lesson ${page.number + 1}`);
  return EXIT.HOLDS;
}

/** Ask until the answer is right, or empty. */
async function ask(page: Page, question: Question, count: number): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    for (;;) {
      const given = (await terminal.question('\n  Your answer (Enter to leave): ')).trim();
      if (given === '' || answered(page, question, given, count) === EXIT.HOLDS) return;
    }
  } finally {
    terminal.close();
  }
}

interface Part {
  readonly text: string;
  /** The words after `dlab`; null for text. */
  readonly command: string | null;
}

const BLOCK = /<!-- dlab: (.*?) -->\n+```text\n[^]*?\n```\n/g;

/** A page cut at its commands. */
function partsOf(page: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const match of page.matchAll(BLOCK)) {
    parts.push({ text: page.slice(from, match.index), command: null });
    parts.push({ text: match[0], command: match[1] });
    from = match.index + match[0].length;
  }
  parts.push({ text: page.slice(from), command: null });
  return parts.filter(({ text }) => text.trim() !== '');
}

function dim(text: string, { colour }: Look): string {
  return colour ? pc.createColors(true).dim(text) : text;
}

/** Markdown as plain text: wrapped, code indented, headings bold. */
function onTerminal(markdown: string, look: Look): string {
  const width = Math.min(look.width, TEXT_WIDTH);
  const bold = (text: string): string => (look.colour ? pc.createColors(true).bold(text) : text);
  const lines: string[] = [];
  // Fenced code stays in one piece, whatever blank lines it has.
  const blocks = markdown.replace(/<!--.*?-->\n*/g, '').matchAll(/```[^]*?\n```|(?:.+\n?)+/g);
  for (const [block] of blocks) {
    if (block.startsWith('```')) {
      const code = block.split('\n').slice(1, -1);
      lines.push(...code.map((line) => `    ${line}`.trimEnd()));
    } else if (block.startsWith('    ')) {
      lines.push(...block.trimEnd().split('\n'));
    } else if (block.startsWith('#')) {
      lines.push(bold(`  ${block.replace(/^#+ /, '').trimEnd()}`));
    } else {
      for (const item of block.trimEnd().split(/\n(?=- )/))
        lines.push(...wrapped(plain(item), width));
    }
    lines.push('');
  }
  return look.ascii ? inAscii(lines.join('\n')) : lines.join('\n');
}

/** Text in which the signs of traces are those of `--ascii`. */
function inAscii(text: string): string {
  return (Object.keys(WORDS) as (keyof typeof WORDS)[]).reduce(
    (done, sign) => done.replaceAll(WORDS[sign], ASCII_WORDS[sign]),
    text,
  );
}

function plain(text: string): string {
  return text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/\*\*?([^*]+)\*\*?/g, '$1');
}

function wrapped(text: string, width: number): string[] {
  const indent = text.startsWith('- ') ? '    ' : '  ';
  const lines = [''];
  for (const word of text.split(/\s+/)) {
    const line = `${lines.at(-1)!} ${word}`.trimStart();
    if (indent.length + line.length > width && lines.at(-1) !== '') lines.push(word);
    else lines[lines.length - 1] = line;
  }
  return lines.map((line, i) => (i === 0 ? '  ' : indent) + line);
}
