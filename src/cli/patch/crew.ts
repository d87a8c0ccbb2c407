/**
 * The threads that explore the sides of a patch, with the questions that wait for one.
 *
 * They outlive the questions: a warm thread answers several times as fast as a new one. Invariant: a
 * newer save makes every open question of an older one fail with Superseded, and no thread goes on
 * with it for longer than GRACE_MS.
 */

import { Worker } from 'node:worker_threads';
import { UsageError } from '../exit.js';
import type { Job } from '../job.js';
import type { Side, Touch } from './side.js';

/** Given to a thread when it is made: where the number of the newest save stands. */
export interface ThreadData {
  readonly save: SharedArrayBuffer;
}

export interface Question {
  readonly type: 'touch' | 'side';
  /** Which save of the patch it belongs to. */
  readonly save: number;
  readonly job: Job;
  readonly asked: readonly string[] | null;
}

export type Answer =
  | { readonly type: 'touch'; readonly touch: Touch }
  | { readonly type: 'side'; readonly side: Side }
  | { readonly type: 'stale' }
  | {
      readonly type: 'error';
      readonly usage: boolean;
      readonly message: string;
      readonly stack: string;
    };

/** The answer is of no use any more: there is a newer save. */
export class Superseded extends Error {
  override readonly name: string = 'Superseded';
}

interface Waiting {
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** A thread that has not given up an old question after this is replaced. */
const GRACE_MS = 1000;

export class Crew {
  readonly #size: number;
  readonly #save = new SharedArrayBuffer(4);
  readonly #newest = new Int32Array(this.#save);
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Waiting>();
  #queue: Waiting[] = [];
  #closed = false;

  constructor(size: number) {
    this.#size = size;
  }

  /** Number of the newest save. */
  get save(): number {
    return this.#newest[0];
  }

  /** A newer save is there: give up what belongs to older ones. */
  nextSave(): number {
    Atomics.add(this.#newest, 0, 1);
    const old = this.#queue;
    this.#queue = [];
    for (const { reject } of old) reject(new Superseded());
    for (const [worker, waiting] of this.#busy) {
      waiting.reject(new Superseded());
      setTimeout(() => {
        if (this.#busy.get(worker) === waiting) this.#replace(worker);
      }, GRACE_MS).unref();
    }
    return this.save;
  }

  /** Does any run of the job call the patch? */
  async touch(job: Job): Promise<Touch> {
    const answer = await this.#ask({ type: 'touch', save: this.save, job, asked: null });
    return (answer as Extract<Answer, { type: 'touch' }>).touch;
  }

  /** What comes out of the job. @param asked functions whose retries are of interest; null for none */
  async side(job: Job, asked: readonly string[] | null): Promise<Side> {
    const answer = await this.#ask({ type: 'side', save: this.save, job, asked });
    return (answer as Extract<Answer, { type: 'side' }>).side;
  }

  #ask(question: Question): Promise<Answer> {
    const answer = new Promise<Answer>((resolve, reject) => {
      if (this.#closed) {
        reject(new Superseded());
        return;
      }
      this.#queue.push({ question, resolve, reject });
      this.#next();
    });
    // Whoever asked may have given up after another question failed.
    answer.catch(() => undefined);
    return answer;
  }

  #next(): void {
    while (this.#queue.length > 0 && !this.#closed) {
      const worker = this.#idle.pop() ?? (this.#busy.size < this.#size ? this.#start() : null);
      if (worker === null) return;
      const waiting = this.#queue.shift()!;
      this.#busy.set(worker, waiting);
      worker.postMessage(waiting.question);
    }
  }

  #start(): Worker {
    const workerData: ThreadData = { save: this.#save };
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
    worker.on('message', (answer: Answer) => this.#receive(worker, answer));
    worker.on('error', (error: Error) => {
      this.#busy.get(worker)?.reject(error);
      this.#replace(worker);
    });
    return worker;
  }

  #receive(worker: Worker, answer: Answer): void {
    const waiting = this.#busy.get(worker);
    if (waiting === undefined) return;
    this.#busy.delete(worker);
    this.#idle.push(worker);
    if (answer.type === 'stale') waiting.reject(new Superseded());
    else if (answer.type !== 'error') waiting.resolve(answer);
    else if (answer.usage) waiting.reject(new UsageError(answer.message));
    else waiting.reject(Object.assign(new Error(answer.message), { stack: answer.stack }));
    this.#next();
  }

  #replace(worker: Worker): void {
    this.#busy.delete(worker);
    worker.removeAllListeners();
    void worker.terminate();
    this.#next();
  }

  /** End all threads; what is open fails. */
  async close(): Promise<void> {
    this.#closed = true;
    this.nextSave();
    const workers = [...this.#idle, ...this.#busy.keys()];
    for (const worker of workers) worker.removeAllListeners();
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
