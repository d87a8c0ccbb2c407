/**
 * Faults by rule: the n-th call of a kind on a path fails, or writes less than it was given.
 */

import { E, MisuseError, type ErrnoName } from '../machine/index.js';

/** One fault. */
export interface Fault {
  /** Name of the call: `write`, `open`, `fsync`. */
  readonly call: string;
  /** Only for files whose path, as given to open or to the call, matches. */
  readonly path?: string | RegExp;
  /** Which of the matching calls, from 1 (default 1). */
  readonly nth?: number;
  /** From then on all of them (default: only that one). */
  readonly always?: boolean;
  /** The error to return; the call does nothing. */
  readonly error?: ErrnoName;
  /** For writes: write only so many characters. */
  readonly short?: number;
}

/** The rules of one run, and how often each has matched. */
export class FaultBook {
  readonly #faults: readonly Fault[];
  readonly #counts: number[];
  readonly #paths = new Map<object, Map<number, string>>();

  constructor(faults: readonly Fault[]) {
    for (const { error, short, call } of faults) {
      if ((error === undefined) === (short === undefined)) {
        throw new MisuseError(`fault on ${call}: give either an error or a short count`);
      }
      if (error !== undefined && !(error in E)) {
        throw new MisuseError(`fault on ${call}: ${error} is not an error; try EIO or ENOSPC`);
      }
    }
    this.#faults = faults;
    this.#counts = faults.map(() => 0);
  }

  /** Tells two runs with different counts apart. */
  get key(): string {
    return this.#counts.join();
  }

  /** Make a call, or what the rules make of it. */
  call(
    task: object,
    name: string,
    args: readonly unknown[],
    make: (args: readonly unknown[]) => unknown,
  ): unknown {
    if (this.#faults.length === 0) return make(args);
    let open = this.#paths.get(task);
    if (open === undefined) {
      open = new Map();
      this.#paths.set(task, open);
    }
    const [first] = args;
    const path = typeof first === 'number' ? open.get(first) : String(first);
    let use = args;
    for (const [i, fault] of this.#faults.entries()) {
      if (fault.call !== name || !matches(fault.path, path)) continue;
      this.#counts[i] += 1;
      const nth = fault.nth ?? 1;
      if (this.#counts[i] !== nth && !(fault.always === true && this.#counts[i] > nth)) continue;
      if (fault.error !== undefined) return -E[fault.error];
      use = use.map((arg, at) => (at === 1 ? shorten(arg, fault.short!) : arg));
    }
    const answer = make(use);
    if (name === 'open' && typeof answer === 'number' && answer >= 0) open.set(answer, path ?? '');
    return answer;
  }
}

function matches(rule: string | RegExp | undefined, path: string | undefined): boolean {
  if (rule === undefined) return true;
  if (path === undefined) return false;
  return typeof rule === 'string' ? rule === path : rule.test(path);
}

function shorten(data: unknown, length: number): unknown {
  if (typeof data === 'string') return data.slice(0, length);
  return data instanceof Uint8Array ? data.subarray(0, length) : data;
}
