/**
 * What can be told of a task from its own history: sleeping where it must not, locks and sections
 * out of balance, locks in the wrong order.
 *
 * Invariant: a check looks at one node and what leads there, never at memory; so it is made once per
 * node, and its findings are those of every run that comes by. Mirrors lockdep, PROVE_RCU and
 * DEBUG_ATOMIC_SLEEP.
 */

import { depthIn, holds } from './contexts.js';
import type { LockOrder } from './lock-order.js';
import type { Node } from './node.js';
import { KIND, type AnyOp, type Note, type Section } from './op.js';

export class HistoryChecks {
  readonly #sections: readonly Section[];
  readonly #lockOrder: LockOrder;

  constructor(sections: readonly Section[], lockOrder: LockOrder) {
    this.#sections = sections;
    this.#lockOrder = lockOrder;
  }

  /** Lock and section balance of the operation that `before` was about to do. */
  balance(before: Node, op: AnyOp, after: Node): void {
    if (op.kind === KIND.unlock && !holds(before.context, op.cell)) {
      after.finding({
        kind: 'lockdep',
        title: 'WARNING: bad unlock balance in %f',
        detail: `${op.cell.name} is released by a task that does not hold it`,
      });
    }
    if (op.kind === KIND.sectionExit) {
      const section = op.a as Section;
      if ((before.context.depth[section.index] ?? 0) === 0) {
        after.finding({
          kind: 'RCU',
          title: `WARNING: bad ${section.name} read unlock balance in %f`,
          detail: `leaves a ${section.name} read-side section that it never entered`,
        });
      }
    }
  }

  /** Of the lock that the task is about to take. */
  beforeLock(node: Node, op: AnyOp): void {
    if (holds(node.context, op.cell)) {
      node.finding({
        kind: 'lockdep',
        title: 'WARNING: possible recursive locking detected in %f',
        detail: `${op.cell.name} is already held by this task`,
      });
    }
    this.#orderCheck(node, op.cell.lockClass ?? op.cell.name, op.a as number);
  }

  #orderCheck(node: Node, lockClass: string, subclass: number): void {
    const wanted = subclass === 0 ? lockClass : `${lockClass}/${subclass}`;
    for (let held = node.context.held; held !== null; held = held.next) {
      const cycle = this.#lockOrder.add(held.cell.lockClass ?? held.cell.name, wanted, node);
      if (cycle !== null) {
        node.finding({
          kind: 'lockdep',
          title: 'WARNING: possible circular locking dependency detected in %f',
          detail: cycle.classes.join(' -> '),
          first: cycle.first,
        });
      }
    }
  }

  /** A note that asks for a check; others are none of ours. */
  note(node: Node, note: Note): void {
    switch (note.type) {
      case 'might-sleep':
        this.#mightSleep(node, note.where);
        break;
      case 'might-lock':
        this.#orderCheck(node, note.cell.lockClass ?? note.cell.name, 0);
        break;
      case 'assert-held':
        if (!holds(node.context, note.cell)) {
          node.finding({
            kind: 'lockdep',
            title: 'WARNING: lock not held in %f',
            detail: `${note.cell.name} must be held here`,
          });
        }
        break;
      case 'in-section':
        if (
          depthIn(node.context, note.section) === 0 &&
          (note.orHeld === undefined || !holds(node.context, note.orHeld))
        ) {
          const without = note.orHeld === undefined ? '' : ` and without ${note.orHeld.name}`;
          node.finding({
            kind: 'RCU',
            title: 'WARNING: suspicious RCU usage in %f',
            detail: `${note.what} outside a ${note.section.name} read-side section${without}`,
          });
        }
        break;
      case 'not-in-section':
        if (depthIn(node.context, note.section) > 0) {
          node.finding({
            kind: 'RCU',
            title: 'WARNING: suspicious RCU usage in %f',
            detail: `illegal ${note.what} inside a ${note.section.name} read-side section`,
            ...(note.title === undefined ? {} : { title: note.title, detail: note.what }),
          });
        }
        break;
      case 'warn':
        node.finding({ kind: 'WARN', title: `${note.title} in %f`, detail: '' });
        break;
      default:
        break;
    }
  }

  #mightSleep(node: Node, where: string): void {
    const reasons: string[] = [];
    if (node.context.held !== null) reasons.push(`holds ${node.context.held.cell.name}`);
    for (const section of this.#sections) {
      const depth = node.context.depth[section.index] ?? 0;
      if (section.atomic && depth > 0) {
        reasons.push(`inside a ${section.name} read-side section, nesting ${depth}`);
      }
    }
    if (reasons.length === 0) return;
    node.finding({
      kind: 'atomic-sleep',
      title: `BUG: sleeping function called from invalid context in ${where}`,
      detail: reasons.join('; '),
    });
  }

  /** Of a task that has ended here. */
  atEnd(node: Node): void {
    const { held } = node.context;
    if (held !== null) {
      node.finding({
        kind: 'lockdep',
        title: `WARNING: lock held at task exit: ${held.cell.name}`,
        detail: `${held.cell.name} is never released`,
      });
    }
    for (const section of this.#sections) {
      if ((node.context.depth[section.index] ?? 0) > 0 && section.mayStayOpen !== true) {
        node.finding({
          kind: 'RCU',
          title: `WARNING: ${section.name} read-side section left open at task exit`,
          detail: 'no grace period can end any more',
        });
      }
    }
  }
}
