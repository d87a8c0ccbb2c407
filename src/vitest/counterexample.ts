/**
 * One failing interleaving as text. Invariant: no colour, 80 columns, no time, path or address: the
 * same for everybody who runs the test.
 */

import { explain, type Bug, type Program } from '../explore/index.js';
import { record, traceExplanationOf } from '../scenario/index.js';
import { explanationLines, ladder, type Trace } from '../trace/index.js';

const WIDTH = 80;
/** States for each part of an explanation. A number, not a time, or texts would depend on the load. */
const EXPLAIN_STATES = 20_000;

/** A failing interleaving, as a test looks at it. */
export class Counterexample {
  readonly title: string;
  readonly steps: number;
  readonly switches: number;
  /** Proved to be the smallest. */
  readonly minimal: boolean;
  readonly token: string;
  readonly #program: Program;
  readonly #bug: Bug;
  #trace: Trace | null = null;

  constructor(program: Program, bug: Bug, token: string) {
    this.#program = program;
    this.#bug = bug;
    this.title = bug.title;
    this.steps = bug.steps;
    this.switches = bug.switches;
    this.minimal = bug.minimal;
    this.token = token;
  }

  /** Every operation. */
  get trace(): Trace {
    this.#trace ??= record(this.#program, this.#bug.schedule).trace;
    return this.#trace;
  }

  /** The ladder, and the token that replays it: what a snapshot keeps. */
  toString(): string {
    const size = `${this.steps} steps, ${this.switches} switches${this.minimal ? '' : ', not minimal'}`;
    return [this.title, size, '', ladder(this.trace, { width: WIDTH }), '', this.token].join('\n');
  }

  /** The ladder, why it fails, and how to see it again: what a failed test says. */
  toMessage(isShipped: boolean): string {
    const explained = explain(this.#program, this.#bug, { states: EXPLAIN_STATES });
    const explanation = traceExplanationOf(explained, () => null);
    const again = isShipped ? `dlab show ${this.token}` : `.toReplay('${this.token}')`;
    return [
      this.title,
      '',
      ladder(this.trace, { width: WIDTH }),
      '',
      ...explanationLines(this.trace, explanation, { width: WIDTH }),
      `  show  ${again}`,
    ].join('\n');
  }
}
