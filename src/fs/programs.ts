/**
 * Programs that ask for their calls: generators, and async functions that are given a `node:fs`.
 *
 * Invariant: a program that is not ended either asks for a call, or waits for something that is no
 * call and will never come; what it does between two answers depends on the answers alone.
 */

import type { TaskStruct } from '../vfs/index.js';
import { ASKING, type Asking, type Request } from './asking.js';
import { promisesOn } from './node/index.js';
import type { NodeFsPromises } from './node/types.js';
import type { Body } from './setup.js';
import { showValue } from './show.js';

/** A program as a function that awaits: all it shares with others are the files of `fs`. */
export type AsyncBody = (fs: { readonly promises: NodeFsPromises }) => Promise<unknown>;

/** A program on its way. */
export interface Program {
  readonly name: string;
  readonly task: TaskStruct;
  /** The calls that it waits for: one, or several if it awaits several at once. */
  readonly asks: readonly Request[];
  /** Everything it was answered. */
  readonly seen: string;
  readonly hasEnded: boolean;
  /** What it returned, as a text; null if nothing, or not yet. */
  readonly outcome: string | null;
  readonly value: unknown;
  /** What it has thrown. */
  readonly problem: string | null;
  /** Go on with the answer to a call. @returns a promise if the program takes its time */
  answer(request: number, value: unknown): void | Promise<void>;
}

function messageOf(name: string, error: unknown): string {
  return `${name}: ${error instanceof Error ? error.message : String(error)}`;
}

abstract class Started implements Program {
  readonly name: string;
  readonly task: TaskStruct;
  seen = '';
  hasEnded = false;
  value: unknown = undefined;
  problem: string | null = null;
  abstract readonly asks: readonly Request[];

  constructor(name: string, task: TaskStruct) {
    this.name = name;
    this.task = task;
  }

  get outcome(): string | null {
    return this.value === undefined ? null : showValue(this.value);
  }

  protected note(value: unknown): void {
    this.seen += `${JSON.stringify(value)}\n`;
  }

  abstract answer(request: number, value: unknown): void | Promise<void>;
}

/** A generator. */
export class GeneratorProgram extends Started {
  readonly #code: Asking;
  asks: readonly Request[] = [];

  constructor(name: string, task: TaskStruct, body: Body) {
    super(name, task);
    this.#code = body(ASKING) as unknown as Asking;
    this.#resume(undefined);
  }

  answer(_request: number, value: unknown): void {
    this.note(value);
    this.#resume(value);
  }

  #resume(value: unknown): void {
    this.asks = [];
    try {
      const step = this.#code.next(value);
      if (step.done === true) {
        this.hasEnded = true;
        this.value = step.value;
      } else {
        this.asks = [step.value];
      }
    } catch (error) {
      this.hasEnded = true;
      this.problem = messageOf(this.name, error);
    }
  }
}

interface Waiting extends Request {
  readonly resolve: (value: unknown) => void;
}

/** An async function. */
export class AsyncProgram extends Started {
  #waiting: Waiting[] = [];

  /** Runs up to its first calls. */
  static async start(name: string, task: TaskStruct, body: AsyncBody): Promise<AsyncProgram> {
    const program = new AsyncProgram(name, task);
    const promises = promisesOn(
      (call, args) =>
        new Promise((resolve) => program.#waiting.push({ name: call, args, resolve })),
    );
    void program.#run(() => body({ promises }));
    await settled();
    return program;
  }

  get asks(): readonly Request[] {
    return this.#waiting;
  }

  async #run(body: () => Promise<unknown>): Promise<void> {
    try {
      this.value = await body();
    } catch (error) {
      this.problem = messageOf(this.name, error);
    }
    this.hasEnded = true;
  }

  async answer(request: number, value: unknown): Promise<void> {
    const [{ resolve, name }] = this.#waiting.splice(request, 1);
    this.note([name, value]);
    resolve(value);
    await settled();
  }
}

/** What of a MessageChannel is used here, in browsers and Node alike. */
interface Channel {
  readonly port1: { onmessage: () => void; readonly close: () => void };
  readonly port2: { readonly postMessage: (message: null) => void };
}

/** When everything that can run without another answer has run: one turn of the event loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate: soon } = globalThis as { setImmediate?: (run: () => void) => void };
    if (soon !== undefined) {
      soon(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel() as unknown as Channel;
    port1.onmessage = (): void => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
