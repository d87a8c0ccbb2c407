/**
 * The machine's side of rules: one write, handed to the rule of its cell.
 *
 * Invariant: there is one Look per machine, filled in anew for each write, so that looking allocates
 * nothing; a rule that keeps it sees the next write.
 */

import { holds } from './contexts.js';
import type { Cell } from './memory.js';
import type { Node } from './node.js';
import type { Kind } from './op.js';
import type { CallFrame, Write } from './rule.js';
import type { TaskRec } from './task.js';

/** What a look needs of its machine. */
interface Machinery {
  readonly set: (cell: Cell, value: unknown) => void;
  readonly find: (task: TaskRec, node: Node, name: string, detail: string, cell: Cell) => void;
}

export class Look implements Write {
  readonly #machinery: Machinery;
  task!: TaskRec;
  node!: Node;
  cell!: Cell;
  old: unknown = undefined;
  kind: Kind = 0;

  constructor(machinery: Machinery) {
    this.#machinery = machinery;
  }

  get isPrivate(): boolean {
    return this.cell.struct.owner.value === this.task;
  }

  holds(lock: Cell<number>): boolean {
    return holds(this.node.context, lock);
  }

  *held(): Iterable<Cell> {
    for (let lock = this.node.context.held; lock !== null; lock = lock.next) yield lock.cell;
  }

  *frames(): Iterable<CallFrame> {
    for (let { root } = this.node; ; root = root.caller.root) {
      yield root;
      if (root.caller === null) return;
    }
  }

  remember<T>(shadow: Cell<T>, value: T): void {
    this.#machinery.set(shadow, value);
  }

  broken(name: string, detail: string): void {
    this.#machinery.find(this.task, this.node, name, detail, this.cell);
  }
}
