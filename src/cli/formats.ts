/**
 * The formats of `--format`: of one interleaving, or of all checks together.
 *
 * Everything is made from the trace or the report as plain data; nothing here knows the machine.
 */

import {
  dotOfObjects,
  explanationLines,
  ftrace,
  happensBeforeDot,
  junit,
  ladder,
  lanes,
  perfetto,
  sarif,
  splat,
  type CheckReport,
  type Snapshot,
  type Trace,
} from '../trace/index.js';
import { UsageError } from './exit.js';
import { paletteOf, type Look } from './report.js';

/** Of one interleaving. */
export const TRACE_FORMATS = [
  'ladder',
  'lanes',
  'splat',
  'ftrace',
  'json',
  'jsonl',
  'perfetto',
  'dot',
  'hb',
] as const;
/** Of all checks of a command. */
export const REPORT_FORMATS = ['json', 'jsonl', 'junit', 'sarif'] as const;

export type TraceFormat = (typeof TRACE_FORMATS)[number];
export type Format = TraceFormat | (typeof REPORT_FORMATS)[number];

/** The format of this name. @throws UsageError */
export function formatOf<F extends Format>(text: string, known: readonly F[]): F {
  const found = known.find((format) => format === text);
  if (found === undefined) {
    throw new UsageError(`--format takes ${known.join(', ')}; not '${text}'`);
  }
  return found;
}

/**
 * One interleaving.
 * @param at number of the step whose objects `dot` draws
 */
export function renderTrace(
  format: TraceFormat,
  trace: Trace,
  snapshots: readonly Snapshot[],
  look: Look,
  at: number = trace.steps,
): string {
  const drawn = { ...look, palette: paletteOf(look) };
  switch (format) {
    case 'ladder':
      return ladder(trace, drawn);
    case 'lanes':
      return lanes(trace, look);
    case 'splat':
      return splat(trace);
    case 'ftrace':
      return ftrace(trace);
    case 'json':
      return JSON.stringify({ ...trace, snapshots });
    case 'jsonl':
      return traceLines(trace);
    case 'perfetto':
      return JSON.stringify(perfetto(trace));
    case 'dot':
      return dotOfObjects(snapshots[at], snapshots[at - 1]);
    case 'hb':
      return happensBeforeDot(trace, look.verbose);
  }
}

/** A line for the head, one for each operation, one for each finding. */
function traceLines({ operations, findings, ...head }: Trace): string {
  return [
    JSON.stringify({ type: 'trace', ...head }),
    ...operations.map((operation) => JSON.stringify({ type: 'operation', ...operation })),
    ...findings.map((finding) => JSON.stringify({ type: 'finding', ...finding })),
  ].join('\n');
}

/** All checks of a command. */
export function renderReports(
  format: (typeof REPORT_FORMATS)[number],
  reports: readonly CheckReport[],
): string {
  switch (format) {
    case 'json':
      return JSON.stringify(reports, null, 1);
    case 'jsonl':
      return reports.map((report) => JSON.stringify(report)).join('\n');
    case 'junit':
      return junit(reports);
    case 'sarif':
      return JSON.stringify(sarif(reports), null, 1);
  }
}

/** One interleaving of a report in a format of its own; null if it has none to show. */
export function renderShown(
  format: TraceFormat,
  report: CheckReport,
  snapshots: readonly Snapshot[],
  look: Look,
): string | null {
  const [bug] = report.violations;
  if (bug === undefined || bug.trace === null) return null;
  const text = renderTrace(format, bug.trace, snapshots, look);
  if ((format !== 'ladder' && format !== 'lanes') || bug.explanation === null) return text;
  const lines = explanationLines(bug.trace, bug.explanation, { ...look, palette: paletteOf(look) });
  return [text, '', ...lines].join('\n');
}
