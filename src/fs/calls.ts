/**
 * Programs as generators, explored call by call: one system call is one step.
 */

import { errnoName } from '../machine/index.js';
import type { TaskStruct } from '../vfs/index.js';
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
import { search, type Choice, type FsReport, type Run, type SearchOptions } from './search.js';
import { CALL_NAMES, processOf, type Process, type Sys } from './sys.js';

export interface CallsOptions extends SearchOptions {
  /** Errors that calls are made to return. */
  readonly faults?: readonly Fault[];
}

/** What is explored. */
export interface CallsProgram {
  readonly config: KernelConfig;
  readonly bodies: readonly { readonly name: string; readonly body: Body }[];
  readonly checks: readonly ((init: Process) => string | null | undefined)[];
}

const HASH = 64;

/** A call that a program is about to make. */
interface Request {
  readonly name: (typeof CALL_NAMES)[number];
  readonly args: readonly unknown[];
}

/** Calls that ask for themselves to be made. */
const ASKING = Object.fromEntries(
  CALL_NAMES.map((name) => [
    name,
    function* (...args: unknown[]): Generator<Request, unknown, unknown> {
      return yield { name, args };
    },
  ]),
) as unknown as Sys;

interface Program {
  readonly name: string;
  readonly task: TaskStruct;
  readonly code: Generator<Request, unknown, unknown>;
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
    for (const { name, body } of bodies) {
      const task = copy_process(this.#k, init, false) as TaskStruct;
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
      if (done === true && value !== undefined) program.outcome = show(value);
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

  choices(): readonly Choice[] {
    if (this.#problem !== null) return [];
    return this.#ready().map(({ name, wants }) => ({ task: name, label: labelOf(wants!) }));
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
    const text = show(answer);
    program.seen += `${JSON.stringify(answer)}\n`;
    this.#resume(program, answer);
    return typeof answer === 'number' && answer < 0 ? errnoName(answer) : text;
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
      const names = waiting.map(({ name, wants }) => `${name} in ${labelOf(wants!)}`);
      return { kind: 'deadlock', title: `waits for ever: ${names.join(', ')}` };
    }
    const init = processOf(this.#k, init_of(this.#k));
    for (const check of this.#checks) {
      try {
        const wrong = check(init);
        if (typeof wrong === 'string') return { kind: 'check', title: wrong };
      } catch (error) {
        return { kind: 'check', title: error instanceof Error ? error.message : String(error) };
      }
    }
    return null;
  }

  outcomes(): readonly string[] {
    return this.#programs.flatMap(({ name, outcome }) =>
      outcome === null ? [] : [`${name}: ${outcome}`],
    );
  }
}

function labelOf({ name, args }: Request): string {
  return `${name}(${args.map((arg) => show(arg)).join(', ')})`;
}

function show(value: unknown): string {
  return typeof value === 'string' && value.length > 40
    ? `${JSON.stringify(value.slice(0, 40))}...`
    : (JSON.stringify(value) ?? 'undefined');
}
