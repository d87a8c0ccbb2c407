/**
 * Recording one interleaving: replays a schedule with an observer that writes everything down.
 *
 * Recording is slow and exploring is not: a run is recorded only when somebody wants to see it.
 */

import {
  KIND,
  Struct,
  type AnyOp,
  type Cell,
  REFCOUNT_PIN,
  type Finding,
  type Machine,
  type Node,
  type Observer,
  type TaskRec,
} from '../machine/index.js';
import { Names } from './names.js';
import type { Trace, TraceFrame, TraceOperation, TraceTurn } from './schema.js';
import { TRACE_SCHEMA_VERSION } from './schema.js';

const OP_NAMES = Object.fromEntries(Object.entries(KIND).map(([name, kind]) => [kind, name]));

/** What a replay tells the recorder; the explorer's replay() fits. */
export interface Replayed {
  readonly findings: readonly {
    readonly step: number;
    readonly title: string;
    readonly finding: Finding;
  }[];
  readonly diverged: { readonly step: number; readonly reason: string } | null;
}

type Draft = { -readonly [K in keyof TraceOperation]: TraceOperation[K] };

export class Recorder implements Observer {
  readonly names = new Names();
  readonly #operations: Draft[] = [];
  readonly #nodes: Node[] = [];
  readonly #tasks: TaskRec[] = [];
  readonly #writtenBy = new Map<Cell, number>();
  readonly #freed: Record<string, number> = {};
  readonly #allocated: Record<string, number> = {};
  readonly #turns: (Omit<TraceTurn, 'task' | 'from'> & { task: TaskRec; from: TaskRec })[] = [];
  readonly #starts: (TaskRec | null)[] = [];
  #running: TaskRec | null = null;
  readonly #framesAt: (node: Node) => readonly TraceFrame[];
  readonly #rcu: number;
  #step = 0;
  #machine: Machine | null = null;

  /** @param framesAt the kernel functions of a task at a node, innermost first */
  constructor(framesAt: (node: Node) => readonly TraceFrame[], rcuSection = 0) {
    this.#framesAt = framesAt;
    this.#rcu = rcuSection;
  }

  /** Give a task its place, and so its CPU, before it has done anything. */
  declare(task: TaskRec): void {
    if (!this.#tasks.includes(task)) this.#tasks.push(task);
  }

  /** Call before each step, with the task that takes it. */
  beforeStep(step: number, task: TaskRec, machine: Machine): void {
    this.#step = step;
    this.#machine = machine;
    if (task.actor) return;
    const from = this.#running;
    this.#running = task;
    if (from === null || from === task) return;
    if (from.ended.value) {
      this.#turns.push({ step, task, from, why: 'ended', on: null, heldBy: null });
    } else if (machine.enabled(from)) {
      this.#turns.push({ step, task, from, why: 'preempted', on: null, heldBy: null });
    } else {
      const { on, heldBy } = this.waitOf(from, machine);
      this.#turns.push({ step, task, from, why: 'waits', on, heldBy });
    }
  }

  /** Call after each step. */
  afterStep(machine: Machine): void {
    for (let i = this.#operations.length - 1; i >= 0; i -= 1) {
      if (this.#operations[i].step !== this.#step) break;
      this.#operations[i].main = this.#nodes[i] === machine.visibleNode;
    }
  }

  /** What a task waits for that cannot go on. */
  waitOf(task: TaskRec, machine: Machine): { on: string; heldBy: string | null } {
    const op = task.node.value?.op ?? null;
    if (op === null) return { on: 'nothing', heldBy: null };
    if (op.kind !== KIND.lock) return { on: WAITS[op.kind] ?? 'a value', heldBy: null };
    const holder = machine.tasks.find((other) => {
      for (let held = other.node.value?.context.held ?? null; held !== null; held = held.next) {
        if (held.cell === op.cell) return true;
      }
      return false;
    });
    return { on: lockName(op.cell, this.names), heldBy: holder?.name ?? null };
  }

  operation(task: TaskRec, node: Node, op: AnyOp, result: unknown, after: Node): void {
    const n = this.#operations.length + 1;
    let index = this.#tasks.indexOf(task);
    if (index < 0) index = this.#tasks.push(task) - 1;
    const cell = op.cell as Cell | null;
    this.#nodes.push(node);
    const value = this.#found(op, result, cell);
    const wrote = this.#stored(op, result, cell);
    const arrivals: Node[] = [];
    for (let at: Node | null = after; at !== null; at = at.forward) arrivals.push(at);
    this.#operations.push({
      n,
      step: this.#step,
      main: false,
      task: index,
      cpu: task.actor ? null : 0,
      stack: this.#framesAt(node),
      op: OP_NAMES[op.kind] ?? 'unknown',
      order: op.order,
      object: cell === null ? null : this.names.of(cell.struct),
      field: cell === null || op.kind === KIND.free ? null : cell.name,
      value,
      readsFrom: value === null || cell === null ? null : (this.#writtenBy.get(cell) ?? 0),
      wrote,
      visible: cell === null ? op.kind !== KIND.fence : cell.struct.owner.value !== task,
      commutes:
        (op.kind === KIND.refInc || op.kind === KIND.refDec) &&
        (cell!.value as number) > REFCOUNT_PIN / 2,
      starts: null,
      locksHeld: locksOf(node, this.names),
      rcuDepth: after.rest.context.depth[this.#rcu] ?? 0,
      branches: arrivals.flatMap((at) =>
        (at.branches ?? []).map(({ fn, what }) => `${fn} ${what}`),
      ),
      log: arrivals.flatMap((at) => at.log ?? []),
      findings: [],
    });
    this.#starts.push(op.kind === KIND.spawn ? (result as TaskRec) : null);
    if (op.kind === KIND.alloc && result instanceof Struct) {
      this.#allocated[this.names.of(result)] = n;
    }
    if (cell !== null && wrote !== null) this.#writtenBy.set(cell, n);
    if (op.kind === KIND.free && op.a instanceof Struct) this.#freed[this.names.of(op.a)] = n;
  }

  /** A text of the machine, which calls objects by its own numbers, with the names of this trace. */
  #inNames(text: string): string {
    const { globals = [], allocated = [] } = this.#machine ?? {};
    return text.replace(/[\w-]+#\d+/g, (own) => {
      const object = [...globals, ...allocated].find((each) => each.toString() === own);
      return object === undefined ? own : this.names.of(object);
    });
  }

