/**
 * Programs as generators, explored access by access: every shared access of the kernel is a step, so
 * the calls themselves are torn apart where the kernel lets them be.
 *
 * Invariant: programs begin together, and checks run when all of them have ended, as a task of the
 * machine that waits for the others. Rows of a story are calls; one that others cut into is shown
 * as strace shows it, unfinished and resumed.
 */

import { explore, type Decision, type Program } from '../explore/index.js';
import {
  Machine,
  MisuseError,
  join,
  Struct,
  WARN,
  WRITE_ONCE,
  type MachineOptions,
  type Task,
} from '../machine/index.js';
import { create_fs_kernel, NAMEI_BRANCHES, type TaskStruct } from '../vfs/index.js';
import type { Check, Named } from './calls.js';
import { labelOf, showAnswer, showValue } from './show.js';
import { switchesOf, textOf, type FsBug, type FsReport, type Row } from './report.js';
import { populate, type Body, type KernelConfig } from './setup.js';
import { simulatedCalls, type CallHook } from './sys.js';

export interface AccessOptions {
  /** Most states to visit (default: no limit). */
  readonly states?: number;
  /**
   * `dpor` needs no memory for states; `brute` runs every interleaving; `bounded` looks at those with
   * two preemptions at most, which finds most bugs soon and proves nothing (default `auto`).
   */
  readonly engine?: 'auto' | 'states' | 'dpor' | 'brute' | 'bounded';
}

/** What is explored. */
export interface AccessProgram {
  readonly config: KernelConfig;
  readonly bodies: readonly Named<Body>[];
  readonly checks: readonly Check[];
}

/** What a program did, as the story tells it. */
interface Event {
  readonly task: string;
  readonly type: 'call' | 'return';
  readonly text: string;
}

/**
 * What a program answers, as a text: in a cell, since a task that has ended is no part of the state
 * of a machine, and two states with different outcomes must not be taken for one.
 */
class Outcome extends Struct {
  readonly name: string;
  readonly value = this.cell<string | null>('value', null);

  constructor(name: string) {
    super('outcome');
    this.name = name;
  }
}

/** Explore the accesses of the kernel under the programs' calls. */
export function exploreAccesses(program: AccessProgram, options: AccessOptions = {}): FsReport {
  const outcomes = new Map<string, number>();
  let ends = 0;
  const toExplore: Program = {
    name: 'programs',
    branches: NAMEI_BRANCHES,
    build: (machineOptions) => {
      const { machine, slots } = build(program, machineOptions, () => undefined);
      return {
        machine,
        atEnd: () => {
          ends += 1;
          for (const { name, value } of slots) {
            if (value.value === null) continue;
            const outcome = `${name}: ${value.value}`;
            outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
          }
        },
      };
    },
  };
  const result = explore(toExplore, {
    engine: options.engine ?? 'auto',
    machine: { kcsan: false },
    minimise: false,
    ...(options.states === undefined ? {} : { budget: { states: options.states } }),
  });
  const { verdict, complete, reason, states, executions } = result;
  const bugs = result.bugs.map((bug): FsBug => {
    const rows = storyOf(program, bug.schedule);
    const { kind, title, minimal } = bug;
    return { kind: kindOf(kind), title: titleOf(title), rows, switches: switchesOf(rows), minimal };
  });
  const report = {
    verdict,
    complete,
    reason,
    interleavings: result.interleavings ?? executions,
    states,
    runs: executions,
    bugs,
    outcomes: Object.fromEntries(
      [...outcomes].map(
        ([name, seen]) => [name, seen === ends && complete ? 'always' : 'sometimes'] as const,
      ),
    ),
  };
  return { ...report, text: textOf(report) };
}

/** What a check says of the programs, the machine says as a warning. */
function kindOf(kind: string): string {
  return kind === 'WARN' ? 'check' : kind;
}

/** Without the function that the warning is in: it is the program's. */
function titleOf(title: string): string {
  return title.replace(/ in (guarded|check)$/u, '');
}

