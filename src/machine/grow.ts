/**
 * Running kernel code: how a task's tree grows by one node.
 *
 * This is the only place where generators run. Invariant: code is deterministic, which is checked
 * whenever a generator is brought back to an old node; what depends on one task's history alone is
 * found out here, once per node (contexts.ts, history-checks.ts).
 */

import { Contexts } from './contexts.js';
import { HistoryChecks } from './history-checks.js';
import { namePair, pair, text } from './lanes.js';
import type { LockOrder } from './lock-order.js';
import { Node, type Body, type Context, type Root } from './node.js';
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

const CALLED = text('called');

export class Grower {
  readonly #values: ValueTable;
  readonly #reply: Reply = { done: true, value: undefined };
  /** Generator resumptions so far, for the engine's statistics. */
  resumes = 0;
  /** Nodes so far. */
  nodes = 0;
  /** Branches that any node was reached through. */
  readonly branches = new Set<Branch>();
  /** Some task has come to the end of a round of retry(). */
  goesRound = false;
  readonly #contexts: Contexts;
  readonly #checks: HistoryChecks;

  constructor(values: ValueTable, sections: readonly Section[], lockOrder: LockOrder) {
    this.#values = values;
    this.#contexts = new Contexts(sections);
    this.#checks = new HistoryChecks(sections, lockOrder);
  }

  /** The first node of a task that runs `body(...args)`. */
  root(task: TaskRec, body: Body, args: List): Node {
    return task.rootFor(body, args, () =>
      this.#begin(task, body, args.items, null, this.#contexts.first),
    );
  }

  /** The node after `result` is answered at `node`, running the task's code if nobody has yet. */
  grow(task: TaskRec, node: Node, result: unknown): Node {
    if (node.root.generatorNode !== node) this.#rebuild(task, node);
    const op = node.op!;
    const context = this.#contexts.after(node, op, result);
    const tracked = node.tracked || op.kind === KIND.relax;
    const child = new Node(node.root, this.#values.newVid(), node, result, context, tracked);
    if (isEndOfRound(op)) this.#nameNextRound(node, child);
    else namePair(child, node, this.#values.nameOf(result));
    this.nodes += 1;
    this.#checks.balance(node, op, child);
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
      if (isOfNoObject(op)) {
        node.finding({
          kind: 'oops',
          title: 'BUG: unable to handle page fault in %f',
          detail: 'a field of what is no such object: an error pointer, or something else',
        });
        return;
      }
      if (op.kind === KIND.note) {
        this.#note(node, op.a as Note);
        value = answerOf(root, op);
        continue;
      }
      node.op = op;
      if (op.kind === KIND.lock) this.#checks.beforeLock(node, op);
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
    while (step.done !== true && isPassed(step.value)) {
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
          while (next.done !== true && isPassed(next.value)) {
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

  #note(node: Node, note: Note): void {
    switch (note.type) {
      case 'printk':
        (node.log ??= []).push({ level: note.level, text: note.text });
        break;
      case 'branch':
        (node.branches ??= []).push(note.branch);
        this.branches.add(note.branch);
        break;
      case 'inspect':
        (node.inspections ??= []).push(note);
        break;
      case 'round':
        node.tracked = true;
        node.roundStart = true;
        break;
      default:
        this.#checks.note(node, note);
    }
  }

  #atEnd(node: Node): void {
    this.#checks.atEnd(node);
    // Nothing of a task that has ended well can still matter: it is like one that never was.
    if (node.findings === null) Object.assign(node, NULL_NAME);
  }
}

/** What a note answers. It is the same whenever the task runs this code, so no history keeps it. */
function answerOf({ cpu }: Root, op: AnyOp): unknown {
  return (op.a as Note).type === 'this-cpu' ? cpu : undefined;
}

/**
 * Does it work on a field that does not exist? Code that goes on with an error pointer gets here: in
 * C it would have an address, and trap when it is used.
 */
function isOfNoObject(op: AnyOp): boolean {
  if (op.kind !== KIND.note) return op.cell === undefined;
  const note = op.a as Note;
  return (note.type === 'might-lock' || note.type === 'assert-held') && note.cell === undefined;
}

/** A note that the task goes on after. */
function isPassed(op: AnyOp): boolean {
  return op.kind === KIND.note && !isOfNoObject(op);
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
