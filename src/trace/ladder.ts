/**
 * The ladder: an interleaving as text, one line per access, one column per CPU.
 *
 * Invariants: no line is wider than asked for (80 by default); colour is never the only carrier of
 * meaning. Values: `->` read, `=` written, `a -> b` changed in one step, `✗` the access that broke.
 */

import type { Trace, TraceOperation } from './schema.js';

/** How to colour; the identity functions give plain text. */
export interface Palette {
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly name: (text: string) => string;
}

export const PLAIN: Palette = { bad: (t) => t, dim: (t) => t, name: (t) => t };

export interface LadderOptions {
  /** Columns of the terminal (default 80, at least 60). */
  readonly width?: number;
  /** No characters beyond ASCII. */
  readonly ascii?: boolean;
  readonly palette?: Palette;
  /** Show every operation, private ones too. */
  readonly verbose?: boolean;
}

interface Glyphs {
  readonly here: string;
  readonly rail: string;
  readonly bad: string;
  readonly read: string;
  readonly change: string;
  readonly fold: string;
}

const UNICODE: Glyphs = { here: '●', rail: '│', bad: '✗', read: '➜', change: '→', fold: '⋮' };
const ASCII: Glyphs = { here: 'o', rail: '|', bad: 'X', read: '->', change: '=>', fold: ':' };

/** Operations folded away when more than this many of one task follow each other. */
const FOLD_OVER = 3;

/** Render a trace. Lines are joined by newlines, without one at the end. */
export function ladder(trace: Trace, options: LadderOptions = {}): string {
  const glyphs = options.ascii === true ? ASCII : UNICODE;
  const palette = options.palette ?? PLAIN;
  const width = Math.max(60, options.width ?? 80);
  const columns = columnsOf(trace);
  const lines: string[] = [header(trace, columns)];
  const shown = trace.operations.filter(
    (operation) => options.verbose === true || matters(operation),
  );
  const numbered = new Map(shown.map((operation, i) => [operation.n, i + 1]));
  let last = -1;
  for (const run of runsOf(shown)) {
    const { task } = run[0];
    const rails = (mark: string, at: number): string => columns.rails(mark, at, glyphs.rail);
    if (last !== -1 && task !== last && !trace.tasks[task].actor) {
      const from = trace.tasks[last].actor ? '' : ` ${trace.tasks[last].name} is preempted;`;
      lines.push(
        palette.dim(
          clip(`      ${rails(glyphs.rail, -1)} ~${from} ${trace.tasks[task].name} runs`, width),
        ),
      );
    }
    last = task;
    for (const item of options.verbose === true ? run : fold(run, trace)) {
      if (typeof item === 'number') {
        lines.push(
          palette.dim(
            clip(
              `      ${rails(glyphs.fold, columns.of(task))} ${glyphs.fold} ${item} more steps of ${trace.tasks[task].name}`,
              width,
            ),
          ),
        );
        continue;
      }
      const bad = item.findings.length > 0;
      const number = String(numbered.get(item.n)).padStart(4);
      const mark = rails(bad ? glyphs.bad : glyphs.here, columns.of(task));
      const fn = (item.stack[0]?.fn ?? trace.tasks[task].name).slice(0, 22).padEnd(22);
      const text = clip(`${number}  ${mark} ${fn} ${access(item, glyphs)}`, width);
      lines.push(bad ? palette.bad(text) : text);
    }
  }
  lines.push('', ...explanation(trace, numbered, glyphs, width, palette));
  return lines.join('\n');
}

interface Columns {
  readonly of: (task: number) => number;
  readonly rails: (mark: string, at: number, rail: string) => string;
}

/** A column for each task, and one for all actors of RCU together. */
function columnsOf(trace: Trace): Columns & { readonly names: readonly string[] } {
  const names = trace.tasks.filter((task) => !task.actor).map((task) => task.name);
  const column = trace.tasks.map((task) => (task.actor ? names.length : names.indexOf(task.name)));
  const count = names.length + (trace.tasks.some((task) => task.actor) ? 1 : 0);
  return {
    names,
    of: (task) => column[task],
    rails: (mark, at, rail) =>
      Array.from({ length: count }, (_, i) => ` ${i === at ? mark : rail}  `).join(''),
  };
}

function header(trace: Trace, columns: { readonly names: readonly string[] }): string {
  const heads = columns.names.map((_, i) => ` C${i} `);
  if (trace.tasks.some((task) => task.actor)) heads.push('RCU ');
  const who = columns.names.map((name, i) => `C${i} = ${name}`).join(', ');
  return `      ${who}\n      ${heads.join('')} function               access`;
}

/** Is the operation worth a line? Private memory and bookkeeping are not. */
function matters(operation: TraceOperation): boolean {
  if (operation.findings.length > 0) return true;
  if (!operation.visible) return false;
  return !['fence', 'spawn', 'sectionAwait', 'alloc'].includes(operation.op);
}

function runsOf(operations: readonly TraceOperation[]): TraceOperation[][] {
  const runs: TraceOperation[][] = [];
  for (const operation of operations) {
    const run = runs.at(-1);
    if (run !== undefined && run[0].task === operation.task) run.push(operation);
    else runs.push([operation]);
  }
  return runs;
}