  #found(op: AnyOp, result: unknown, cell: Cell | null): string | null {
    switch (op.kind) {
      case KIND.read:
      case KIND.xchg:
      case KIND.cmpxchg:
      case KIND.add:
      case KIND.or:
      case KIND.and:
      case KIND.await:
        return this.names.value(result, cell);
      case KIND.trylock:
        return result === true ? 'free' : 'locked';
      case KIND.alloc:
      case KIND.spawn:
        return result instanceof Struct ? this.names.of(result) : 'NULL';
      case KIND.choose:
        return String(result);
      default:
        return null;
    }
  }

  #stored(op: AnyOp, result: unknown, cell: Cell | null): string | null {
    switch (op.kind) {
      case KIND.write:
      case KIND.xchg:
        return this.names.value(op.a, cell);
      case KIND.cmpxchg:
        return result === op.a ? this.names.value(op.b, cell) : null;
      case KIND.refInc:
      case KIND.refDec:
        return this.names.value(cell!.value, cell);
      case KIND.add:
        return this.names.value((result as number) + (op.a as number), cell);
      case KIND.or:
        return this.names.value((result as number) | (op.a as number), cell);
      case KIND.and:
        return this.names.value((result as number) & (op.a as number), cell);
      case KIND.lock:
        return 'locked';
      case KIND.unlock:
        return 'free';
      case KIND.trylock:
        return result === true ? 'locked' : null;
      case KIND.listAdd:
      case KIND.listDel:
        return this.names.value(op.a, null);
      case KIND.free:
        return 'freed';
      default:
        return null;
    }
  }

  /** The finished trace. */
  trace(
    program: string,
    steps: number,
    switches: number,
    replayed: Replayed,
    cycleFrom: number | null = null,
  ): Trace {
    const findings = replayed.findings.map(({ step, title, finding }) => {
      const inStep = this.#operations.filter((operation) => operation.step === step);
      const there = inStep.find(
        (operation) => this.#nodes[operation.n - 1] === finding.place?.node,
      );
      const at = there ?? inStep.at(-1) ?? this.#operations.at(-1);
      if (at !== undefined) at.findings = [...at.findings, title];
      const { cell } = finding;
      const detail =
        cell === null
          ? this.#inNames(finding.detail)
          : `on ${this.names.of(cell.struct)}.${cell.name}`;
      return { title, kind: finding.kind, detail, operation: at?.n ?? 0 };
    });
    const cpus = this.#tasks.filter(({ actor }) => !actor);
    cpus.sort((a, b) => a.index - b.index);
    const cpuOf = (task: TaskRec): number | null => (task.actor ? null : cpus.indexOf(task));
    for (const [i, operation] of this.#operations.entries()) {
      operation.cpu = cpuOf(this.#tasks[operation.task]);
      const started = this.#starts[i];
      const index = started === null ? -1 : this.#tasks.indexOf(started);
      operation.starts = index < 0 ? null : index;
    }
    return {
      schema: TRACE_SCHEMA_VERSION,
      program,
      tasks: this.#tasks.map((task) => ({
        name: task.name,
        actor: task.actor,
        cpu: cpuOf(task),
      })),
      operations: this.#operations,
      turns: this.#turns.map((turn) => ({
        ...turn,
        task: this.#tasks.indexOf(turn.task),
        from: this.#tasks.indexOf(turn.from),
      })),
      findings,
      freed: this.#freed,
      allocated: this.#allocated,
      steps,
      switches,
      cycleFrom,
      diverged: replayed.diverged,
    };
  }
}

/** What a task waits for that waits for no lock. */
const WAITS: Readonly<Record<number, string>> = {
  [KIND.await]: 'a value',
  [KIND.relax]: 'a change',
  [KIND.sectionAwait]: 'a grace period',
  [KIND.join]: 'a task',
};

function locksOf(node: Node, names: Names): string[] {
  const locks: string[] = [];
  for (let held = node.context.held; held !== null; held = held.next) {
    locks.push(lockName(held.cell, names));
  }
  return locks;
}

function lockName(cell: Cell, names: Names): string {
  return `${names.of(cell.struct)}.${cell.lockClass ?? cell.name}`;
}
