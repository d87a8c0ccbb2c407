/**
 * Operations: the only verbs kernel code has for shared memory.
 *
 * An operation is data. `yield*` on it hands it to the machine and evaluates to the machine's
 * answer, so every scheduling point is visible in the source and typed by what it returns.
 * Between two operations nothing else runs.
 */

import type { Cell, Struct } from './memory.js';
import type { Rule } from './rule.js';
import type { List } from './value.js';

/** The machine's answer; it doubles as the iterator result that ends the operation. */
export interface Reply {
  readonly done: true;
  value: unknown;
}

/** Kernel code that runs on a simulated CPU and returns a T. */
export type Task<T> = Generator<AnyOp, T, Reply>;

/** Memory order of an access, as the kernel names it. */
export type Order =
  'plain' | 'once' | 'acquire' | 'release' | 'dereference' | 'assign' | 'full' | 'relaxed';

/** Options of a spawned task. */
export interface SpawnOptions {
  /** Shown in reports as the task's name. */
  readonly name: string;
  /** Reports draw it as an actor of RCU and not as a CPU. */
  readonly actor?: boolean;
  /** The object that this actor waits for a grace period for: only one actor at a time may. */
  readonly head?: Struct;
  /** For a scenario's own tasks: those of one such group have the same code and arguments. */
  readonly symmetric?: string;
}

/** A spawned task, to be joined. */
export interface TaskHandle {
  readonly name: string;
  readonly index: number;
}

/**
 * Who is inside right now: pairs of task number and count, for one {@link section_await}. Awaiting
 * a token twice is not supported.
 */
export type SectionToken = List<List<TaskHandle | number>>;

/** What an operation does. Numbers, because the engine switches on them in its inner loop. */
export const KIND = {
  read: 0,
  write: 1,
  xchg: 2,
  cmpxchg: 3,
  add: 4,
  or: 5,
  and: 6,
  lock: 7,
  unlock: 8,
  trylock: 9,
  listAdd: 10,
  listDel: 11,
  atomic: 12,
  await: 13,
  relax: 14,
  sectionEnter: 15,
  sectionExit: 16,
  sectionSnapshot: 17,
  sectionAwait: 18,
  spawn: 19,
  join: 20,
  alloc: 21,
  free: 22,
  choose: 23,
  fence: 24,
  refInc: 26,
  refDec: 27,
  sectionActors: 28,
  /** Not a memory access: consumed while the generator runs, never a scheduling point. */
  note: 25,
  /** Not an access either: kernel code that begins a function of its own. */
  call: 29,
} as const;

/** The number of a kind of operation, see {@link KIND}. */
export type Kind = (typeof KIND)[keyof typeof KIND];

/** Something kernel code tells the machine that is not an access to memory. */
export type Note =
  | { readonly type: 'printk'; readonly level: string; readonly text: string }
  | { readonly type: 'branch'; readonly branch: Branch }
  | { readonly type: 'might-sleep'; readonly where: string }
  | { readonly type: 'might-lock'; readonly cell: Cell }
  | { readonly type: 'assert-held'; readonly cell: Cell }
  | {
      readonly type: 'in-section';
      readonly section: Section;
      readonly what: string;
      /** Or holds this lock. */
      readonly orHeld?: Cell;
    }
  | {
      readonly type: 'not-in-section';
      readonly section: Section;
      readonly what: string;
      readonly title?: string;
    }
  | { readonly type: 'this-cpu' }
  | { readonly type: 'warn'; readonly title: string }
  | { readonly type: 'inspect'; readonly object: Struct; readonly rule: Rule }
  | { readonly type: 'round' };

/** A branch of kernel code whose coverage is reported. */
export interface Branch {
  /** The kernel function: `stash_dentry`. */
  readonly fn: string;
  /** What happens there, in words: `takes over a dead dentry`. */
  readonly what: string;
}

