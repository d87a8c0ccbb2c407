/** How far an exploration is, on stderr: one line that is redrawn, or a line now and then. */

import type { Counts } from './messages.js';

const QUIET_SECONDS = 1;
const LINE_EVERY_SECONDS = 10;

export class ProgressLine {
  readonly #name: string;
  readonly #tty = process.stderr.isTTY;
  #shown = false;
  #lastLine = 0;

  constructor(name: string) {
    this.#name = name;
  }

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
    const text = `  checking ${this.#name}: ${group(count)} ${what}${total}, ${rate}/s, ${seconds.toFixed(0)} s`;
    if (this.#tty) {
      process.stderr.write(`\r${text.slice(0, (process.stderr.columns || 80) - 1)}\u001b[K`);
      this.#shown = true;
    } else if (seconds - this.#lastLine >= LINE_EVERY_SECONDS) {
      this.#lastLine = seconds;
      process.stderr.write(`dlab:${text.slice(1)}\n`);
    }
  }

  clear(): void {
    if (this.#shown) process.stderr.write('\r\u001b[K');
    this.#shown = false;
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
