/**
 * What one operation does: to memory, to the step's footprint, and to the sanitizers.
 *
 * Invariant: every change goes through the store, so that it can be undone; every access that
 * another task could notice is in the footprint. The checks of KASAN and KCSAN are made here, since
 * they look at single accesses.
 */

import { ACCESS, type Accesses } from './accesses.js';
import { enters, isInside, leaves } from './contexts.js';
import { MisuseError } from './grow.js';
import type { Heap } from './heap.js';
import { type Cell, LIFE, REFCOUNT_PIN, type Struct } from './memory.js';
import type { Node } from './node.js';
import { KIND, type AnyOp, type AtomicStep, type Section, type SectionToken } from './op.js';
import type { Pending } from './pending.js';
import type { Reports } from './reports.js';
import type { StepState } from './run-state.js';
import type { Sections } from './sections.js';
import type { Store } from './store.js';
import type { TaskRec } from './task.js';
import { itemsOf } from './value.js';

/** What operations work on. */
interface Ground {
  readonly store: Store;
  readonly accesses: Accesses;
  readonly reports: Reports;
  readonly state: StepState;
  readonly sections: Sections;
  readonly pending: Pending;
  readonly heap: Heap;
  /** Look for data races. */
  readonly kcsan: boolean;
  /** Look at the invariants after every change of shared memory. */
  readonly watchAll: boolean;
  readonly tasks: readonly TaskRec[];
  /** Where a task stands right before its next operation that others can notice, or null. */
  readonly pendingNode: (task: TaskRec) => Node | null;
  /** Start the task that an operation spawns. */
  readonly spawn: (task: TaskRec, node: Node, op: AnyOp) => TaskRec;
}

