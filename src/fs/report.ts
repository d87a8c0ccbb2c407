/**
 * What exploring programs answers, whatever a step is: a verdict, and for a bug its story by calls.
 */

import type { Verdict } from '../explore/index.js';

/** A program and the call it makes. */
export interface Call {
  readonly task: string;
  /** The call as a reader wants to see it: `open("/etc/app.json", O_TRUNC)`. */
  readonly label: string;
}

/** One line of a story. */
export interface Row extends Call {
  readonly result: string;
}

export interface FsBug {
  readonly kind: string;
  readonly title: string;
  readonly rows: readonly Row[];
  readonly switches: number;
  /** No schedule with fewer switches fails. */
  readonly minimal: boolean;
}

export interface FsReport {
  readonly verdict: Verdict;
  readonly complete: boolean;
  readonly reason: string | null;
  /** Complete interleavings of the calls. */
  readonly interleavings: number;
  readonly states: number;
  /** Runs of the programs from the start. */
  readonly runs: number;
  readonly bugs: readonly FsBug[];
  /** How many final states each outcome was seen in, of how many. */
  readonly outcomes: Readonly<Record<string, 'always' | 'sometimes'>>;
  /** The first bug as a story, or the verdict in a line. */
  readonly text: string;
}

/** How often the story goes from one program to another. */
export function switchesOf(rows: readonly Row[]): number {
  return rows.filter(({ task }, i) => i > 0 && rows[i - 1].task !== task).length;
}

/** The first bug as a story, or the verdict in a line. */
export function textOf(report: Omit<FsReport, 'text'>): string {
  const { verdict, bugs, states, interleavings, reason } = report;
  if (bugs.length === 0) {
    const why = reason === null ? '' : `: ${reason}`;
    return `${verdict}${why} (${interleavings} interleavings, ${states} states)`;
  }
  const [{ title, rows }] = bugs;
  const width = Math.max(...rows.map(({ task }) => task.length), 0);
  const lines = rows.map(
    ({ task, label, result }, i) =>
      `${String(i + 1).padStart(3)}  ${task.padEnd(width)}  ${label}${result === '' ? '' : ` = ${result}`}`,
  );
  return [`${verdict}: ${title}`, ...lines].join('\n');
}
