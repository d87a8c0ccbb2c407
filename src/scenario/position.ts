/**
 * Where an interleaving stands after some steps: what has happened, every object, and what each CPU
 * would do next.
 *
 * Invariant: a move is offered if and only if the machine lets the task take a step, with every
 * outcome that the step has.
 */

import type { Program, Schedule } from '../explore/index.js';
import type { Machine, TaskRec } from '../machine/index.js';
import { ASCII_WORDS, pendingWords, WORDS, type Snapshot, type Trace } from '../trace/index.js';
import { recordThen, type Standing } from './record.js';

/** A task that has not ended, and what its next step does. */
export interface Pending {
  /** The task's key, as schedules name it. */
  readonly task: string;
  readonly name: string;
  /** Number of its CPU; null for an actor of RCU. */
  readonly cpu: number | null;
  /** The kernel function that it is in. */
  readonly fn: string;
  /** The next access that others can notice, in words. */
  readonly words: string;
  /** How many outcomes the step has; 0 if the task has to wait. */
  readonly outcomes: number;
  /** What it waits for, and who holds that; null if it can go on. */
  readonly waits: string | null;
}

export interface Position {
  readonly trace: Trace;
  /** Before the first step and after each one. */
  readonly snapshots: readonly Snapshot[];
  readonly pending: readonly Pending[];
  /** Nobody can take a step. */
  readonly isOver: boolean;
  /** Somebody is inside an RCU reader. */
  readonly readers: readonly string[];
}

/** Replay a schedule and look around. @param ascii words without characters beyond ASCII */
export function positionAfter(program: Program, schedule: Schedule, ascii = false): Position {
  let pending: readonly Pending[] = [];
  let readers: readonly string[] = [];
  const look = (standing: Standing): void => {
    const { machine } = standing;
    const alive = machine.tasks.filter((task) => !task.ended.value && task.node.value !== null);
    pending = alive.map((task) => pendingOf(task, standing, ascii));
    readers = alive
      .filter((task) => (task.node.value?.context.depth[0] ?? 0) > 0)
      .map(({ name }) => name);
  };
  const { trace, snapshots } = recordThen(program, schedule, look, { declare: true });
  return {
    trace,
    snapshots,
    pending,
    readers,
    isOver: !pending.some(({ outcomes }) => outcomes > 0),
  };
}

function pendingOf(
  task: TaskRec,
  { machine, recorder, framesAt }: Standing,
  ascii: boolean,
): Pending {
  // Where it waits it cannot be run ahead to see what comes.
  const enabled = machine.enabled(task);
  const node = (enabled ? machine.pendingNode(task) : null) ?? task.node.value!;
  const op = node.op ?? task.node.value!.op!;
  const { on, heldBy } = recorder.waitOf(task, machine);
  const waits = `waits for ${on}${heldBy === null ? '' : `, held by ${heldBy}`}`;
  return {
    task: task.key,
    name: task.name,
    cpu: task.actor ? null : cpuOf(task, machine),
    fn: framesAt(node)[0]?.fn ?? task.name,
    words: pendingWords(op, recorder.names, ascii ? ASCII_WORDS : WORDS),
    outcomes: enabled ? machine.choices(task) : 0,
    waits: enabled ? null : waits,
  };
}

function cpuOf(task: TaskRec, machine: Machine): number {
  return machine.tasks.filter(({ actor }) => !actor).indexOf(task);
}
