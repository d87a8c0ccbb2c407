/**
 * Lanes: an interleaving side by side, one wide column per CPU, for slides and mail.
 *
 * Invariant: as wide as asked for and no wider; a text too long for its lane goes on below. Where
 * the lanes would get too narrow to read, the ladder is the better picture, and is said to be.
 */

import { keyOperations } from './fold.js';
import type { LadderOptions } from './ladder.js';
import type { Trace, TraceOperation } from './schema.js';
import { ASCII, functionOf, UNICODE, wordsOf, wrap } from './words.js';

const NUMBER_WIDTH = 6;

/** Render a trace in lanes. */
export function lanes(trace: Trace, options: Omit<LadderOptions, 'palette'> = {}): string {
  const width = Math.max(60, options.width ?? 80);
  const glyphs = options.ascii === true ? ASCII : UNICODE;
  const cpus = trace.tasks.filter(({ actor }) => !actor);
  cpus.sort((a, b) => a.cpu! - b.cpu!);
  const lane = Math.floor((width - NUMBER_WIDTH) / cpus.length) - 1;
  const keys = options.verbose === true ? null : keyOperations(trace);
  const lines = [
    row(
      '',
      cpus.map(({ name }, i) => [`CPU${i} ${name}`]),
    ),
    row(
      '',
      cpus.map(() => ['-'.repeat(lane)]),
    ),
  ];
  let hidden = 0;
  for (const operation of trace.operations) {
    if (keys !== null && !keys.has(operation.n)) {
      if (operation.main) hidden += 1;
      continue;
    }
    if (hidden > 0) lines.push(`${glyphs.fold.padStart(4)}  (${hidden} more)`);
    hidden = 0;
    lines.push(...rows(operation));
  }
  for (const { title, operation } of trace.findings) {
    const at = trace.operations[operation - 1];
    const where = at === undefined ? '' : `step ${at.step}: `;
    lines.push('', ...wrap(`${glyphs.bad} ${where}${title}`, width, '  '));
  }
  return lines.map((line) => line.trimEnd()).join('\n');

  function rows(operation: TraceOperation): string[] {
    const task = trace.tasks[operation.task];
    const bad = operation.findings.length > 0;
    const text = `${bad ? `${glyphs.bad} ` : ''}${functionOf(operation, task.name)}: ${wordsOf(operation, glyphs)}`;
    const number = operation.main || bad ? String(operation.step).padStart(4) : '';
    if (task.cpu === null) {
      const [first, ...others] = wrap(`RCU ${text}`, width - NUMBER_WIDTH - 8);
      const dots = glyphs === ASCII ? '....' : '····';
      return [
        `${number.padEnd(NUMBER_WIDTH)}${dots} ${first} ${dots}`,
        ...others.map((line) => `${' '.repeat(NUMBER_WIDTH + 5)}${line}`),
      ];
    }
    const pieces = wrap(text, lane, '  ').flatMap((line) => cut(line, lane));
    return pieces.map((line, i) =>
      row(
        i === 0 ? number : '',
        cpus.map((_, cpu) => (cpu === task.cpu ? [line] : [])),
      ),
    );
  }

  function row(number: string, texts: readonly (readonly string[])[]): string {
    const body = texts.map(([text = '']) => text + ' '.repeat(lane + 1 - [...text].length));
    return number.padEnd(NUMBER_WIDTH) + body.join('');
  }
}

function cut(line: string, width: number): string[] {
  const characters = [...line];
  const parts: string[] = [];
  for (let i = 0; i === 0 || i < characters.length; i += width) {
    parts.push(characters.slice(i, i + width).join(''));
  }
  return parts;
}
