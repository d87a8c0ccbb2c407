/**
 * Running kernel code: how a task's tree grows by one node.
 *
 * This is the only place where generators run. Invariant: code is deterministic, which is checked
 * whenever a generator is brought back to an old node; checks that depend on one task's history
 * alone (sleeping where it must not, lock balance, lock order) are made here, once per node.
 */

import { namePair, pair, text } from './lanes.js';
import type { LockOrder } from './lock-order.js';
import { Node, type Body, type Context, type Held, type Root } from './node.js';
import {
  KIND,
  withStacks,
  type AnyOp,
  type Branch,
  type Note,
  type Reply,
  type Section,
} from './op.js';
import { isEndOfRound, roundOf, storesOf } from './relax.js';
import type { TaskRec } from './task.js';
import { NULL_NAME, type List, type ValueTable } from './value.js';

/** Thrown when the library is used wrongly; the message says what to do instead. */
export class MisuseError extends Error {
  override readonly name: string = 'MisuseError';
}

const NO_DEPTH: readonly number[] = [];
const CALLED = text('called');

export class Grower {
  readonly #values: ValueTable;
  readonly #sections: readonly Section[];
  readonly #lockOrder: LockOrder;
  readonly #reply: Reply = { done: true, value: undefined };
  /** Generator resumptions so far, for the engine's statistics. */
  resumes = 0;
  /** Nodes so far. */
  nodes = 0;
  /** Branches that any node was reached through. */
  readonly branches = new Set<Branch>();
  /** Some task has come to the end of a round of retry(). */
  goesRound = false;
  readonly #contexts = new Map<string, Context>();

  constructor(values: ValueTable, sections: readonly Section[], lockOrder: LockOrder) {
    this.#values = values;
    this.#sections = sections;
    this.#lockOrder = lockOrder;
  }

  /** The first node of a task that runs `body(...args)`. */
  root(task: TaskRec, body: Body, args: List): Node {
    return task.rootFor(body, args, () =>
      this.#begin(task, body, args.items, null, this.#context(NO_DEPTH, null, 0, 0)),
    );
  }

