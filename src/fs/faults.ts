/**
 * Faults by rule: the n-th call of a kind on a path fails, or moves less than it was asked to.
 *
 * A rule with `maybe` is a choice: an explorer tries the call with the fault and without it, once in
 * a run. Invariant: what the book does depends on the calls of the run alone.
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
  /** Any one of the matching calls: exploring tries each of them, and none. */
  readonly maybe?: boolean;
  /** The error to return; the call does nothing. */
  readonly error?: ErrnoName;
  /** For writes: write only so many bytes. For reads: read only so many. */
  readonly short?: number;
}

const COPIES: Readonly<Record<string, true>> = { dup: true, dup3: true };

/** The rules of one run, and how often each has matched. */
export class FaultBook {
  readonly #faults: readonly Fault[];
  readonly #counts: number[];
  readonly #paths = new Map<object, Map<number, string>>();

  constructor(faults: readonly Fault[]) {
    for (const { error, short, call, maybe, nth, always } of faults) {
      if ((error === undefined) === (short === undefined)) {
        throw new MisuseError(`fault on ${call}: give either an error or a short count`);
      }
      if (error !== undefined && !(error in E)) {
        throw new MisuseError(`fault on ${call}: ${error} is not an error; try EIO or ENOSPC`);
      }
      if (maybe === true && (nth !== undefined || always !== undefined)) {
        throw new MisuseError(`fault on ${call}: maybe stands for any one call; leave out nth`);
      }
    }
    this.#faults = faults;
    this.#counts = faults.map(() => 0);
  }

  /** Tells two runs with different counts apart. */
  get key(): string {
    return this.#counts.join();
  }

  /** A fault as the story tells it. */
  show(index: number): string {
    const { error, short } = this.#faults[index];
    return error === undefined ? `short: ${short!}` : `made to fail: ${error}`;
  }

  /** Faults that may, but need not, come with this call. */
  possible(task: object, name: string, args: readonly unknown[]): number[] {
    if (this.#faults.length === 0) return [];
    const path = this.#pathOf(task, args);
    return [...this.#faults.keys()].filter((i) => {
      const fault = this.#faults[i];
      if (fault.maybe !== true || this.#counts[i] > 0 || fault.call !== name) return false;
      return matches(fault.path, path);
    });
  }

  #pathOf(task: object, [first]: readonly unknown[]): string | undefined {
    return typeof first === 'number' ? this.#paths.get(task)?.get(first) : String(first);
  }

  /** Make a call, or what the rules make of it; `chosen` is a rule with `maybe` that is to come. */
  call(
    task: object,
    name: string,
    args: readonly unknown[],
    make: (args: readonly unknown[]) => unknown,
    chosen: number | null = null,
  ): unknown {
    if (this.#faults.length === 0) return make(args);
    const path = this.#pathOf(task, args);
    let use = args;
    for (const [i, fault] of this.#faults.entries()) {
      if (fault.call !== name || !matches(fault.path, path)) continue;
      if (fault.maybe === true) {
        if (chosen !== i) continue;
        this.#counts[i] += 1;
      } else {
        this.#counts[i] += 1;
        const nth = fault.nth ?? 1;
        if (this.#counts[i] !== nth && !(fault.always === true && this.#counts[i] > nth)) continue;
      }
      if (fault.error !== undefined) return -E[fault.error];
      use = use.map((arg, at) => (at === 1 ? shorten(arg, fault.short!) : arg));
    }
    const answer = make(use);
    if (typeof answer === 'number' && answer >= 0) this.#follow(task, name, args, answer, path);
    return answer;
  }

  /** Descriptors that now stand for a path. */
  #follow(
    task: object,
    name: string,
    args: readonly unknown[],
    fd: number,
    path: string | undefined,
  ): void {
    const open = this.#paths.get(task) ?? new Map<number, string>();
    this.#paths.set(task, open);
    if (name === 'open') open.set(fd, String(args[0]));
    else if (COPIES[name] && path !== undefined) open.set(fd, path);
  }
}

function matches(rule: string | RegExp | undefined, path: string | undefined): boolean {
  if (rule === undefined) return true;
  if (path === undefined) return false;
  return typeof rule === 'string' ? rule === path : rule.test(path);
}

/** Less of what is written, or of how much is to be read. */
function shorten(what: unknown, length: number): unknown {
  if (typeof what === 'number') return Math.min(what, length);
  const bytes = typeof what === 'string' ? new TextEncoder().encode(what) : what;
  return bytes instanceof Uint8Array ? bytes.subarray(0, length) : what;
}