export class Executor {
  readonly #ground: Ground;
  readonly #store: Store;
  readonly #accesses: Accesses;
  readonly #sections: Sections;
  readonly #state: StepState;

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#store = ground.store;
    this.#accesses = ground.accesses;
    this.#sections = ground.sections;
    this.#state = ground.state;
  }

  /**
   * Do an operation of a task.
   * @param choice the outcome, for operations that have several
   * @returns the machine's answer
   */
  execute(task: TaskRec, node: Node, op: AnyOp, choice: number): unknown {
    const cell = op.cell;
    switch (op.kind) {
      case KIND.read:
        this.#touch(task, node, op, cell, ACCESS.read);
        return cell.value;
      case KIND.write:
        this.#touch(task, node, op, cell, ACCESS.write);
        this.#write(task, node, op, cell, op.a);
        return undefined;
      case KIND.xchg: {
        this.#touch(task, node, op, cell, ACCESS.write);
        const old = cell.value;
        this.#write(task, node, op, cell, op.a);
        return old;
      }
      case KIND.cmpxchg: {
        const old = cell.value;
        const swap = old === op.a;
        this.#touch(task, node, op, cell, swap ? ACCESS.write : ACCESS.read);
        if (swap) this.#write(task, node, op, cell, op.b);
        return old;
      }
      case KIND.add:
      case KIND.or:
      case KIND.and: {
        this.#touch(task, node, op, cell, ACCESS.write);
        const old = cell.value as number;
        const operand = op.a as number;
        this.#write(
          task,
          node,
          op,
          cell,
          op.kind === KIND.add
            ? old + operand
            : op.kind === KIND.or
              ? old | operand
              : old & operand,
        );
        return old;
      }
      case KIND.lock:
        this.#touch(task, node, op, cell, ACCESS.write);
        this.#enterImplied(task, node);
        this.#write(task, node, op, cell, (cell.value as number) | 1);
        return undefined;
      case KIND.trylock: {
        const free = ((cell.value as number) & 1) === 0;
        this.#touch(task, node, op, cell, free ? ACCESS.write : ACCESS.read);
        if (!free) return false;
        this.#enterImplied(task, node);
        this.#write(task, node, op, cell, (cell.value as number) | 1);
        return true;
      }
      case KIND.unlock:
        this.#touch(task, node, op, cell, ACCESS.write);
        this.#write(task, node, op, cell, (cell.value as number) & ~1);
        for (const section of this.#sections.list) {
          if (section.impliedBySpinlock && node.context.locks > 0 && leaves(node, section)) {
            this.#sections.leave(task, section);
          }
        }
        return undefined;
      case KIND.refInc: {
        const old = cell.value as number;
        this.#touch(task, node, op, cell, isPinned(old) ? ACCESS.bump : ACCESS.write);
        this.#write(task, node, op, cell, old + 1);
        return old > 0;
      }
      case KIND.refDec: {
        const old = cell.value as number;
        this.#touch(task, node, op, cell, isPinned(old) ? ACCESS.bump : ACCESS.write);
        this.#write(task, node, op, cell, old - 1);
        return Math.min(1, old - 1);
      }
      case KIND.listAdd: {
        this.#touch(task, node, op, cell, ACCESS.write);
        this.#write(task, node, op, cell, this.#store.values.list([op.a, ...itemsOf(cell.value)]));
        return undefined;
      }
      case KIND.listDel: {
        this.#touch(task, node, op, cell, ACCESS.write);
        const items = itemsOf(cell.value);
        if (!items.includes(op.a)) {
          this.#ground.reports.find(
            task,
            node,
            'WARN',
            'list_del corruption in %f',
            `${String(op.a)} is not on ${cell.toString()}`,
          );
        }
        this.#write(
          task,
          node,
          op,
          cell,
          this.#store.values.list(items.filter((item) => item !== op.a)),
        );
        return undefined;
      }
      case KIND.atomic:
        return this.#atomic(task, node, op);
      case KIND.await:
        this.#touch(task, node, op, cell, ACCESS.read);
        return cell.value;
      case KIND.relax:
        for (const { cell: seen } of node.round!) {
          if (seen.struct.owner.value !== task) this.#accesses.add(seen, ACCESS.read);
        }
        return undefined;
      case KIND.sectionEnter: {
        const section = op.a as Section;
        if (enters(node, section)) this.#sections.enter(task, section);
        return undefined;
      }
      case KIND.sectionExit: {
        const section = op.a as Section;
        const nested = node.context.depth[section.index] ?? 0;
        if (nested > 0 && leaves(node, section)) this.#sections.leave(task, section);
        return undefined;
      }
      case KIND.sectionSnapshot: {
        const { tasks } = this.#ground;
        const section = op.a as Section;
        const isInside = this.#inside(task, node);
        return op.b === null
          ? this.#sections.snapshot(tasks, section, isInside)
          : this.#sections.snapshotPerCpu(tasks, section, isInside, op.b as number);
      }
      case KIND.sectionActors:
        this.#sections.lookAtActors(op.a as Section);
        return this.#store.values.bag(
          this.#ground.tasks.filter((other) => other.actor && other !== task),
        );
      case KIND.sectionAwait:
        this.#sections.pass(op.a as Section, op.b as SectionToken, this.#ground.tasks);
        if (task.actor) this.#ground.pending.end(node.root.args);
        return undefined;
      case KIND.spawn:
        return this.#ground.spawn(task, node, op);
      case KIND.join:
        this.#accesses.add((op.a as TaskRec).ended, ACCESS.reached, 1);
        return undefined;
      case KIND.alloc:
        return this.#ground.heap.alloc(task, node, op, choice);
      case KIND.free:
        this.#free(task, node, op);
        return undefined;
      case KIND.choose:
        return choice;
      default:
        return undefined;
    }
  }

  /** Who is inside a section, as the task comes to this operation in the middle of its step. */
  #inside(task: TaskRec, node: Node): (other: TaskRec, section: Section) => boolean {
    return (other, section) => {
      const at = other === task ? node : other.node.value;
      return at !== null && isInside(at, section);
    };
  }

  /** One access of a task to a cell: footprint, and the checks of KASAN and KCSAN. */
  #touch(task: TaskRec, node: Node, op: AnyOp, cell: Cell, mode: number): void {
    const struct = cell.struct;
    const owner = struct.owner.value;
    if (struct.life.value !== LIFE.live) {
      const use = mode === ACCESS.write ? 'Write' : 'Read';
      this.#ground.reports.find(
        task,
        node,
        'KASAN',
        `KASAN: slab-use-after-free ${use} in %f`,
        cell.toString(),
        cell,
      );
    }
    if (owner === task) return;
    if (owner !== null) throw escaped(struct, owner as TaskRec, task);
    if (mode === ACCESS.bump) cell.bumped = true;
    if (
      cell.refcount &&
      op.kind !== KIND.refInc &&
      op.kind !== KIND.refDec &&
      op.kind !== KIND.read
    ) {
      throw new MisuseError(
        `${cell.toString()} is a reference count: use refcount_inc and refcount_dec`,
      );
    }
    this.#accesses.add(cell, mode);
    if (struct.slab !== null) this.#accesses.add(struct.life, ACCESS.read);
    if (op.order === 'plain') this.#state.plain = true;
    if (this.#ground.kcsan) this.#race(task, node, op, cell, mode);
  }

  /**
   * A data race, as KCSAN sees it: another task stands right before a conflicting access to the
   * same cell and one of the two is plain.
   */
  #race(task: TaskRec, node: Node, op: AnyOp, cell: Cell, mode: number): void {
    if (this.#state.probing) return;
    for (const other of this.#ground.tasks) {
      if (other === task) continue;
      const at = this.#ground.pendingNode(other);
      const pending = at === null ? null : at.op;
      if (pending === null || pending.cell !== cell || !isDataAccess(pending.kind)) continue;
      if (op.order !== 'plain' && pending.order !== 'plain') continue;
      const writes = mode === ACCESS.write || pending.kind !== KIND.read;
      if (!writes || (pending.kind === KIND.lock && ((cell.value as number) & 1) === 1)) continue;
      this.#ground.reports.findings.push({
        kind: 'KCSAN',
        title: 'KCSAN: data-race in %f / %g',
        detail: cell.toString(),
        place: { task: task.index, node },
        other: { task: other.index, node: at },
        cell,
      });
    }
  }

  #write(task: TaskRec, node: Node, op: AnyOp, cell: Cell, value: unknown): void {
    if (cell.struct.owner.value === null) this.#ground.heap.publish(value);
    const old = cell.value;
    this.#store.set(cell, value);
    if (cell.watched || (this.#ground.watchAll && cell.struct.owner.value === null)) {
      this.#state.watchedWritten = true;
    }
    if (cell.rule !== null) this.#ground.reports.lookAt(task, node, op.kind, cell, old, cell.rule);
  }

  #atomic(task: TaskRec, node: Node, op: AnyOp): unknown {
    const step = op.a as AtomicStep<unknown>;
    for (const cell of step.reads) this.#touch(task, node, op, cell, ACCESS.read);
    for (const cell of step.writes) this.#touch(task, node, op, cell, ACCESS.write);
    const bumps = step.bumps ?? [];
    for (const cell of bumps) this.#touch(task, node, op, cell, ACCESS.bump);
    return step.run((cell, value) => {
      if (!step.writes.includes(cell) && !bumps.includes(cell)) {
        throw new MisuseError(
          `atomic step '${step.label}' writes ${cell.toString()}: list it in writes`,
        );
      }
      this.#write(task, node, op, cell, value);
    });
  }

  #enterImplied(task: TaskRec, node: Node): void {
    for (const section of this.#sections.list) {
      if (section.impliedBySpinlock && enters(node, section)) this.#sections.enter(task, section);
    }
  }

  #free(task: TaskRec, node: Node, op: AnyOp): void {
    if (!this.#ground.heap.free(task, node, op)) return;
    const { life } = op.a as Struct;
    if (life.rule !== null) {
      this.#ground.reports.lookAt(task, node, op.kind, life, LIFE.live, life.rule);
    }
    if (this.#ground.watchAll) this.#state.watchedWritten = true;
  }
}

function isPinned(count: number): boolean {
  return count > REFCOUNT_PIN / 2;
}

function isDataAccess(kind: number): boolean {
  return kind <= KIND.and || kind === KIND.listAdd || kind === KIND.listDel;
}

function escaped(object: Struct, owner: TaskRec, task: TaskRec): MisuseError {
  return new MisuseError(
    `${object.toString()} is private to task ${owner.name} but task ${task.name} uses it: pass ` +
      'the object through a cell or through the arguments of spawn().',
  );
}
