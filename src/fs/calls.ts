/**
 * Programs explored call by call: one system call is one step, and so is a crash.
 */

import type { TaskStruct } from '../vfs/index.js';
import { ASKING, drive, type Maker } from './asking.js';
import { Journal, type CrashModel, type Survivor } from './crash/journal.js';
import { keyOf, restore } from './crash/image.js';
import {
  boot_direct,
  clock_of,
  copy_process,
  direct_calls,
  init_of,
  set_clock,
  state_of,
  wouldBlock,
  type DirectKernel,
} from './direct.js';
import { digest } from './digest.js';
import { FaultBook, type Fault } from './faults.js';
import { AsyncProgram, GeneratorProgram, type AsyncBody, type Program } from './programs.js';
import { populate, type Body, type KernelConfig } from './setup.js';
import type { Call, FsReport } from './report.js';
import { search, type Run, type SearchOptions } from './search.js';
import { labelOf, showAnswer } from './show.js';
import { processOf, type Process, type Sys } from './sys.js';

/** Which system calls to make up. */
export interface CallsOptions extends SearchOptions {
  /** Errors that calls are made to return, besides those of the kernel's own rules. */
  readonly faults?: readonly Fault[];
  /** Let the machine crash between any two calls, and leave what this model allows. */
  readonly crash?: CrashModel;
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

/**
 * What must be true after a crash, whatever has survived: as {@link Check}, on a kernel that has
 * started again. `ended` holds what the programs had returned before the crash.
 */
export type CrashCheck = (
  init: Process & Sys,
  ended: Readonly<Record<string, unknown>>,
) => ReturnType<Body> | string | null | undefined;

/** What is explored. */
export interface CallsProgram {
  readonly config: KernelConfig;
  readonly bodies: readonly Named<Body>[];
  readonly asyncBodies: readonly Named<AsyncBody>[];
  readonly checks: readonly Check[];
  readonly crashChecks: readonly CrashCheck[];
}

const HASH = 64;
/** Who is shown to make the decisions that no program makes. */
const MACHINE = 'machine';

type Problem = { readonly kind: string; readonly title: string };

/** A call that could be made now. */
interface Choice {
  readonly program: Program;
  readonly request: number;
  /** Which fault, of those that may or may not come, is to come. */
  readonly fault: number | null;
}

/** Explore the calls of programs. */
export function exploreCalls(program: CallsProgram, options: CallsOptions = {}): Promise<FsReport> {
  return search(() => CallsRun.start(program, options), options);
}

class CallsRun implements Run {
  readonly #k: DirectKernel;
  readonly #config: KernelConfig;
  readonly #programs: Program[] = [];
  readonly #checks: CallsProgram['checks'];
  readonly #crashChecks: CallsProgram['crashChecks'];
  readonly #faults: FaultBook;
  #journal: Journal | null = null;
  /** What the crash may leave, once it has come; then what it has left. */
  #crash: readonly Survivor[] | null = null;
  #left: Survivor | null = null;
  #gaveUp: string | null = null;
  #version = 0;
  /** Calls that found nothing to go on with, by what is asked, and when. */
  readonly #blocked = new Map<object, number>();

