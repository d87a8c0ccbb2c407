/** Asking the thread that looks at types. Answers come in the order of the questions. */

import { Worker } from 'node:worker_threads';
import type { Problem } from './problem.js';

export interface TypeAnswer {
  readonly save: number;
  readonly problems?: readonly Problem[];
  /** The file could not be looked at. */
  readonly error?: string;
}

export class TypeThread {
  readonly #worker: Worker;
  readonly #open = new Map<number, (answer: TypeAnswer) => void>();

  constructor(path: string) {
    this.#worker = new Worker(new URL('./type-worker.js', import.meta.url), { workerData: path });
    this.#worker.on('message', (answer: TypeAnswer) => {
      this.#open.get(answer.save)?.(answer);
      this.#open.delete(answer.save);
    });
    this.#worker.on('error', (error: Error) => {
      this.#giveUp(error.message);
    });
  }

  /** What is wrong with the file as it is now. @param save its number */
  check(save: number): Promise<readonly Problem[]> {
    return new Promise((resolve, reject) => {
      this.#open.set(save, ({ problems, error }) => {
        if (problems === undefined) reject(new Error(error));
        else resolve(problems);
      });
      this.#worker.postMessage(save);
    });
  }

  #giveUp(why: string): void {
    for (const [save, settle] of this.#open) settle({ save, error: why });
    this.#open.clear();
  }

  /** End the thread; open questions fail. */
  close(): void {
    this.#giveUp('closed');
    this.#worker.removeAllListeners();
    void this.#worker.terminate();
  }
}