/** A machine with the kernel, its files, a task for each program, and one for the checks. */
function build(
  { config, bodies, checks }: AccessProgram,
  options: MachineOptions,
  onEvent: (event: Event) => void,
): { machine: Machine; slots: readonly Outcome[] } {
  const machine = new Machine(options);
  const k = create_fs_kernel(machine, config);
  const init = k.init_task.task!;
  machine.boot(() => populate(simulatedCalls(k, init), config));
  // A thread comes after whose thread it is, and every task of the kernel before the first program.
  const tasks = new Map<string, TaskStruct>();
  for (const { name, threadOf } of bodies) {
    const parent = threadOf === undefined ? init : tasks.get(threadOf)!;
    const task = machine.boot(() => k.copy_process(parent, threadOf !== undefined));
    if (typeof task === 'number') throw new MisuseError(`no process for ${name}: error ${task}`);
    tasks.set(name, task);
    k.programs.add(task);
  }
  const slots: Outcome[] = [];
  const programs = bodies.map(({ name, body }) => {
    const slot = machine.global(new Outcome(name));
    slots.push(slot);
    const hook: CallHook = {
      before: (call, args) => onEvent({ task: name, type: 'call', text: labelOf(call, args) }),
      after: (answer) => onEvent({ task: name, type: 'return', text: showAnswer(answer) }),
    };
    const sys = simulatedCalls(k, tasks.get(name)!, hook);
    return machine.addTask({ name }, function* () {
      const value = yield* guarded(name, body, sys);
      if (value !== undefined) yield* WRITE_ONCE(slot.value, showValue(value));
      return null;
    });
  });
  for (const check of checks) {
    if (Object.prototype.toString.call(check) === '[object GeneratorFunction]') continue;
    throw new MisuseError(
      'access by access, a check makes calls as programs do: k.finally(function* (sys) { ... })',
    );
  }
  if (checks.length > 0) {
    const sys = simulatedCalls(k, init);
    machine.addTask({ name: 'check' }, function* () {
      for (const task of programs) yield* join(task);
      for (const check of checks) {
        const wrong = yield* guarded('check', check as unknown as Body, sys);
        if (typeof wrong === 'string') yield* WARN(wrong);
      }
      return null;
    });
  }
  return { machine, slots };
}

/** A program whose exceptions are what is wrong with it; the kernel's own crashes stay crashes. */
function* guarded(name: string, body: Body, sys: Parameters<Body>[0]): Task<unknown> {
  try {
    return yield* body(sys);
  } catch (error) {
    if (error instanceof TypeError || error instanceof MisuseError) throw error;
    yield* WARN(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Run a schedule once more, and tell it by calls. */
function storyOf(program: AccessProgram, schedule: readonly Decision[]): Row[] {
  const rows: Row[] = [];
  const open = new Map<string, string>();
  let last: string | null = null;
  const cut = (): void => {
    const label = last === null ? undefined : open.get(last);
    const row = rows.at(-1);
    if (label === undefined || row === undefined || row.result !== '') return;
    rows[rows.length - 1] = { ...row, label: `${row.label} <unfinished ...>` };
  };
  const resume = (task: string): void => {
    if (task === last) return;
    cut();
    last = task;
    const label = open.get(task);
    if (label === undefined) return;
    rows.push({ task, label: `<... ${label.slice(0, label.indexOf('('))} resumed>`, result: '' });
  };
  const onEvent = ({ task, type, text }: Event): void => {
    if (type === 'call') {
      open.set(task, text);
      rows.push({ task, label: text, result: '' });
      return;
    }
    open.delete(task);
    const row = rows.findLastIndex((each) => each.task === task);
    rows[row] = { ...rows[row], result: text };
  };
  let events: Event[] = [];
  const { machine } = build(program, {}, (event) => events.push(event));
  const isProgram = new Set(program.bodies.map(({ name }) => name));
  // A call begins with the step after the one that came to it.
  const pending = new Map(events.map((event) => [event.task, event]));
  for (const { task: key, choice } of schedule) {
    const task = machine.tasks.find((each) => each.key === key)!;
    const { name } = task;
    if (isProgram.has(name)) resume(name);
    const begun = pending.get(name);
    if (begun !== undefined) onEvent(begun);
    pending.delete(name);
    events = [];
    machine.step(task, choice);
    const lastEvent = events.at(-1);
    if (lastEvent?.type === 'call') pending.set(name, events.pop()!);
    for (const event of events) onEvent(event);
  }
  cut();
  return rows;
}