  private constructor(program: CallsProgram, faults: readonly Fault[]) {
    // A kernel is built for every schedule: with a small hash table.
    this.#config = { dhash_entries: HASH, ...program.config };
    this.#k = boot_direct(this.#config);
    this.#checks = program.checks;
    this.#crashChecks = program.crashChecks;
    this.#faults = new FaultBook([...(program.config.faults ?? []), ...faults]);
    drive(populate(ASKING, program.config), makerOf(this.#k));
  }

  static async start(program: CallsProgram, options: CallsOptions): Promise<CallsRun> {
    const run = new CallsRun(program, options.faults ?? []);
    const init = init_of(run.#k);
    const tasks = new Map<string, TaskStruct>();
    for (const { name, threadOf } of [...program.bodies, ...program.asyncBodies]) {
      const parent = threadOf === undefined ? init : tasks.get(threadOf)!;
      tasks.set(name, copy_process(run.#k, parent, threadOf !== undefined) as TaskStruct);
    }
    if (options.crash !== undefined) {
      run.#journal = new Journal(run.#k, [...tasks.values()], options.crash);
    }
    for (const { name, body } of program.bodies) {
      run.#programs.push(new GeneratorProgram(name, tasks.get(name)!, body));
    }
    for (const { name, body } of program.asyncBodies) {
      run.#programs.push(await AsyncProgram.start(name, tasks.get(name)!, body));
    }
    return run;
  }

  #ready(): Choice[] {
    const ready: Choice[] = [];
    for (const program of this.#programs) {
      // Who has been killed makes no call any more, and who is stopped none now.
      if (state_of(program.task) !== 'runs') continue;
      for (const [request, asked] of program.asks.entries()) {
        if (this.#blocked.get(asked) === this.#version) continue;
        ready.push({ program, request, fault: null });
        for (const fault of this.#faults.possible(program.task, asked.name, asked.args)) {
          ready.push({ program, request, fault });
        }
      }
    }
    return ready;
  }

  choices(): readonly Call[] {
    if (this.#left !== null || this.#failure() !== null) return [];
    if (this.#crash !== null) {
      return this.#crash.map(({ lost }) => ({
        task: MACHINE,
        label:
          lost.length === 0
            ? 'starts again: nothing is lost'
            : `starts again without ${lost.join(', ')}`,
      }));
    }
    const calls = this.#ready().map(({ program, request, fault }): Call => {
      const { name, args } = program.asks[request];
      const label = labelOf(name, args);
      return {
        task: program.name,
        label: fault === null ? label : `${label} (${this.#faults.show(fault)})`,
      };
    });
    if (this.#journal !== null) calls.push({ task: MACHINE, label: 'crashes' });
    return calls;
  }

  step(choice: number): string | Promise<string> {
    if (this.#crash !== null) {
      this.#left = this.#crash[choice];
      return '';
    }
    const ready = this.#ready();
    if (choice === ready.length) {
      this.#crash = this.#journal!.survivors() ?? [];
      if (this.#crash.length === 0) this.#gaveUp = 'a crash may leave too much: sync more often';
      return '';
    }
    const { program, request, fault } = ready[choice];
    const asked = program.asks[request];
    const { name, args } = asked;
    const body = direct_calls[name] as (k: unknown, t: unknown, ...args: unknown[]) => unknown;
    let answer: unknown;
    try {
      answer = this.#faults.call(
        program.task,
        name,
        args,
        (use) => {
          const made = body(this.#k, program.task, ...use);
          this.#log(program, name, use, made);
          return made;
        },
        fault,
      );
    } catch (error) {
      if (!wouldBlock(error)) throw error;
      this.#blocked.set(asked, this.#version);
      return 'waits';
    }
    this.#version += 1;
    const shown = showAnswer(answer);
    const done = program.answer(request, answer);
    return done === undefined ? shown : done.then(() => shown);
  }

  /** Tell the journal what a call has done. */
  #log(program: Program, name: string, args: readonly unknown[], answer: unknown): void {
    if (this.#journal === null) return;
    this.#journal.note(`${program.name}'s ${labelOf(name, args)}`);
    if (typeof answer === 'number' && answer < 0) return;
    if (name === 'sync') this.#journal.syncedAll();
    else if (name === 'fsync' || name === 'fdatasync') {
      this.#journal.synced(program.task, args[0] as number);
    }
  }

  key(): string {
    if (this.#left !== null) {
      return JSON.stringify([keyOf(this.#left.image), this.#ended(), clock_of(this.#k)]);
    }
    const waiting = this.#programs.map(({ asks }) =>
      asks.map((asked) => this.#blocked.get(asked) === this.#version),
    );
    return JSON.stringify([
      this.#crash !== null,
      this.#programs.map(({ seen }) => seen),
      waiting,
      this.#faults.key,
      this.#journal?.key,
      digest(
        this.#k,
        this.#programs.map(({ task }) => task),
      ),
    ]);
  }

  atEnd(): boolean {
    return this.#crash === null && this.#ready().length === 0;
  }

  gaveUp(): string | null {
    return this.#gaveUp;
  }

  /** What a program has thrown. */
  #failure(): Problem | null {
    const failed = this.#programs.find(({ problem }) => problem !== null);
    return failed === undefined ? null : { kind: 'program', title: failed.problem! };
  }

  problem(): Problem | null {
    const failure = this.#failure();
    if (failure !== null) return failure;
    if (this.#left !== null) return this.#afterCrash(this.#left);
    if (!this.atEnd()) return null;
    const waiting = this.#programs.filter(
      ({ hasEnded, task }) => !hasEnded && state_of(task) !== 'has ended',
    );
    if (waiting.length > 0) {
      const names = waiting.map(({ name, asks }) => {
        const calls = asks.map((asked) => labelOf(asked.name, asked.args));
        return `${name} in ${calls.length === 0 ? 'something that is no call' : calls.join(' and ')}`;
      });
      return { kind: 'deadlock', title: `waits for ever: ${names.join(', ')}` };
    }
    for (const check of this.#checks) {
      const wrong = this.#ask(this.#k, check);
      if (wrong !== null) return { kind: 'check', title: wrong };
    }
    return null;
  }

  /** Start again with what is left, and look whether all is well. */
  #afterCrash({ image }: Survivor): Problem | null {
    if (this.#crashChecks.length === 0) return null;
    const k = boot_direct(this.#config);
    set_clock(k, clock_of(this.#k));
    restore(processOf(k, init_of(k)), image);
    for (const check of this.#crashChecks) {
      const wrong = this.#ask(k, (init) => check(init, this.#ended()));
      if (wrong !== null) return { kind: 'crash', title: wrong };
    }
    return null;
  }

  #ended(): Readonly<Record<string, unknown>> {
    const ended = this.#programs.filter(({ hasEnded }) => hasEnded);
    return Object.fromEntries(ended.map(({ name, value }) => [name, value]));
  }

  /** @returns what a check says is wrong */
  #ask(k: DirectKernel, check: Check): string | null {
    try {
      const answer = check({ ...processOf(k, init_of(k)), ...ASKING });
      const wrong: unknown = isIterator(answer) ? drive(answer, makerOf(k)) : answer;
      return typeof wrong === 'string' ? wrong : null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  outcomes(): readonly string[] {
    return this.#programs.flatMap(({ name, outcome }) =>
      outcome === null ? [] : [`${name}: ${outcome}`],
    );
  }
}

/** Makes calls with the first process. */
export function makerOf(k: DirectKernel): Maker {
  const task = init_of(k);
  return (name, args) =>
    (direct_calls[name] as (k: unknown, t: unknown, ...args: unknown[]) => unknown)(
      k,
      task,
      ...args,
    );
}

function isIterator(value: unknown): value is ReturnType<Body> {
  return typeof value === 'object' && value !== null && 'next' in value;
}
