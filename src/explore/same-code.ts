/**
 * Do tasks that are declared symmetric do the same, wherever a search has been?
 *
 * Whatever one of them was answered is put to the others' code as well, which must go on in the
 * same way. Checked on every history that a search has reached, this makes each of its executions
 * one of the program with the tasks swapped, too; so the search may leave those out. Invariant:
 * code that tells itself apart is found wherever that makes a difference to what was explored, but
 * for what closures given to one operation have captured and memory does not show.
 */

import {
  KIND,
  List,
  type AnyOp,
  type AtomicStep,
  type Cell,
  type Machine,
  type Node,
  type Note,
  type Reply,
  type Task,
  type TaskRec,
} from '../machine/index.js';

/** Arguments to try conditions on, besides what they were answered. */
const SAMPLES: readonly unknown[] = [
  null,
  true,
  false,
  ...Array.from({ length: 33 }, (_, i) => i - 1),
];

/** The first pair of tasks of one group that do not do the same; null if all do. */
export function firstUnlike(machine: Machine): readonly [TaskRec, TaskRec] | null {
  const tasks = machine.tasks.filter((task) => task.symmetric !== null && task.start !== null);
  for (const task of tasks) {
    for (const other of tasks) {
      if (other === task || other.symmetric !== task.symmetric) continue;
      const [root, otherRoot] = [rootOf(task), rootOf(other)];
      for (const leaf of leavesOf(root)) {
        if (!goSame(root, otherRoot, leaf.history())) return [task, other];
      }
    }
  }
  return null;
}

/** Where the task's own code begins: it may have started by calling a function. */
function rootOf(task: TaskRec): Node {
  for (let node = task.start!; ; node = node.root.caller) {
    while (node.parent !== null) node = node.parent;
    if (node.root.caller === null) return node;
  }
}

/** The ends of all histories that a tree has. */
function leavesOf(root: Node): Node[] {
  const leaves: Node[] = [];
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const children = [...node.successors()];
    if (children.length === 0) leaves.push(node);
    open.push(...children);
  }
  return leaves;
}

/** Does the code of two tasks go the same way with these answers? */
function goSame(a: Node, b: Node, answers: readonly unknown[]): boolean {
  const runs = [a, b].map(({ root }) => root.body(...root.args)) as [Task<unknown>, Task<unknown>];
  let next = 0;
  let steps = runs.map((run) => advance(run, undefined));
  for (;;) {
    const [one, other] = steps as [Step, Step];
    if (one.kind !== other.kind) return false;
    if (one.kind === 'threw') return true;
    if (one.kind === 'done') return sameValue(one.value, (other as typeof one).value);
    const op = one.value;
    if (!sameOp(op, (other as typeof one).value, answers.slice(next, next + 1))) return false;
    const isNote = op.kind === KIND.note;
    if (!isNote && next === answers.length) return true;
    const answer = isNote ? undefined : answers[next++];
    steps = runs.map((run, i) => {
      const { cpu } = (i === 0 ? a : b).root;
      // Which CPU it is on is all that a task may ask about itself; it must not matter.
      const isAsked = isNote && (op.a as Note).type === 'this-cpu';
      return advance(run, { done: true, value: isAsked ? cpu : answer });
    });
  }
}

type Step =
  | { readonly kind: 'threw' }
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'op'; readonly value: AnyOp };

function advance(run: Task<unknown>, reply: Reply | undefined): Step {
  try {
    const step = run.next(reply as Reply);
    return step.done === true
      ? { kind: 'done', value: step.value }
      : { kind: 'op', value: step.value };
  } catch {
    // A NULL pointer dereference, which ends a task.
    return { kind: 'threw' };
  }
}

function sameOp(a: AnyOp, b: AnyOp, answers: readonly unknown[]): boolean {
  if (a.kind !== b.kind || a.cell !== b.cell || a.order !== b.order) return false;
  switch (a.kind) {
    case KIND.await:
      return sameCondition(a.a, b.a, [...answers, a.cell.value]) && sameText(a.b, b.b);
    case KIND.atomic:
      return sameAtomic(a.a as AtomicStep<unknown>, b.a as AtomicStep<unknown>);
    default:
      // Code that is called or spawned must be one function: what another one captured is unknown.
      return sameValue(a.a, b.a) && sameValue(a.b, b.b);
  }
}

function sameText(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'function' && typeof b === 'function' && String(a) === String(b));
}

/** Two conditions of a wait: one text, and one answer on whatever there is to try. */
function sameCondition(a: unknown, b: unknown, values: readonly unknown[]): boolean {
  if (a === b) return true;
  if (!sameText(a, b)) return false;
  const answerOf = (condition: unknown, value: unknown): unknown => {
    try {
      return (condition as (value: unknown) => boolean)(value);
    } catch {
      return 'threw';
    }
  };
  return [...values, ...SAMPLES].every((value) => answerOf(a, value) === answerOf(b, value));
}

/** Two atomic steps: the same cells, one text, and the same effect on memory as it is now. */
function sameAtomic(a: AtomicStep<unknown>, b: AtomicStep<unknown>): boolean {
  const cellsOf = (step: AtomicStep<unknown>): unknown[] => [
    ...step.reads,
    null,
    ...step.writes,
    null,
    ...(step.bumps ?? []),
  ];
  if (a.label !== b.label || !sameText(a.run, b.run)) return false;
  return sameValue(cellsOf(a), cellsOf(b)) && sameValue(effectOf(a), effectOf(b));
}

function effectOf({ run }: AtomicStep<unknown>): unknown[] {
  const effect: unknown[] = [];
  try {
    effect.push(run((cell: Cell, value: unknown) => void effect.push(cell, value)));
  } catch {
    effect.push('threw');
  }
  return effect;
}

/** Equal as data; functions and objects must be the same ones. */
function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof List && b instanceof List) return sameValue(a.items, b.items);
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => sameValue(item, b[i]));
  }
  if (!isPlain(a) || !isPlain(b)) return false;
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  return keys.length === others.length && keys.every((key) => sameValue(a[key], b[key]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}
