/** The exploring threads of one job: made when first needed, asked one thing at a time each. */

import { Worker } from 'node:worker_threads';
import { COMMANDS, Mailboxes } from '../explore/index.js';
import { UsageError } from './exit.js';
import type { Job } from './job.js';
import {
  NOTHING,
  sum,
  type Answer,
  type Counts,
  type FromWorker,
  type ToWorker,
} from './messages.js';

/** What dies young is little once every history has been seen; the default is three times as much. */
const YOUNG_MB = 12;

/** One thread. */
export class Member {
  readonly #worker: Worker;
  readonly #onProgress: () => void;
  #settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | null = null;
  #failure: Error | null = null;
  #current: Counts = NOTHING;
  /** Of units that are finished: every unit counts from zero. */
  #finished: Counts = NOTHING;

  constructor(job: Job, me: number, boxes: SharedArrayBuffer, onProgress: () => void) {
    this.#onProgress = onProgress;
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: { job, me, boxes },
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error: Error) => this.#fail(error));
    this.#worker.on('exit', (code) => this.#fail(new Error(`a thread ended early, code ${code}`)));
  }

  /** What it has counted so far. */
  get counts(): Counts {
    return sum([this.#finished, this.#current]);
  }

  /** Executions so far of what it is at. */
  get current(): number {
    return this.#current.executions;
  }

  /** Ask; at most one question at a time. */
  ask<T extends Answer['type']>(message: ToWorker, type: T): Promise<Extract<Answer, { type: T }>> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) {
        reject(this.#failure);
        return;
      }
      this.#settle = {
        reject,
        resolve: (answer) => {
          if (answer.type === type) resolve(answer as Extract<Answer, { type: T }>);
          else reject(new Error(`asked for ${type}, was answered ${answer.type}`));
        },
      };
      this.#worker.postMessage(message);
    });
  }

  async close(): Promise<void> {
    this.#worker.removeAllListeners();
    await this.#worker.terminate();
  }

  #receive(message: FromWorker): void {
    if (message.type === 'progress') {
      this.#current = message.counts;
      this.#onProgress();
      return;
    }
    if (message.type === 'error') {
      const { usage, stack } = message;
      this.#fail(
        usage
          ? new UsageError(message.message)
          : Object.assign(new Error(message.message), { stack }),
      );
      return;
    }
    if (message.type === 'unit' || message.type === 'whole') this.#current = NOTHING;
    if (message.type === 'unit') {
      this.#finished = sum([this.#finished, message.found]);
      this.#onProgress();
    }
    const settle = this.#settle;
    this.#settle = null;
    settle?.resolve(message);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const settle = this.#settle;
    this.#settle = null;
    settle?.reject(this.#failure);
  }
}

export class Pool {
  readonly size: number;
  readonly boxes: Mailboxes;
  /** Why everything has been told to stop; null if it has not. */
  reason: string | null = null;
  /** Called now and then while threads explore. */
  onProgress: () => void = () => undefined;
  readonly #job: Job;
  readonly #memory: SharedArrayBuffer;
  readonly #members: Member[] = [];

  constructor(job: Job, size: number) {
    this.#job = job;
    this.size = size;
    this.#memory = Mailboxes.allocate(size);
    this.boxes = new Mailboxes(this.#memory, -1);
  }

  member(i: number): Member {
    this.#members[i] ??= new Member(this.#job, i, this.#memory, () => this.onProgress());
    return this.#members[i];
  }

  /** What the threads are at, as last heard. */
  get counts(): Counts {
    return sum(this.#members.map(({ counts }) => counts));
  }

  /** Make every thread stop soon, and remember why. */
  stop(reason: string): void {
    this.reason ??= reason;
    this.boxes.command(COMMANDS.stop);
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()));
  }
}
