/**
 * What a step has to report: findings of the sanitizers, of invariants and of rules.
 *
 * Invariant: `findings` holds those of the last step, and nothing is added while a step is only
 * tried out.
 */

import type { Finding, FindingKind, LocalFinding } from './finding.js';
import { Look } from './look.js';
import { LIFE, type Cell } from './memory.js';
import type { Node } from './node.js';
import { KIND, type Kind } from './op.js';
import type { Rule } from './rule.js';
import type { StepState } from './run-state.js';
import type { Store } from './store.js';
import type { TaskRec } from './task.js';

/** A predicate over the machine, checked after every step that writes a watched cell. */
export interface Invariant {
  readonly name: string;
  /**
   * Null if it holds, else what is wrong. Reads `cell.value`; must change nothing. If it asks
   * whether an object still lives, set `watched` of the object's `life`: when memory that RCU
   * gives back is freed matters then.
   */
  readonly check: () => string | null;
}

export class Reports {
  readonly findings: Finding[] = [];
  readonly invariants: Invariant[] = [];
  /** Names of invariants whose rules keep silent. */
  readonly unruled = new Set<string>();
  readonly #state: StepState;
  readonly #look: Look;

  constructor(store: Store, state: StepState) {
    this.#state = state;
    this.#look = new Look({
      set: (cell, value) => store.set(cell, value),
      find: (task, node, name, detail, cell) => {
        if (this.unruled.has(name)) return;
        this.find(task, node, 'invariant', `invariant: ${name}`, detail, cell);
      },
    });
  }

  find(
    task: TaskRec,
    node: Node,
    kind: FindingKind,
    title: string,
    detail: string,
    cell: Cell | null = null,
  ): void {
    this.findings.push({
      kind,
      title,
      detail,
      place: { task: task.index, node },
      other: null,
      cell,
    });
  }

  /** What arriving at a node reports, whatever other tasks do. */
  arrive(task: TaskRec, node: Node): void {
    if (node.findings !== null) this.#tell(task, node);
    if (node.inspections === null) return;
    for (const { object, rule } of node.inspections) {
      this.lookAt(task, node, KIND.note, object.life, LIFE.live, rule);
    }
  }

  #tell(task: TaskRec, node: Node): void {
    for (const finding of node.findings ?? []) {
      this.findings.push({
        ...finding,
        place: { task: task.index, node },
        other: null,
        cell: null,
      });
    }
  }

  /** Let a rule look at a write that was just made. */
  lookAt(task: TaskRec, node: Node, kind: Kind, cell: Cell, old: unknown, rule: Rule): void {
    if (this.#state.probing) return;
    const look = this.#look;
    look.task = task;
    look.node = node;
    look.cell = cell;
    look.old = old;
    look.kind = kind;
    rule(look);
  }

  /** Evaluate every invariant now; what fails goes to `findings`. */
  checkInvariants(): void {
    for (const { name, check } of this.invariants) {
      const wrong = check();
      if (wrong !== null)
        this.addFinding({ kind: 'invariant', title: `invariant: ${name}`, detail: wrong });
    }
  }

  /** Add a finding that belongs to no single place. */
  addFinding(finding: LocalFinding): void {
    this.findings.push({ ...finding, place: null, other: null, cell: null });
  }
}
