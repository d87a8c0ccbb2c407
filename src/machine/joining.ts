/**
 * Which operations are one step, and when a task can go on.
 *
 * Invariant: joining loses no behaviour. What a step joins to its one visible operation nobody can
 * notice, or it may as well have happened later (entering a section, a wait that is over), or
 * earlier (leaving one, starting a task). Tested against a machine that joins nothing.
 */

import type { Grower } from './grow.js';
import type { Heap } from './heap.js';
import type { Slab, Struct } from './memory.js';
import type { Node } from './node.js';
import { isLoadForUpdate, KIND, type AnyOp, type Section, type SectionToken } from './op.js';
import type { Pending } from './pending.js';
import { roundMayDiffer } from './relax.js';
import type { Sections } from './sections.js';
import type { TaskRec } from './task.js';

export class Joining {
  readonly #sections: Sections;
  readonly #grower: Grower;
  readonly #heap: Heap;
  readonly #pending: Pending;
  readonly #joinUpdates: boolean;

  constructor(
    sections: Sections,
    grower: Grower,
    heap: Heap,
    pending: Pending,
    joinUpdates: boolean,
  ) {
    this.#sections = sections;
    this.#grower = grower;
    this.#heap = heap;
    this.#pending = pending;
    this.#joinUpdates = joinUpdates;
  }

  /** Can a task do this operation now? */
  isReady(task: TaskRec, node: Node, op: AnyOp): boolean {
    switch (op.kind) {
      case KIND.lock:
        return ((op.cell.value as number) & 1) === 0;
      case KIND.await:
        return (op.a as (value: unknown) => boolean)(op.cell.value);
      case KIND.relax:
        return roundMayDiffer(node, task);
      case KIND.sectionAwait:
        return this.#sections.isOver(op.a as Section, op.b as SectionToken);
      case KIND.join:
        return (op.a as TaskRec).ended.value;
      default:
        return true;
    }
  }

  /** Can nobody else notice this operation? */
  isLocal(task: TaskRec, op: AnyOp): boolean {
    switch (op.kind) {
      case KIND.fence:
        return true;
      case KIND.alloc:
        return (op.a as Slab).reuse === 'never' && !this.#heap.mayFail(task, op.a as Slab);
      case KIND.read:
      case KIND.write:
      case KIND.xchg:
      case KIND.cmpxchg:
      case KIND.add:
      case KIND.or:
      case KIND.and:
      case KIND.lock:
      case KIND.unlock:
      case KIND.trylock:
      case KIND.listAdd:
      case KIND.listDel:
      case KIND.refInc:
      case KIND.refDec:
      case KIND.free:
        return op.cell.struct.owner.value === task;
      default:
        return false;
    }
  }

  /**
   * Can this operation move later, past other tasks' steps? Entering a section can, and so can a
   * wait that is over, a lock that nobody else can see but that begins a section, and the load of a
   * compare-exchange loop up to the exchange that succeeds.
   */
  isPrefix(task: TaskRec, node: Node, op: AnyOp): boolean {
    switch (op.kind) {
      case KIND.sectionEnter:
      case KIND.sectionAwait:
      case KIND.join:
        return true;
      case KIND.lock:
      case KIND.trylock:
        return op.cell.struct.owner.value === task && node.context.locks === 0;
      case KIND.read:
        return op.a !== null && this.exchangeAfter(task, node, op.cell.value) !== null;
      default:
        return false;
    }
  }

  /**
   * Is all that is left of an actor to free memory that nobody may use any more? Whoever does is
   * caught for it, so nothing is lost if such an actor goes first: see `freesFirst` of the search
   * over states. Not so if its callback could be queued again (the head must go with it), if the
   * memory is handed out again, or if an invariant looks at the object's life.
   */
  onlyFrees(task: TaskRec, node: Node): boolean {
    if (!task.actor || node.op === null) return false;
    return (node.onlyFrees ??= this.#endsInFrees(task, node));
  }

  #endsInFrees(task: TaskRec, from: Node): boolean {
    const next = (node: Node): Node =>
      (node.child(undefined) ?? this.#grower.grow(task, node, undefined)).rest;
    let node = from.op!.kind === KIND.sectionAwait ? next(from) : from;
    const freed: unknown[] = [];
    while (node.op !== null) {
      const { op } = node;
      if (op.kind !== KIND.free) return false;
      const { slab, life } = op.a as Struct;
      if (slab === null || (slab as Slab).reuse !== 'never' || life.watched) return false;
      freed.push(op.a);
      node = next(node);
    }
    return freed.length > 0 && this.#pending.headsAmong(from.root.args, freed);
  }

  /**
   * The exchange that is one step with the load at `node`, if the load finds `value`: null if the
   * loop ends there, or if this is no such load.
   */
  exchangeAfter(task: TaskRec, node: Node, value: unknown): Node | null {
    const { op } = node;
    if (!this.#joinUpdates || op === null || !isLoadForUpdate(op)) return null;
    if (op.cell.struct.owner.value === task) return null;
    const next = node.child(value) ?? this.#grower.grow(task, node, value);
    return next.op?.kind === KIND.cmpxchg && next.op.cell === op.cell ? next : null;
  }
}

/** Operations that let others do more, and so may be done as early as their task gets there. */
export function onlyMovesEarlier(kind: number): boolean {
  return kind === KIND.spawn || kind === KIND.sectionExit;
}

/** Operations that may have to wait, or have several outcomes: never joined to what came before. */
export function stepsAlone(kind: number): boolean {
  return (
    kind === KIND.lock ||
    kind === KIND.await ||
    kind === KIND.relax ||
    kind === KIND.choose ||
    kind === KIND.alloc
  );
}
