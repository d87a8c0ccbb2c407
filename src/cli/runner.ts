/**
 * Running a job in a worker thread, with progress on stderr and a way to stop it.
 *
 * Ctrl-C once asks the worker to stop and to report what it has; twice ends the process at once.
 */

import { Worker } from 'node:worker_threads';
import type { ExploreResult, Progress } from '../explore/index.js';
import { EXIT, UsageError } from './exit.js';
import type { Job } from './job.js';

export type FromWorker =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'result'; readonly result: ExploreResult }
  | {
      readonly type: 'error';
      readonly usage: boolean;
      readonly message: string;
      readonly stack: string;
    };

export interface Outcome {
  readonly result: ExploreResult;
  readonly interrupted: boolean;
}

const QUIET_SECONDS = 1;
const LINE_EVERY_SECONDS = 10;

/** Run a job to its end, or until Ctrl-C. */
export async function runInWorker(job: Job): Promise<Outcome> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: { job, stop } });
  const progress = new ProgressLine(job.scenario);
  let interrupted = false;
  const onInterrupt = (): void => {
    if (interrupted) process.exit(EXIT.interrupted);
    interrupted = true;
    Atomics.store(stop, 0, 1);
  };
  process.on('SIGINT', onInterrupt);
  try {
    const result = await new Promise<ExploreResult>((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        if (message.type === 'progress') progress.show(message.progress);
        else if (message.type === 'result') resolve(message.result);
        else if (message.usage) reject(new UsageError(message.message));
        else reject(Object.assign(new Error(message.message), { stack: message.stack }));
      });
      worker.on('error', reject);
      worker.on('exit', (code) => reject(new Error(`the worker ended early with code ${code}`)));
    });
    return { result, interrupted };
  } finally {
    progress.clear();
    process.off('SIGINT', onInterrupt);
    worker.removeAllListeners();
    await worker.terminate();
  }
}

/** On a terminal one line that is redrawn; elsewhere a line now and then. */
class ProgressLine {
  readonly #name: string;
  readonly #tty = process.stderr.isTTY;
  #shown = false;
  #lastLine = 0;

  constructor(name: string) {
    this.#name = name;
  }

  show({ executions, states, seconds }: Progress): void {
    if (seconds < QUIET_SECONDS) return;
    const count = states > 0 ? `${group(states)} states` : `${group(executions)} executions`;
    const rate = Math.round((states > 0 ? states : executions) / seconds);
    const text = `  checking ${this.#name}: ${count}, ${group(rate)}/s, ${seconds.toFixed(0)} s`;
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

/** 1234567 as 1,234,567; beyond 2^53 in powers of ten. */
export function group(value: number): string {
  if (value >= Number.MAX_SAFE_INTEGER) return `about ${value.toExponential(1)}`;
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}