  /** The node after `result` is answered at `node`, running the task's code if nobody has yet. */
  grow(task: TaskRec, node: Node, result: unknown): Node {
    if (node.root.generatorNode !== node) this.#rebuild(task, node);
    const op = node.op!;
    const context = this.#contextAfter(node, op, result);
    const tracked = node.tracked || op.kind === KIND.relax;
    const child = new Node(node.root, this.#values.newVid(), node, result, context, tracked);
    if (isEndOfRound(op)) this.#nameNextRound(node, child);
    else namePair(child, node, this.#values.nameOf(result));
    this.nodes += 1;
    this.#balance(node, op, child);
    this.#run(task, child, result);
    node.addChild(result, child);
    return child;
  }

  /**
   * A round of retry() leaves nothing behind in its caller but what it holds and has used up. So
   * the next round begins where the first one did, and a task that goes round is seen to.
   */
  #nameNextRound(end: Node, next: Node): void {
    this.goesRound = true;
    const first = end.parent!;
    if (first.context === next.context) {
      next.l0 = first.l0;
      next.l1 = first.l1;
      next.l2 = first.l2;
    } else {
      namePair(next, first, next.context);
    }
  }

  /** Start code: a task's, or a function's. */
  #begin(
    task: TaskRec,
    body: Body,
    args: readonly unknown[],
    caller: Node | null,
    context: Context,
  ): Node {
    const generator = body(...args);
    const root: Root = { body, args, caller, cpu: task.cpu, generator, generatorNode: null };
    const node = new Node(
      root,
      this.#values.newVid(),
      null,
      undefined,
      context,
      caller?.tracked ?? false,
    );
    if (caller !== null) namePair(node, caller, CALLED);
    else namePair(node, pair(task, this.#values.nameOf(body)), this.#values.list(args));
    this.nodes += 1;
    this.#run(task, node, undefined);
    return node;
  }

  #call(task: TaskRec, node: Node, op: AnyOp): Node {
    const args = op.b as readonly unknown[];
    for (const arg of args) {
      if (Array.isArray(arg) && !Object.isFrozen(arg)) {
        throw new MisuseError(
          `task ${task.name} calls ${(op.a as Body).name} with an array that can change: ` +
            'freeze it, or keep the list in a cell',
        );
      }
    }
    return this.#begin(task, op.a as Body, args, node, node.context);
  }

  #return(task: TaskRec, end: Node): Node {
    const caller = end.root.caller!;
    const known = caller.continuation(end);
    if (known !== null) return known;
    if (caller.root.generatorNode !== caller) this.#rebuild(task, caller);
    const { returned, context } = end;
    const node = new Node(
      caller.root,
      this.#values.newVid(),
      caller,
      returned,
      context,
      caller.tracked,
      end,
    );
    const name = pair(caller, this.#values.nameOf(returned));
    namePair(node, name, caller.tracked ? end : context);
    this.nodes += 1;
    caller.addContinuation(node);
    this.#run(task, node, returned);
    return node;
  }

  /** Advance the generator into `node`, collecting notes on the way to its next operation. */
  #run(task: TaskRec, node: Node, result: unknown): void {
    const { root } = node;
    const generator = root.generator!;
    root.generatorNode = node;
    let value = result;
    let first = node.parent === null;
    for (;;) {
      this.resumes += 1;
      this.#reply.value = value;
      let step: IteratorResult<AnyOp, unknown>;
      try {
        step = first ? generator.next(undefined as never) : generator.next(this.#reply);
      } catch (error) {
        if (!isNullDereference(error)) throw error;
        // What the CPU would have trapped on: the task dies, the machine goes on.
        node.finding({
          kind: 'oops',
          title: 'BUG: unable to handle kernel NULL pointer dereference in %f',
          detail: error.message,
        });
        return;
      }
      first = false;
      if (step.done === true) {
        node.returned = step.value;
        root.generator = null;
        root.generatorNode = null;
        if (root.caller !== null) node.forward = this.#return(task, node);
        else this.#atEnd(node);
        return;
      }
      const op = step.value;
      if (op.kind === KIND.note) {
        this.#note(node, op.a as Note);
        value = answerOf(root, op);
        continue;
      }
      node.op = op;
      if (op.kind === KIND.lock) this.#beforeLock(node, op);
      else if (op.kind === KIND.relax) {
        node.round = roundOf(node);
        if (isEndOfRound(op)) node.wrote = storesOf(node);
      } else if (op.kind === KIND.call) node.forward = this.#call(task, node, op);
      return;
    }
  }

  /** Bring a generator to `node` by answering as before. */
  #rebuild(task: TaskRec, node: Node): void {
    const { root } = node;
    const { body, args } = root;
    const generator = body(...args);
    root.generator = generator;
    root.generatorNode = null;
    let step = this.#skipNotes(root, generator, generator.next(undefined as never));
    for (const [i, result] of node.history().entries()) {
      if (step.done === true) throw notDeterministic(task, i);
      this.#reply.value = result;
      this.resumes += 1;
      step = this.#skipNotes(root, generator, generator.next(this.#reply));
    }
    const op = node.op;
    if (
      step.done === true ||
      op === null ||
      step.value.kind !== op.kind ||
      step.value.cell !== op.cell
    ) {
      throw notDeterministic(task, node.depth);
    }
    root.generatorNode = node;
  }

  /**
   * The operation at `node`, made anew by running the function to there: what its closures captured
   * is as it was there, whatever the task has done since in other interleavings.
   */
  opAt(node: Node): AnyOp | null {
    const { root } = node;
    const { body, args } = root;
    const generator = body(...args);
    let step = this.#skipNotes(root, generator, generator.next(undefined as never));
    for (const result of node.history()) {
      if (step.done === true) return null;
      this.#reply.value = result;
      step = this.#skipNotes(root, generator, generator.next(this.#reply));
    }
    return step.done === true ? null : step.value;
  }

