/**
 * Programs as generators, explored call by call: one system call is one step.
 */

import type { TaskStruct } from '../vfs/index.js';
import { ASKING, type Asking, type Request } from './asking.js';
import {
  boot_direct,
  copy_process,
  direct_calls,
  init_of,
  wouldBlock,
  type DirectKernel,
} from './direct.js';
import { digest } from './digest.js';
import { FaultBook, type Fault } from './faults.js';
import { populate, type Body, type KernelConfig } from './setup.js';
import type { Call, FsReport } from './report.js';
import { search, type Run, type SearchOptions } from './search.js';
import { labelOf, showAnswer, showValue } from './show.js';
import { processOf, type Process, type Sys } from './sys.js';

/** Which system calls to make up. */
export interface CallsOptions extends SearchOptions {
  /** Errors that calls are made to return. */
  readonly faults?: readonly Fault[];
}

/** A program by its name. */
export interface Named<T> {
  readonly name: string;
  readonly body: T;
  /** The program whose thread it is; without, it is a process of its own. */
  readonly threadOf?: string;
}

/**
 * What must be true when all programs have ended: throws, or answers what is wrong. Makes its calls
 * with process 1: at once, `init.statSync(...)`; or, which works access by access too, as programs
 * do, `yield* init.stat(...)`.
 */
export type Check = (init: Process & Sys) => ReturnType<Body> | string | null | undefined;

/** What is explored. */
export interface CallsProgram {
  readonly config: KernelConfig;
  readonly bodies: readonly Named<Body>[];
  readonly checks: readonly Check[];
}

const HASH = 64;

interface Program {
  readonly name: string;
  readonly task: TaskStruct;
  readonly code: Asking;
  /** What it wants next; null when it has ended. */
  wants: Request | null;
  /** Everything it was answered. */
  seen: string;
  outcome: string | null;
}

/** Explore the calls of generators. */
export function exploreCalls(program: CallsProgram, options: CallsOptions = {}): Promise<FsReport> {
  return search(() => new CallsRun(program, options.faults ?? []), options);
}

class CallsRun implements Run {
  readonly #k: DirectKernel;
  readonly #programs: Program[] = [];
  readonly #checks: CallsProgram['checks'];
  readonly #faults: FaultBook;
  #problem: { kind: string; title: string } | null = null;
  #version = 0;
  /** Programs that found nothing to go on with, and when. */
  readonly #blocked = new Map<Program, number>();

  constructor({ config, bodies, checks }: CallsProgram, faults: readonly Fault[]) {
    // A kernel is built for every schedule: with a small hash table.
    this.#k = boot_direct({ dhash_entries: HASH, ...config });
    this.#checks = checks;
    this.#faults = new FaultBook(faults);
    const init = init_of(this.#k);
    if (config.files !== undefined) populate(processOf(this.#k, init), config.files);
    for (const { name, body, threadOf } of bodies) {
      const parent = this.#programs.find((other) => other.name === threadOf)?.task ?? init;
      const task = copy_process(this.#k, parent, threadOf !== undefined) as TaskStruct;
      const code = body(ASKING) as unknown as Program['code'];
      const program: Program = { name, task, code, wants: null, seen: '', outcome: null };
      this.#programs.push(program);
      this.#resume(program, undefined);
    }
  }

  #resume(program: Program, answer: unknown): void {
    try {
      const { done, value } = program.code.next(answer);
      program.wants = done === true ? null : value;
      if (done === true && value !== undefined) program.outcome = showValue(value);
    } catch (error) {
      program.wants = null;
      this.#problem = {
        kind: 'program',
        title: `${program.name}: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }

  #ready(): Program[] {
    return this.#programs.filter(
      (program) => program.wants !== null && this.#blocked.get(program) !== this.#version,
    );
  }

  choices(): readonly Call[] {
    if (this.#problem !== null) return [];
    return this.#ready().map(({ name, wants }) => ({
      task: name,
      label: labelOf(wants!.name, wants!.args),
    }));
  }

  step(choice: number): string {
    const program = this.#ready()[choice];
    const { name, args } = program.wants!;
    const body = direct_calls[name] as (k: unknown, t: unknown, ...args: unknown[]) => unknown;
    let answer: unknown;
    try {
      answer = this.#faults.call(program.task, name, args, (use) =>
        body(this.#k, program.task, ...use),
      );
    } catch (error) {
      if (!wouldBlock(error)) throw error;
      this.#blocked.set(program, this.#version);
      return 'waits';
    }
    this.#version += 1;
    program.seen += `${JSON.stringify(answer)}\n`;
    this.#resume(program, answer);
    return showAnswer(answer);
  }

  key(): string {
    const waiting = this.#programs.map((program) => this.#blocked.get(program) === this.#version);
    return JSON.stringify([
      this.#programs.map(({ seen }) => seen),
      waiting,
      this.#faults.key,
      digest(
        this.#k,
        this.#programs.map(({ task }) => task),
      ),
    ]);
  }

  problem(): { kind: string; title: string } | null {
    if (this.#problem !== null) return this.#problem;
    if (this.#ready().length > 0) return null;
    const waiting = this.#programs.filter(({ wants }) => wants !== null);
    if (waiting.length > 0) {
      const names = waiting.map(
        ({ name, wants }) => `${name} in ${labelOf(wants!.name, wants!.args)}`,
      );
      return { kind: 'deadlock', title: `waits for ever: ${names.join(', ')}` };
    }
    const init = processOf(this.#k, init_of(this.#k));
    for (const check of this.#checks) {
      try {
        const wrong = this.#check(check, init);
        if (typeof wrong === 'string') return { kind: 'check', title: wrong };
      } catch (error) {
        return { kind: 'check', title: error instanceof Error ? error.message : String(error) };
      }
    }
    return null;
  }

  #check(check: Check, init: Process): unknown {
    const answer = check({ ...init, ...ASKING }) as unknown;
    if (!isIterator(answer)) return answer;
    let step = answer.next(undefined);
    while (step.done !== true) {
      const { name, args } = step.value;
      const body = direct_calls[name] as (k: unknown, t: unknown, ...args: unknown[]) => unknown;
      step = answer.next(body(this.#k, init_of(this.#k), ...args));
    }
    return step.value;
  }

  outcomes(): readonly string[] {
    return this.#programs.flatMap(({ name, outcome }) =>
      outcome === null ? [] : [`${name}: ${outcome}`],
    );
  }
}

function isIterator(value: unknown): value is Program['code'] {
  return typeof value === 'object' && value !== null && 'next' in value;
}