/** Keep what other tasks' operations or the report depend on; count the rest. */
function fold(run: TraceOperation[], trace: Trace): (TraceOperation | number)[] {
  const result: (TraceOperation | number)[] = [];
  let skipped: TraceOperation[] = [];
  const flush = (): void => {
    if (skipped.length > FOLD_OVER) result.push(skipped.length);
    else result.push(...skipped);
    skipped = [];
  };
  for (const [i, operation] of run.entries()) {
    if (i === 0 || i === run.length - 1 || isKey(operation, trace)) {
      flush();
      result.push(operation);
    } else {
      skipped.push(operation);
    }
  }
  flush();
  return result;
}

/** Operations that tell the story: what reports are about, and what changes the shared pointers. */
function isKey(operation: TraceOperation, trace: Trace): boolean {
  if (operation.findings.length > 0 || operation.op === 'free' || operation.op === 'atomic')
    return true;
  if (operation.branches.length > 0) return true;
  if (operation.op === 'sectionSnapshot' || operation.wrote?.startsWith('dead') === true)
    return true;
  const guilty = new Set(
    trace.operations.filter((o) => o.findings.length > 0).map((o) => `${o.object}.${o.field}`),
  );
  if (operation.wrote !== null && guilty.has(`${operation.object}.${operation.field}`)) return true;
  return operation.field === 'stashed' || /rcu/i.test(operation.op);
}

function access(operation: TraceOperation, glyphs: Glyphs): string {
  const where =
    operation.object === null
      ? ''
      : `${operation.object}${operation.field === null ? '' : `.${operation.field}`}`;
  const { value, wrote } = operation;
  switch (operation.op) {
    case 'read':
    case 'await':
      return `${where} ${glyphs.read} ${value}`;
    case 'write':
      return `${where} = ${wrote}`;
    case 'cmpxchg':
      return wrote === null
        ? `cmpxchg ${where} fails, is ${value}`
        : `cmpxchg ${where} ${value} ${glyphs.change} ${wrote}`;
    case 'refInc':
      return `${where} gets one more, is ${wrote}`;
    case 'refDec':
      return `${where} gets one less, is ${wrote}`;
    case 'xchg':
    case 'add':
    case 'or':
    case 'and':
      return `${where} ${value} ${glyphs.change} ${wrote}`;
    case 'lock':
      return `${lockName(operation)} taken`;
    case 'unlock':
      return `${lockName(operation)} released`;
    case 'trylock':
      return wrote === null
        ? `${lockName(operation)} is busy`
        : `${lockName(operation)} taken (try)`;
    case 'listAdd':
      return `${where} gains ${wrote}`;
    case 'listDel':
      return `${where} loses ${wrote}`;
    case 'free':
      return `${operation.object} is FREED`;
    case 'sectionEnter':
      return 'rcu_read_lock';
    case 'sectionExit':
      return 'rcu_read_unlock';
    case 'atomic':
      return operation.stack[0]?.fn === 'release'
        ? 'the descriptor is closed'
        : 'the descriptor is open';
    case 'sectionSnapshot':
      return 'a grace period is asked for';
    case 'relax':
      return 'cpu_relax';
    default:
      return `${operation.op} ${where}`;
  }
}

function lockName(operation: TraceOperation): string {
  return `${operation.object}.${operation.field === 'd_lockref' ? 'd_lock' : operation.field}`;
}

function explanation(
  trace: Trace,
  numbered: ReadonlyMap<number, number>,
  glyphs: Glyphs,
  width: number,
  palette: Palette,
): string[] {
  const lines: string[] = [];
  for (const { title, detail, operation } of trace.findings) {
    const at = trace.operations[operation - 1];
    const number = at === undefined ? undefined : numbered.get(at.n);
    lines.push(
      ...wrap(`${glyphs.bad} ${number === undefined ? '' : `step ${number}: `}${title}`, width).map(
        palette.bad,
      ),
    );
    if (
      at !== undefined &&
      at.object !== null &&
      trace.freed[at.object] !== undefined &&
      at.op !== 'free'
    ) {
      const freedAt = trace.operations[trace.freed[at.object] - 1];
      lines.push(
        ...wrap(
          `  ${at.object} was freed at step ${numbered.get(freedAt.n)} by ${trace.tasks[freedAt.task].name}` +
            `; ${trace.tasks[at.task].name} still has a pointer to it`,
          width,
        ),
      );
    } else if (detail !== '') {
      lines.push(...wrap(`  ${detail}`, width));
    }
  }
  if (trace.findings.length === 0) lines.push('nothing was reported on this interleaving');
  return lines;
}

function clip(line: string, width: number): string {
  return [...line].length <= width ? line : `${[...line].slice(0, width - 2).join('')}..`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line.length > 0 && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `    ${word}`;
    } else {
      line =
        line.length === 0 && lines.length === 0 && word === ''
          ? ' '
          : line === ''
            ? word
            : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}
