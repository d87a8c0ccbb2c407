/** How far an exploration is, on stderr: one line that is redrawn, or a line now and then. */

import type { Counts } from './messages.js';

/** Short runs say nothing. */
const QUIET_SECONDS = 2;
const LINE_EVERY_SECONDS = 10;

/** Where progress is shown: stderr, or what looks like it. */
export interface ProgressTarget {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class ProgressLine {
  readonly #name: string;
  readonly #target: ProgressTarget;
  #shown = false;
  #lastLine: number | null = null;
  #last = '';

  constructor(name: string, target: ProgressTarget = process.stderr) {
    this.#name = name;
    this.#target = target;
  }

  /** @param seconds since the exploration was begun, on whatever days */
  show(
    { executions, states }: Counts,
    seconds: number,
    estimate: { executions: number; error: number } | null,
  ): void {
    if (seconds < QUIET_SECONDS) return;
    const count = states > 0 ? states : executions;
    const what = states > 0 ? 'states' : 'executions';
    const rate = group(Math.round(count / seconds));
    const total = estimate === null || states > 0 ? '' : ` of ${estimateOf(estimate)}`;
    const text = `${this.#name}: ${group(count)} ${what}${total}, ${rate}/s, ${seconds.toFixed(0)} s`;
    if (this.#target.isTTY === true) {
      const line = `  checking ${text}`.slice(0, (this.#target.columns ?? 80) - 1);
      this.#target.write(`\r${line}\u001b[K`);
      this.#shown = true;
      return;
    }
    this.#last = text;
    if (this.#lastLine === null || seconds - this.#lastLine >= LINE_EVERY_SECONDS) {
      this.#lastLine = seconds;
      this.#target.write(`dlab: checking ${text}\n`);
    }
  }

  /** Make room for other output. */
  clear(): void {
    if (this.#shown) this.#target.write('\r\u001b[K');
    this.#shown = false;
  }

  /** The exploration is over: where there is no terminal, a last line, if there was a first. */
  end(): void {
    this.clear();
    if (this.#lastLine !== null) this.#target.write(`dlab: checked ${this.#last}\n`);
    this.#lastLine = null;
  }
}

/** `about 210,000 (give or take 12 %)`: an estimate with one standard error. */
export function estimateOf({ executions, error }: { executions: number; error: number }): string {
  const digits = Math.max(0, Math.floor(Math.log10(Math.max(1, executions))) - 1);
  const rounded = Math.round(executions / 10 ** digits) * 10 ** digits;
  const percent = executions === 0 ? 0 : Math.ceil((100 * error) / executions);
  return `about ${group(rounded)} (give or take ${percent} %)`;
}

/** 1234567 as 1,234,567; beyond 2^53 in powers of ten. */
export function group(value: number): string {
  if (value >= Number.MAX_SAFE_INTEGER) return `about ${value.toExponential(1)}`;
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}