/** Declare a branch, to be passed to {@link cover} where it is taken. */
export function branch(fn: string, what: string): Branch {
  return Object.freeze({ fn, what });
}

/**
 * A kind of read-side critical section, such as RCU's. The machine counts, per task, how often
 * the outermost section began and ended; a grace period is built from those counts.
 */
export interface Section {
  readonly name: string;
  /** Dense number inside the machine. */
  readonly index: number;
  /** A held spinlock is such a section too (preemption is off). */
  readonly impliedBySpinlock: boolean;
  /** Sleeping inside is a bug. */
  readonly atomic: boolean;
  /** It says how the task's CPU is; nobody waits for its end, so a task may end inside. */
  readonly mayStayOpen?: boolean;
}

/** Cells an atomic step reads and writes, and what it does to them. */
export interface AtomicStep<T> {
  readonly label: string;
  readonly reads: readonly Cell[];
  readonly writes: readonly Cell[];
  /** Cells changed in a way that commutes with the same step of other tasks, as adding to a set. */
  readonly bumps?: readonly Cell[];
  /** Must touch no other cell. `set` writes, `cell.value` reads. */
  readonly run: (set: <V>(cell: Cell<V>, value: V) => void) => T;
}

/** A condition on one cell's value; pure. */
export type Condition = (value: never) => boolean;

let captureStacks = false;

/**
 * Run `body` with stacks recorded on every operation that it creates or resumes. Replay turns
 * this on to know function and source line of each step; exploring leaves it off.
 */
export function withStacks<T>(body: () => T): T {
  const before = captureStacks;
  captureStacks = true;
  try {
    return body();
  } finally {
    captureStacks = before;
  }
}

interface Frames {
  stack?: string;
}

/** An operation, ready for `yield*`. T is the type of the machine's answer. */
export class Op<T> implements Iterable<AnyOp, T, Reply> {
  readonly kind: Kind;
  readonly cell: Cell;
  readonly a: unknown;
  readonly b: unknown;
  readonly order: Order;
  /** Stack of the kernel code at this operation, when recorded. */
  frames: Frames | null = null;
  readonly #pending: { readonly done: false; readonly value: AnyOp };

  constructor(kind: Kind, cell: Cell | null, a: unknown, b: unknown, order: Order) {
    this.kind = kind;
    // Operations without a cell never look at it; a non-null type keeps the inner loop monomorphic.
    this.cell = cell as Cell;
    this.a = a;
    this.b = b;
    this.order = order;
    this.#pending = { done: false, value: this };
  }

  [Symbol.iterator](): this {
    return this;
  }

  /**
   * First called by `yield*` without an argument: hands over the operation. Called again with the
   * machine's reply, which already is the result that ends the delegation; so nothing is stored
   * here and nothing is allocated.
   */
  next(reply?: Reply): IteratorResult<AnyOp, T> {
    if (reply !== undefined) return reply as { done: true; value: T };
    if (captureStacks) {
      const frames: Frames = {};
      Error.captureStackTrace(frames);
      this.frames = frames;
    }
    return this.#pending;
  }
}

/** An operation, whatever the machine answers to it. */
export type AnyOp = Op<unknown>;

/** Marks the load of a compare-exchange loop. */
export const FOR_UPDATE = Symbol('for update');

/** Is this the load of a compare-exchange loop? */
export function isLoadForUpdate(op: AnyOp): boolean {
  return op.a === FOR_UPDATE;
}

/** An operation; those that kernel code uses are made in the op-*.ts files. */
export function op<T>(
  kind: Kind,
  cell: Cell<never> | null,
  a: unknown,
  b: unknown,
  order: Order,
): Op<T> {
  return new Op<T>(kind, cell, a, b, order);
}

/** An operation that is no step: the machine takes notice when the task comes by. */
export function note(value: Note): Op<void> {
  return op(KIND.note, null, value, null, 'relaxed');
}
