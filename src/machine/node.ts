/**
 * What a task has done so far, as a tree.
 *
 * A task's code is a function of the answers it received. So the tree of answers determines the
 * next operation, and a part of the tree that was walked once need never run the generator again:
 * exploring becomes table look-up. Invariant: one node per sequence of answers; `op` is what the
 * task does next there, null when it has ended.
 */

import type { Cell } from './memory.js';
import type { AnyOp, Branch, Task } from './op.js';
import type { List } from './value.js';
import type { LocalFinding } from './finding.js';

/** A held spinlock, innermost first. */
export interface Held {
  readonly cell: Cell;
  readonly next: Held | null;
}

/** What the task holds. A function of its history, hence kept in the tree. */
export interface Context {
  /** Nesting of each read-side section, by section index, not counting spinlocks. */
  readonly depth: readonly number[];
  readonly held: Held | null;
  /** Number of locks in `held`. */
  readonly locks: number;
}

export type Body = (...args: readonly unknown[]) => Task<unknown>;

/** Where a tree begins: a task's code and the arguments it was started with. */
export interface Root {
  readonly body: Body;
  readonly args: List;
}

export class Node {
  readonly root: Root;
  readonly vid: number;
  readonly parent: Node | null;
  /** The answer that led here from the parent. */
  readonly result: unknown;
  /** Operations since the task's start. */
  readonly depth: number;
  readonly context: Context;
  /** Objects allocated and tasks spawned so far: they number the task's next ones. */
  readonly allocs: number;
  readonly spawns: number;
  op: AnyOp | null = null;
  /** What the task returned, once `op` is null. */
  returned: unknown = undefined;
  /** Reports that arriving here makes, whatever the other tasks do. */
  findings: LocalFinding[] | null = null;
  branches: Branch[] | null = null;
  log: { level: string; text: string }[] | null = null;
  /** For cpu_relax: what the round read, see relax.ts. */
  round: readonly RoundRead[] | null = null;

  #key0: unknown = undefined;
  #next0: Node | null = null;
  #more: Map<unknown, Node> | null = null;

  constructor(
    root: Root,
    vid: number,
    parent: Node | null,
    result: unknown,
    context: Context,
    allocs: number,
    spawns: number,
  ) {
    this.root = root;
    this.vid = vid;
    this.parent = parent;
    this.result = result;
    this.depth = parent === null ? 0 : parent.depth + 1;
    this.context = context;
    this.allocs = allocs;
    this.spawns = spawns;
  }

  /** The node after this answer, or null if nobody went there yet. */
  child(result: unknown): Node | null {
    if (this.#key0 === result && this.#next0 !== null) return this.#next0;
    return this.#more?.get(result) ?? null;
  }

  addChild(result: unknown, node: Node): void {
    if (this.#next0 === null) {
      this.#key0 = result;
      this.#next0 = node;
    } else {
      this.#more ??= new Map();
      this.#more.set(result, node);
    }
  }

  /** The answers from the task's start to here. */
  history(): unknown[] {
    const results = new Array<unknown>(this.depth);
    if (this.parent !== null) results[this.depth - 1] = this.result;
    for (let node = this.parent; node !== null && node.parent !== null; node = node.parent) {
      results[node.depth - 1] = node.result;
    }
    return results;
  }

  finding(finding: LocalFinding): void {
    (this.findings ??= []).push(finding);
  }
}

/** One cell that a retry round has read. */
export interface RoundRead {
  readonly cell: Cell;
  /** What the task knows the cell to hold: what it saw or stored last. */
  readonly last: unknown;
  /** The round did not leave the cell as it found it, or saw it change: it is no repetition. */
  readonly changed: boolean;
}
