/**
 * What a task has done so far, as a tree.
 *
 * A task's code is a function of the answers it received. So the tree of answers determines the
 * next operation, and a part of the tree that was walked once need never run the generator again:
 * exploring becomes table look-up. A function that is called has a tree of its own; its caller
 * goes on by what was returned, so that different ways through the function meet again. Invariant:
 * a node determines everything that the task can still do; `op` is what it does next there, null
 * when it has ended.
 */

import type { Lanes } from './lanes.js';
import type { Cell, Struct } from './memory.js';
import type { AnyOp, Branch, Reply, Task } from './op.js';
import type { LocalFinding } from './finding.js';
import type { Rule } from './rule.js';

/** A held spinlock, innermost first. */
export interface Held {
  readonly cell: Cell;
  readonly next: Held | null;
}

/** What the task holds and has used up. Interned by the grower: equal contexts are one object. */
export interface Context extends Lanes {
  /** Nesting of each read-side section, by section index, not counting spinlocks. */
  readonly depth: readonly number[];
  readonly held: Held | null;
  /** Number of locks in `held`. */
  readonly locks: number;
  /** Objects allocated and tasks spawned so far: they number the task's next ones. */
  readonly allocs: number;
  readonly spawns: number;
}

export type Body = (...args: readonly unknown[]) => Task<unknown>;

/** Where a tree begins: a task's code or a function called, and the arguments. */
export interface Root {
  readonly body: Body;
  readonly args: readonly unknown[];
  /** Where the function was called; null for a task's own code. */
  readonly caller: Node | null;
  /** The CPU on which it runs. */
  readonly cpu: number;
  /** A run of the code, if there is one, and the node of this tree where it stands. */
  generator: Generator<AnyOp, unknown, Reply> | null;
  generatorNode: Node | null;
}

/** A place in the code of a task, with all that brought it there; shared by every run that comes by. */
export class Node {
  readonly root: Root;
  readonly vid: number;
  /** Name; see lanes.ts. */
  l0 = 0;
  l1 = 0;
  l2 = 0;
  readonly parent: Node | null;
  /** The answer that led here from the parent. */
  readonly result: unknown;
  /** Operations and calls since the function's start. */
  readonly depth: number;
  readonly context: Context;
  /** After cpu_relax(): calls are remembered with all they did, so that a round can be read off. */
  tracked: boolean;
  /** A round of retry() begins here. */
  roundStart = false;
  op: AnyOp | null = null;
  /** What the code returned, once `op` is null. */
  returned: unknown = undefined;
  /** Where the task goes from here without doing anything: into a function, or back out of it. */
  forward: Node | null = null;
  /** Reports that arriving here makes, whatever the other tasks do. */
  findings: LocalFinding[] | null = null;
  /** Rules that look at memory whenever a task arrives here. */
  inspections: { readonly object: Struct; readonly rule: Rule }[] | null = null;
  branches: Branch[] | null = null;
  log: { level: string; text: string }[] | null = null;
  /** For cpu_relax: what the round read, see relax.ts. */
  round: readonly RoundRead[] | null = null;
  /** Does an actor that goes on from here only free memory? Null as long as nobody has asked. */
  onlyFrees: boolean | null = null;
  /** At the end of a round of retry(): what it stored to, even if it put back what was there. */
  wrote: readonly Cell[] | null = null;

  #key0: unknown = undefined;
  #next0: Node | null = null;
  #more: Map<unknown, Node> | null = null;
  /** At a call: where the caller goes on, by value returned. */
  #returns: Map<unknown, Node[]> | null = null;
  /** The end of the function whose return led here. */
  readonly via: Node | null;

  constructor(
    root: Root,
    vid: number,
    parent: Node | null,
    result: unknown,
    context: Context,
    tracked: boolean,
    via: Node | null = null,
  ) {
    this.root = root;
    this.vid = vid;
    this.parent = parent;
    this.result = result;
    this.depth = parent === null ? 0 : parent.depth + 1;
    this.context = context;
    this.tracked = tracked;
    this.via = via;
  }

  /** Where the task comes to rest, or ends, if it arrives here. */
  get rest(): Node {
    let node: Node = this.forward ?? this;
    while (node.forward !== null) node = node.forward;
    return node;
  }

  /** Where the caller goes on after the function ended at `end`, or null if it never has yet. */
  continuation(end: Node): Node | null {
    for (const node of this.#returns?.get(end.returned) ?? []) {
      if (this.tracked ? node.via === end : node.context === end.context) return node;
    }
    return null;
  }

  addContinuation(node: Node): void {
    this.#returns ??= new Map();
    const same = this.#returns.get(node.result);
    if (same === undefined) this.#returns.set(node.result, [node]);
    else same.push(node);
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

  /** The nodes of this tree that were reached from here so far, by whatever answer. */
  *successors(): Iterable<Node> {
    if (this.#next0 !== null) yield this.#next0;
    yield* this.#more?.values() ?? [];
    for (const nodes of this.#returns?.values() ?? []) yield* nodes;
  }

  /** The answers from the function's start to here. */
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
  /**
   * Only a failed trylock has looked at it: what is known is that the lock was taken, whatever else
   * the word holds.
   */
  readonly lockOnly: boolean;
  /** The round did not leave the cell as it found it, or saw it change: it is no repetition. */
  readonly changed: boolean;
}
