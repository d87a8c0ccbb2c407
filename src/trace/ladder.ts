/**
 * The ladder: an interleaving as text, one line per access, one column per CPU.
 *
 * Invariants: no line is wider than asked for (80 by default) and nothing is cut off; colour is
 * never the only carrier of meaning. Rows are numbered by step; what goes with a step without being
 * one has no number. Folded steps leave a gap in the numbers.
 */

import { keyOperations, runsOf } from './fold.js';
import type { Trace, TraceOperation, TraceTurn } from './schema.js';
import { ASCII, functionOf, UNICODE, wordsOf, wrap, type Glyphs } from './words.js';

/** How to colour; the identity functions give plain text. */
export interface Palette {
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly name: (text: string) => string;
}

/** No colours. */
export const PLAIN: Palette = { bad: (t) => t, dim: (t) => t, name: (t) => t };

/** How a ladder is drawn. */
export interface LadderOptions {
  /** Columns of the terminal (default 80, at least 60). */
  readonly width?: number;
  /** No characters beyond ASCII. */
  readonly ascii?: boolean;
  readonly palette?: Palette;
  /** Show every operation, private ones too. */
  readonly verbose?: boolean;
}

/** A gap of this many steps and more gets a line of its own. */
const FOLD_LINE = 5;
const FUNCTION_WIDTH_MAX = 22;

/** Render a trace. Lines are joined by newlines, without one at the end. */
export function ladder(trace: Trace, options: LadderOptions = {}): string {
  return new Ladder(trace, options).text();
}

class Ladder {
  readonly #trace: Trace;
  readonly #glyphs: Glyphs;
  readonly #palette: Palette;
  readonly #width: number;
  readonly #verbose: boolean;
  readonly #column: readonly number[];
  readonly #columns: number;
  readonly #names: readonly string[];
  #fnWidth = 0;
  /** Has the part begun that is repeated for ever? */
  #isRound = false;

  constructor(trace: Trace, options: LadderOptions) {
    this.#trace = trace;
    this.#glyphs = options.ascii === true ? ASCII : UNICODE;
    this.#palette = options.palette ?? PLAIN;
    this.#width = Math.max(60, options.width ?? 80);
    this.#verbose = options.verbose ?? false;
    const cpus = trace.tasks.filter(({ actor }) => !actor);
    cpus.sort((a, b) => a.cpu! - b.cpu!);
    this.#names = cpus.map(({ name }) => name);
    this.#column = trace.tasks.map(({ cpu }) => cpu ?? cpus.length);
    this.#columns = cpus.length + (trace.tasks.some(({ actor }) => actor) ? 1 : 0);
  }

