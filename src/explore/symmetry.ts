/**
 * Tasks that are the same but for their name, and exploring them up to renaming.
 *
 * As long as two of them have not begun, each interleaving has a twin in which they are swapped. So
 * it is enough to look at those in which they begin in the order of their numbers. Invariant: this
 * is done only for tasks that were declared symmetric and do the same, see same-code.ts; final
 * states and reports are then those of the full search, up to the names of these tasks.
 */

import {
  KIND,
  List,
  MisuseError,
  type Cell,
  type Machine,
  type TaskRec,
} from '../machine/index.js';
import type { Program } from './program.js';
import { firstUnlike } from './same-code.js';

const ALONE_STEPS_MAX = 20_000;

/** May this task begin now? Not before the tasks like it that have lower numbers. */
export function mayBegin(machine: Machine, task: TaskRec): boolean {
  if (task.symmetric === null || hasBegun(task)) return true;
  for (const other of machine.tasks) {
    if (other === task) return true;
    if (other.symmetric === task.symmetric && !hasBegun(other)) return false;
  }
  return true;
}

function hasBegun(task: TaskRec): boolean {
  return task.node.value !== task.start;
}

/**
 * The number of tasks that are explored up to renaming.
 * @throws MisuseError if tasks of one group do not do the same, each alone from the start
 */
export function symmetricTasks(program: Program): number {
  const { machine } = program.build({});
  const groups = new Map<string, TaskRec[]>();
  for (const task of machine.tasks) {
    if (task.symmetric === null) continue;
    groups.set(task.symmetric, [...(groups.get(task.symmetric) ?? []), task]);
  }
  let count = 0;
  for (const [name, tasks] of groups) {
    if (tasks.length < 2) continue;
    count += tasks.length;
    const [first, ...others] = tasks.map((task) => alone(machine, task)) as [string, ...string[]];
    if (others.some((other) => other !== first)) throw notTheSame(name);
  }
  return count;
}

function notTheSame(group: string): MisuseError {
  return new MisuseError(
    `the tasks of the symmetric group '${group}' do not do the same: give them the same code ` +
      'and the same arguments, or leave `symmetric` out',
  );
}

/**
 * After a search: what was left out is the same but for names only if the tasks do the same on
 * whatever they were answered in it.
 * @throws MisuseError if two of one group do not
 */
export function assertSymmetric(machine: Machine): void {
  const unlike = firstUnlike(machine);
  if (unlike !== null) throw notTheSame(unlike[0].symmetric!);
}

/** What a task does if nobody else does anything, as text. */
function alone(machine: Machine, task: TaskRec): string {
  const mark = machine.mark();
  const lines: string[] = [];
  const own = new Map<unknown, number>();
  const name = (value: unknown): string => {
    if (own.has(value)) return `own#${own.get(value)}`;
    if (value === task) return 'self';
    if (value instanceof List) return `[${value.items.map(name).join(' ')}]`;
    if (Array.isArray(value)) return `(${value.map(name).join(' ')})`;
    return String(value);
  };
  const place = (cell: Cell | null): string =>
    cell === null ? '' : `${name(cell.struct)}.${cell.name}`;
  machine.observer = {
    operation(_task, _node, op, result) {
      if (op.kind === KIND.alloc || op.kind === KIND.spawn) own.set(result, own.size);
      const operands = [op.a, op.b].filter((x) => typeof x !== 'function').map(name);
      lines.push(`${op.kind} ${place(op.cell)} ${operands.join(' ')} ${name(result)}`);
    },
  };
  for (let step = 0; step < ALONE_STEPS_MAX && machine.enabled(task); step += 1) machine.step(task);
  machine.observer = null;
  machine.undo(mark);
  machine.findings.length = 0;
  return lines.join('\n');
}