  #skipNotes(
    root: Root,
    generator: Generator<AnyOp, unknown, Reply>,
    from: IteratorResult<AnyOp, unknown>,
  ): IteratorResult<AnyOp, unknown> {
    let step = from;
    while (step.done !== true && step.value.kind === KIND.note) {
      this.#reply.value = answerOf(root, step.value);
      step = generator.next(this.#reply);
    }
    return step;
  }

  /** The stack of the kernel code at `node`'s operation, innermost first; costs replays. */
  stackAt(node: Node): string {
    const { caller } = node.root;
    const own = this.#frameAt(node);
    return caller === null ? own : `${own}\n${this.stackAt(caller)}`;
  }

  /** The part of the stack that is the function's own. */
  #frameAt(node: Node): string {
    // Not called as a method, or the stack would name it differently.
    const { root } = node;
    const { body, args } = root;
    const generator = body(...args);
    const reply: Reply = { done: true, value: undefined };
    const history = node.history();
    let stack = '';
    withStacks(() => {
      try {
        let step = this.#skipNotes(root, generator, generator.next(undefined as never));
        for (const result of history) {
          if (step.done === true) return;
          stack = step.value.frames?.stack ?? '';
          reply.value = result;
          let next = generator.next(reply);
          while (next.done !== true && next.value.kind === KIND.note) {
            stack = next.value.frames?.stack ?? '';
            reply.value = answerOf(root, next.value);
            next = generator.next(reply);
          }
          step = next;
        }
        if (step.done !== true) stack = step.value.frames?.stack ?? '';
      } catch (error) {
        if (!isNullDereference(error)) throw error;
        stack = error.stack ?? '';
      }
    });
    return stack;
  }

  #depth(context: Context, section: Section): number {
    const explicit = context.depth[section.index] ?? 0;
    return section.impliedBySpinlock ? explicit + context.locks : explicit;
  }

  /** Is this the step at which the outermost section begins? */
  enters(node: Node, section: Section): boolean {
    return this.#depth(node.context, section) === 0;
  }

  /** Is a task that stands at `node` inside the section? */
  isInside(node: Node, section: Section): boolean {
    return this.#depth(node.context, section) > 0;
  }

  /** Does leaving one level of nesting at `node` leave the section altogether? */
  leaves(node: Node, section: Section): boolean {
    return this.#depth(node.context, section) === 1;
  }

  /** The one context with this content. */
  #context(depth: readonly number[], held: Held | null, allocs: number, spawns: number): Context {
    let locks = 0;
    let key = `${depth.join()}|${allocs}|${spawns}`;
    for (let lock = held; lock !== null; lock = lock.next) {
      locks += 1;
      key += `|${lock.cell.id}`;
    }
    let context = this.#contexts.get(key);
    if (context === undefined) {
      let name = text(`${depth.join()}|${allocs}|${spawns}`);
      for (let lock = held; lock !== null; lock = lock.next) name = pair(name, lock.cell);
      context = { ...name, depth, held, locks, allocs, spawns };
      this.#contexts.set(key, context);
    }
    return context;
  }

  #contextAfter({ context }: Node, op: AnyOp, result: unknown): Context {
    const { depth, held, allocs, spawns } = context;
    switch (op.kind) {
      case KIND.lock:
      case KIND.trylock:
        if (op.kind === KIND.trylock && result !== true) return context;
        return this.#context(depth, { cell: op.cell, next: held }, allocs, spawns);
      case KIND.unlock:
        if (!holds(context, op.cell)) return context;
        return this.#context(depth, without(held, op.cell), allocs, spawns);
      case KIND.sectionEnter:
      case KIND.sectionExit: {
        const section = op.a as Section;
        const next = this.#sections.map((_, i) => depth[i] ?? 0);
        const change = op.kind === KIND.sectionEnter ? 1 : -1;
        next[section.index] = Math.max(0, next[section.index] + change);
        const none = next.every((nesting) => nesting === 0);
        return this.#context(none ? NO_DEPTH : next, held, allocs, spawns);
      }
      case KIND.alloc:
        return this.#context(depth, held, allocs + 1, spawns);
      case KIND.spawn:
        return this.#context(depth, held, allocs, spawns + 1);
      default:
        return context;
    }
  }

  /** Lock and section balance of the operation that `before` was about to do. */
  #balance(before: Node, op: AnyOp, after: Node): void {
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

  #beforeLock(node: Node, op: AnyOp): void {
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

  #note(node: Node, note: Note): void {
    switch (note.type) {
      case 'printk':
        (node.log ??= []).push({ level: note.level, text: note.text });
        break;
      case 'branch':
        (node.branches ??= []).push(note.branch);
        this.branches.add(note.branch);
        break;
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
          this.#depth(node.context, note.section) === 0 &&
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
      case 'inspect':
        (node.inspections ??= []).push(note);
        break;
      case 'round':
        node.tracked = true;
        node.roundStart = true;
        break;
      case 'not-in-section':
        if (this.#depth(node.context, note.section) > 0) {
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

  #atEnd(node: Node): void {
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
    // Nothing of a task that has ended well can still matter: it is like one that never was.
    if (node.findings === null) Object.assign(node, NULL_NAME);
  }
}

/** What a note answers. It is the same whenever the task runs this code, so no history keeps it. */
function answerOf({ cpu }: Root, op: AnyOp): unknown {
  return (op.a as Note).type === 'this-cpu' ? cpu : undefined;
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

function isNullDereference(error: unknown): error is TypeError {
  return error instanceof TypeError && /of (null|undefined)/.test(error.message);
}

function notDeterministic(task: TaskRec, at: number): MisuseError {
  return new MisuseError(
    `task ${task.name} took another path at operation ${at} when its answers were repeated. ` +
      'Kernel code must depend on the answers of its operations only: keep shared state in ' +
      'cells, pass objects through spawn() arguments, and use choose() instead of random numbers.',
  );
}
