/** A mistake in a user's file, and how it is shown: place, message, the line and carets under it. */

import pc from 'picocolors';

export interface Problem {
  /** As the user named it. */
  readonly file: string;
  /** The text of the file. */
  readonly source: string;
  /** Where it is, in characters from the start. */
  readonly start: number;
  readonly length: number;
  /** `TS2339`, or a word. */
  readonly code: string;
  readonly message: string;
}

const LINE_MAX = 120;

/** One problem as several lines of text. */
export function frameOf(
  { file, source, start: found, length, code, message }: Problem,
  colour = false,
): string {
  const paint = pc.createColors(colour);
  // What is missing at the end of a file is missing after its last word.
  const start = Math.min(found, source.trimEnd().length);
  const before = source.slice(0, start);
  const line = before.split('\n').length;
  const lineStart = before.lastIndexOf('\n') + 1;
  const [text] = source.slice(lineStart).split(/\r?\n/) as [string];
  const column = start - lineStart;
  const place = `${paint.cyan(file)}:${paint.yellow(line)}:${paint.yellow(column + 1)}`;
  const head = `${place} - ${paint.red('error')} ${paint.gray(`${code}:`)} ${message}`;
  // A very long line is shown from a little before the mistake.
  const from = column > LINE_MAX / 2 ? column - 20 : 0;
  const shown = text.slice(from, from + LINE_MAX).replaceAll('\t', ' ');
  const carets = Math.max(1, Math.min(length, shown.length - (column - from)));
  const gutter = `${line}  `;
  return [
    head,
    '',
    `${paint.inverse(String(line))}  ${shown}`.trimEnd(),
    `${' '.repeat(gutter.length + column - from)}${paint.red('^'.repeat(carets))}`,
  ].join('\n');
}
