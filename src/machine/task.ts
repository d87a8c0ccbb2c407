/**
 * A task: one simulated thread of execution on a CPU of its own, with its tree of answers.
 *
 * Tasks keep their number and their tree over all interleavings of one exploration: the k-th task
 * that a task spawns is always the same TaskRec. Invariant: its number and its key never change.
 */

import { type Cell, Struct, type Slab } from './memory.js';
import type { TaskHandle } from './op.js';
import type { List } from './value.js';
import type { Body, Node } from './node.js';

interface Instance {
  readonly slab: Slab;
  readonly args: readonly unknown[];
  readonly object: Struct;
}

export class TaskRec extends Struct implements TaskHandle {
  readonly name: string;
  readonly index: number;
  /** Name that is the same on every machine: `1`, or `1.0` for what task 1 spawned first. */
  readonly key: string;
  readonly actor: boolean;
  readonly parent: TaskRec | null;
  /** The CPU it runs on: what a task starts runs where the task does; set-up code runs on CPU 0. */
  readonly cpu: number;
  /** The group of tasks that are the same but for their name, and where they begin. */
  symmetric: string | null = null;
  start: Node | null = null;
  /** Where the task stands; null before it was spawned. */
  readonly node: Cell<Node | null>;
  readonly ended: Cell<boolean>;
  /** Per section: how often the outermost section began, and ended; see sections.ts. */
  readonly entered: Cell<number>[] = [];
  readonly left: Cell<number>[] = [];
  readonly #spawned = new Map<number, TaskRec>();
  readonly #instances = new Map<number, Instance[]>();
  readonly #roots = new Map<Body, Map<List, Node>>();

  constructor(
    index: number,
    key: string,
    name: string,
    actor: boolean,
    parent: TaskRec | null,
    sections: readonly string[],
  ) {
    super('task');
    this.index = index;
    this.key = key;
    this.name = name;
    this.label = name;
    this.actor = actor;
    this.parent = parent;
    this.cpu = parent === null ? (/^\d+$/.test(key) ? Number(key) : 0) : parent.cpu;
    this.node = this.cell<Node | null>('state', null);
    this.ended = this.cell('ended', false);
    this.ended.hashed = false;
    for (const section of sections) {
      this.entered.push(this.cell(`${section}.entered`, 0));
      this.left.push(this.cell(`${section}.left`, 0));
    }
  }

  spawnedAt(ordinal: number, create: () => TaskRec): TaskRec {
    let task = this.#spawned.get(ordinal);
    if (task === undefined) {
      task = create();
      this.#spawned.set(ordinal, task);
    }
    return task;
  }

  /** The tree for this code and these arguments. */
  rootFor(body: Body, args: List, create: () => Node): Node {
    let byArgs = this.#roots.get(body);
    if (byArgs === undefined) {
      byArgs = new Map();
      this.#roots.set(body, byArgs);
    }
    let root = byArgs.get(args);
    if (root === undefined) {
      root = create();
      byArgs.set(args, root);
    }
    return root;
  }

  /**
   * The object of this task's `ordinal`-th allocation: the same one in every interleaving, so
   * that equal states have equal object names.
   */
  instanceAt(ordinal: number, slab: Slab, args: readonly unknown[], create: () => Struct): Struct {
    let instances = this.#instances.get(ordinal);
    if (instances === undefined) {
      instances = [];
      this.#instances.set(ordinal, instances);
    }
    for (const instance of instances) {
      if (
        instance.slab === slab &&
        instance.args.length === args.length &&
        instance.args.every((arg, i) => arg === args[i])
      ) {
        return instance.object;
      }
    }
    const object = create();
    instances.push({ slab, args, object });
    return object;
  }
}
