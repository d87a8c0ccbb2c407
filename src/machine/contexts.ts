/**
 * What a task holds at a node: locks, read-side sections, and what numbers its next objects.
 *
 * Invariant: there is one object per content, so contexts are compared by identity; a context is a
 * function of the task's own operations and their answers.
 */

import { pair, text } from './lanes.js';
import type { Context, Held, Node } from './node.js';
import { KIND, type AnyOp, type Section } from './op.js';

const NO_DEPTH: readonly number[] = [];

export class Contexts {
  readonly #sections: readonly Section[];
  readonly #known = new Map<string, Context>();

  constructor(sections: readonly Section[]) {
    this.#sections = sections;
  }

  /** Of a task that has done nothing yet. */
  get first(): Context {
    return this.#of(NO_DEPTH, null, 0, 0);
  }

  /** The one context with this content. */
  #of(depth: readonly number[], held: Held | null, allocs: number, spawns: number): Context {
    let locks = 0;
    let key = `${depth.join()}|${allocs}|${spawns}`;
    for (let lock = held; lock !== null; lock = lock.next) {
      locks += 1;
      key += `|${lock.cell.id}`;
    }
    let context = this.#known.get(key);
    if (context === undefined) {
      let name = text(`${depth.join()}|${allocs}|${spawns}`);
      for (let lock = held; lock !== null; lock = lock.next) name = pair(name, lock.cell);
      context = { ...name, depth, held, locks, allocs, spawns };
      this.#known.set(key, context);
    }
    return context;
  }

  /** The context after an operation was answered. */
  after({ context }: Node, op: AnyOp, result: unknown): Context {
    const { depth, held, allocs, spawns } = context;
    switch (op.kind) {
      case KIND.lock:
      case KIND.trylock:
        if (op.kind === KIND.trylock && result !== true) return context;
        return this.#of(depth, { cell: op.cell, next: held }, allocs, spawns);
      case KIND.unlock:
        if (!holds(context, op.cell)) return context;
        return this.#of(depth, without(held, op.cell), allocs, spawns);
      case KIND.sectionEnter:
      case KIND.sectionExit: {
        const section = op.a as Section;
        const next = this.#sections.map((_, i) => depth[i] ?? 0);
        const change = op.kind === KIND.sectionEnter ? 1 : -1;
        next[section.index] = Math.max(0, next[section.index] + change);
        const none = next.every((nesting) => nesting === 0);
        return this.#of(none ? NO_DEPTH : next, held, allocs, spawns);
      }
      case KIND.alloc:
        return this.#of(depth, held, allocs + 1, spawns);
      case KIND.spawn:
        return this.#of(depth, held, allocs, spawns + 1);
      default:
        return context;
    }
  }
}

/** How deep in a section a task is, the spinlocks that imply it counted. */
export function depthIn(context: Context, section: Section): number {
  const explicit = context.depth[section.index] ?? 0;
  return section.impliedBySpinlock ? explicit + context.locks : explicit;
}

/** Is this the step at which the outermost section begins? */
export function enters({ context }: Node, section: Section): boolean {
  return depthIn(context, section) === 0;
}

/** Is a task that stands at this node inside the section? */
export function isInside({ context }: Node, section: Section): boolean {
  return depthIn(context, section) > 0;
}

/** Does leaving one level of nesting here leave the section altogether? */
export function leaves({ context }: Node, section: Section): boolean {
  return depthIn(context, section) === 1;
}

/** Does a task in this context hold the lock? */
export function holds(context: Context, cell: Held['cell']): boolean {
  for (let held = context.held; held !== null; held = held.next) {
    if (held.cell === cell) return true;
  }
  return false;
}

function without(held: Held | null, cell: Held['cell']): Held | null {
  if (held === null) return null;
  return held.cell === cell ? held.next : { cell: held.cell, next: without(held.next, cell) };
}