  text(): string {
    const { operations, turns, tasks } = this.#trace;
    const keys = this.#verbose ? null : keyOperations(this.#trace);
    const shown = operations.filter(({ n }) => keys === null || keys.has(n));
    const longest = shown.map((o) => functionOf(o, tasks[o.task].name).length);
    this.#fnWidth = Math.min(FUNCTION_WIDTH_MAX, Math.max(8, ...longest));
    const lines = this.#header();
    const turnAt = new Map(turns.map((turn) => [turn.step, turn]));
    for (const run of runsOf(operations)) {
      const turn = turnAt.get(run[0].step);
      if (turn !== undefined) lines.push(...this.#turn(turn));
      lines.push(...this.#run(run, keys));
    }
    const { cycleFrom, steps } = this.#trace;
    if (cycleFrom !== null) {
      const start = cycleFrom === 0 ? 'at the start' : `after step ${cycleFrom}`;
      lines.push(...this.#round(`after step ${steps} all is as it was ${start}`));
    }
    lines.push('', ...this.#reports());
    return lines.join('\n');
  }

  #header(): string[] {
    const heads = this.#names.map((_, i) => ` C${i} `);
    if (this.#columns > heads.length) heads.push('RCU ');
    const who = this.#names.map((name, i) => `C${i} = ${name}`).join(', ');
    return [
      ...wrap(`      ${who}`, this.#width, '      '),
      `      ${heads.join('')} ${'function'.padEnd(this.#fnWidth)} access`,
    ];
  }

  #run(run: readonly TraceOperation[], keys: ReadonlySet<number> | null): string[] {
    const lines: string[] = [];
    let hidden: TraceOperation[] = [];
    const flush = (): void => {
      const steps = hidden.filter(({ main }) => main);
      if (steps.length >= FOLD_LINE) lines.push(...this.#folded(hidden[0].task, steps));
      hidden = [];
    };
    for (const operation of run) {
      if (!this.#isRound && this.#goesRoundAt(operation)) {
        flush();
        lines.push(...this.#round('from here on round and round, for ever:'));
        this.#isRound = true;
      }
      if (keys !== null && !keys.has(operation.n)) {
        hidden.push(operation);
        continue;
      }
      flush();
      lines.push(...this.#row(operation));
    }
    flush();
    return lines;
  }

  #goesRoundAt({ step }: TraceOperation): boolean {
    const { cycleFrom } = this.#trace;
    return cycleFrom !== null && step > cycleFrom;
  }

  #round(text: string): string[] {
    return this.#lines(`      ${this.#rails('', -1)} `, `~ ${text}`).map(this.#palette.bad);
  }

  #folded(task: number, steps: readonly TraceOperation[]): string[] {
    const name = this.#trace.tasks[task].name;
    const [first, last] = [steps[0], steps.at(-1)!].map((step) => functionOf(step, name));
    const where = first === last ? `in ${first}` : `${first} to ${last}`;
    const mark = this.#rails(this.#glyphs.fold, this.#column[task]);
    const head = `      ${mark} ${this.#glyphs.fold} `;
    return this.#lines(head, `${steps.length} steps, ${where}`).map(this.#palette.dim);
  }

  #turn({ task, from, why, on, heldBy }: TraceTurn): string[] {
    const { tasks } = this.#trace;
    const waits = `waits for ${on}${heldBy === null ? '' : `, held by ${heldBy}`}`;
    const reason = { preempted: 'is preempted', ended: 'has ended', waits }[why];
    const text = `~ ${tasks[from].name} ${reason}; ${tasks[task].name} runs`;
    return this.#lines(`      ${this.#rails('', -1)} `, text).map(this.#palette.dim);
  }

  #row(operation: TraceOperation): string[] {
    const bad = operation.findings.length > 0;
    const number = operation.main || bad ? String(operation.step) : '';
    const mark = this.#rails(
      bad ? this.#glyphs.bad : this.#glyphs.here,
      this.#column[operation.task],
    );
    const fn = functionOf(operation, this.#trace.tasks[operation.task].name);
    const head = `${number.padStart(4)}  ${mark} ${fn.padEnd(this.#fnWidth)} `;
    const source = this.#verbose ? this.#source(operation) : '';
    const words = `${wordsOf(operation, this.#glyphs)}${source}`;
    const isWide = fn.length > this.#fnWidth;
    const lines = isWide
      ? [head.trimEnd(), ...this.#lines(this.#blank(), words)]
      : this.#lines(head, words);
    return bad ? lines.map(this.#palette.bad) : lines;
  }

  /** Where a value came from. */
  #source({ readsFrom, task }: TraceOperation): string {
    if (readsFrom === null) return '';
    const writer = this.#trace.operations[readsFrom - 1];
    if (readsFrom === 0 || writer === undefined) return '';
    return writer.task === task
      ? ''
      : ` (by ${this.#trace.tasks[writer.task].name} in step ${writer.step})`;
  }

  #blank(): string {
    return `      ${this.#rails('', -1)} ${' '.repeat(this.#fnWidth)} `;
  }

  /** A text behind a head; what does not fit goes on under it. */
  #lines(head: string, text: string): string[] {
    const room = Math.max(12, this.#width - [...head].length);
    const [first, ...others] = wrap(text, room).flatMap((line) => pieces(line, room));
    return [head + first, ...others.map((line) => this.#under(head) + line)];
  }

  #under(head: string): string {
    const rails = `      ${this.#rails('', -1)} `;
    return rails.padEnd([...head].length);
  }

  #rails(mark: string, at: number): string {
    const rail = (i: number): string => ` ${i === at ? mark : this.#glyphs.rail}  `;
    return Array.from({ length: this.#columns }, (_, i) => rail(i)).join('');
  }

  #reports(): string[] {
    const { findings, operations, freed, tasks } = this.#trace;
    if (findings.length === 0 && this.#trace.cycleFrom !== null) return [];
    if (findings.length === 0) return ['nothing was reported on this interleaving'];
    const lines: string[] = [];
    for (const { title, detail, operation } of findings) {
      const at = operations[operation - 1];
      const where = at === undefined ? '' : `step ${at.step}: `;
      const text = `${this.#glyphs.bad} ${where}${title}`;
      lines.push(...wrap(text, this.#width, '  ').map(this.#palette.bad));
      const by =
        at === undefined || at.object === null
          ? undefined
          : operations[(freed[at.object] ?? 0) - 1];
      if (by !== undefined && by.n < at.n) {
        const who = tasks[at.task].name;
        const text = `  ${at.object} was freed at step ${by.step} by ${tasks[by.task].name}; ${who} still has a pointer to it`;
        lines.push(...wrap(text, this.#width, '  '));
      } else if (detail !== '' && !title.includes('data-race')) {
        lines.push(...wrap(`  ${detail}`, this.#width, '  '));
      }
    }
    return lines;
  }
}

/** A line in pieces of at most `width` characters, if it has no place to break. */
function pieces(line: string, width: number): string[] {
  const characters = [...line];
  const all: string[] = [];
  for (let i = 0; i === 0 || i < characters.length; i += width) {
    all.push(characters.slice(i, i + width).join(''));
  }
  return all;
}
