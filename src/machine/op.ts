/**
 * Operations: the only verbs kernel code has for shared memory.
 *
 * An operation is data. `yield*` on it hands it to the machine and evaluates to the machine's
 * answer, so every scheduling point is visible in the source and typed by what it returns.
 * Between two operations nothing else runs.
 */

import type { Cell, Slab, Struct } from './memory.js';
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

const FOR_UPDATE = Symbol('for update');

/** Is this the load of a compare-exchange loop? */
export function isLoadForUpdate(op: AnyOp): boolean {
  return op.a === FOR_UPDATE;
}

function op<T>(kind: Kind, cell: Cell<never> | null, a: unknown, b: unknown, order: Order): Op<T> {
  return new Op<T>(kind, cell, a, b, order);
}

// ---- plain and marked accesses --------------------------------------------------------------

/** A plain load. Two CPUs, one of them writing, make it a data race. */
export function read<T>(cell: Cell<T>): Op<T> {
  return op(KIND.read, cell as Cell<never>, null, null, 'plain');
}

/** A plain store. */
export function write<T>(cell: Cell<T>, value: T): Op<void> {
  return op(KIND.write, cell as Cell<never>, value, null, 'plain');
}

/** Single-copy atomic load, no ordering. Source: include/asm-generic/rwonce.h. */
export function READ_ONCE<T>(cell: Cell<T>): Op<T> {
  return op(KIND.read, cell as Cell<never>, null, null, 'once');
}

/**
 * A load that only a compare-exchange loop on the same cell depends on, which is what lets the two
 * be one step. Only cmpxchg_loop() can promise that, see update.ts.
 */
export function load_for_update<T>(cell: Cell<T>): Op<T> {
  return op(KIND.read, cell as Cell<never>, FOR_UPDATE, null, 'once');
}

/** Single-copy atomic store, no ordering. Source: include/asm-generic/rwonce.h. */
export function WRITE_ONCE<T>(cell: Cell<T>, value: T): Op<void> {
  return op(KIND.write, cell as Cell<never>, value, null, 'once');
}

/** Load, ordered before everything after it. Source: include/asm-generic/barrier.h. */
export function smp_load_acquire<T>(cell: Cell<T>): Op<T> {
  return op(KIND.read, cell as Cell<never>, null, null, 'acquire');
}

/** Store, ordered after everything before it. Source: include/asm-generic/barrier.h. */
export function smp_store_release<T>(cell: Cell<T>, value: T): Op<void> {
  return op(KIND.write, cell as Cell<never>, value, null, 'release');
}

// ---- read-modify-write ----------------------------------------------------------------------

/** Exchange; answers the old value. Fully ordered. Source: Documentation/atomic_t.txt. */
export function xchg<T>(cell: Cell<T>, value: T): Op<T> {
  return op(KIND.xchg, cell as Cell<never>, value, null, 'full');
}

/**
 * Store `value` if the cell holds `expected`; answers the value found. Success is fully ordered
 * (or as `order` says); a failed exchange is only a load. Source: Documentation/atomic_t.txt.
 */
export function cmpxchg<T>(
  cell: Cell<T>,
  expected: T,
  value: T,
  order: 'full' | 'acquire' | 'release' | 'relaxed' = 'full',
): Op<T> {
  return op(KIND.cmpxchg, cell as Cell<never>, expected, value, order);
}

/** `true` if the exchange was made. See {@link cmpxchg}. */
export function* try_cmpxchg<T>(
  cell: Cell<T>,
  expected: T,
  value: T,
  order: 'full' | 'acquire' | 'release' | 'relaxed' = 'full',
): Task<boolean> {
  return (yield* cmpxchg(cell, expected, value, order)) === expected;
}

/** Add; answers the old value. Fully ordered by default. Source: include/linux/atomic. */
export function atomic_fetch_add(
  cell: Cell<number>,
  amount: number,
  order: 'full' | 'relaxed' = 'full',
): Op<number> {
  return op(KIND.add, cell as Cell<never>, amount, null, order);
}

/**
 * Add a reference. Relaxed. On a pinned count, increments and decrements commute.
 * @returns false if the count was zero. Source: include/linux/refcount.h.
 */
export function refcount_inc(cell: Cell<number>): Op<boolean> {
  return op(KIND.refInc, cell as Cell<never>, null, null, 'relaxed');
}

/** Drop a reference. Release. @returns the number left if that is 0 or less, else 1 */
export function refcount_dec(cell: Cell<number>): Op<number> {
  return op(KIND.refDec, cell as Cell<never>, null, null, 'release');
}

/** Set bits; answers the old value. */
export function atomic_fetch_or(cell: Cell<number>, bits: number): Op<number> {
  return op(KIND.or, cell as Cell<never>, bits, null, 'full');
}

/** Keep only these bits; answers the old value. */
export function atomic_fetch_and(cell: Cell<number>, bits: number): Op<number> {
  return op(KIND.and, cell as Cell<never>, bits, null, 'full');
}

/** Add an item at the head of a list that a lock protects: one plain store in this model. */
export function list_add<T>(cell: Cell<List<T> | null>, item: T): Op<void> {
  return op(KIND.listAdd, cell as Cell<never>, item, null, 'plain');
}

/** Remove an item from a list that a lock protects: one plain store in this model. */
export function list_del<T>(cell: Cell<List<T> | null>, item: T): Op<void> {
  return op(KIND.listDel, cell as Cell<never>, item, null, 'plain');
}

/** {@link list_add} on a list that is walked without the lock. Release. Source: include/linux/rculist.h. */
export function list_add_rcu<T>(cell: Cell<List<T> | null>, item: T): Op<void> {
  return op(KIND.listAdd, cell as Cell<never>, item, null, 'release');
}

/** {@link list_del} from a list that is walked without the lock. Source: include/linux/rculist.h. */
export function list_del_rcu<T>(cell: Cell<List<T> | null>, item: T): Op<void> {
  return op(KIND.listDel, cell as Cell<never>, item, null, 'once');
}

/** A step on several cells at once, for bookkeeping that real hardware does not have. */
export function atomic_step<T>(step: AtomicStep<T>): Op<T> {
  return op(KIND.atomic, null, step, null, 'full');
}

/** smp_mb, smp_rmb, smp_wmb: recorded; they order nothing more under sequential consistency. */
export function smp_mb(): Op<void> {
  return op(KIND.fence, null, 'smp_mb', null, 'full');
}
/** See {@link smp_mb}. */
export function smp_rmb(): Op<void> {
  return op(KIND.fence, null, 'smp_rmb', null, 'full');
}
/** See {@link smp_mb}. */
export function smp_wmb(): Op<void> {
  return op(KIND.fence, null, 'smp_wmb', null, 'full');
}

// ---- waiting --------------------------------------------------------------------------------

/**
 * Take the lock in the lowest bit of the cell; waits while it is held. Acquire.
 * @param fairness `fair`: whoever waits gets it if it becomes free again and again, as with queued
 *   spinlocks; `unfair`: others may always be quicker, as with bit spinlocks
 */
export function lock_bit(
  cell: Cell<number>,
  subclass = 0,
  fairness: 'fair' | 'unfair' = 'fair',
): Op<void> {
  return op(KIND.lock, cell as Cell<never>, subclass, fairness, 'acquire');
}

/** Release the lock in the lowest bit of the cell. Release. */
export function unlock_bit(cell: Cell<number>): Op<void> {
  return op(KIND.unlock, cell as Cell<never>, null, null, 'release');
}

/** Take the lock if it is free. Acquire on success; a failed attempt orders nothing. */
export function trylock_bit(cell: Cell<number>): Op<boolean> {
  return op(KIND.trylock, cell as Cell<never>, null, null, 'acquire');
}

/** Sleep or spin until the condition holds for the cell's value; answers that value. */
export function await_until<T>(cell: Cell<T>, condition: (value: T) => boolean): Op<T> {
  return op(KIND.await, cell as Cell<never>, condition, null, 'acquire');
}

/**
 * Sleep until woken: until `isWoken` holds for the cell's value; answers that value.
 * @param condition what the task sleeps for, as kernel code that only looks: if it holds when nobody
 *   can step any more, the wake-up was lost
 */
export function sleep_until<T>(
  cell: Cell<T>,
  isWoken: (value: T) => boolean,
  condition?: () => Task<boolean>,
): Op<T> {
  return op(KIND.await, cell as Cell<never>, isWoken, condition ?? null, 'acquire');
}

/**
 * End of a retry round. The task waits here until something that it read since the last
 * cpu_relax() has changed: a round that would read the same again is never run.
 */
export function cpu_relax(): Op<void> {
  return op(KIND.relax, null, null, null, 'relaxed');
}

/** End of a round of {@link retry}, which alone may say so. */
export function end_of_round(): Op<void> {
  return op(KIND.relax, null, 'round', null, 'relaxed');
}

/** Begin of a round of {@link retry}. */
export function begin_round(): Op<void> {
  return note({ type: 'round' });
}

// ---- read-side sections ---------------------------------------------------------------------

/** Enter a read-side section. Nests. Never waits. */
export function section_enter(section: Section): Op<void> {
  return op(KIND.sectionEnter, null, section, null, 'relaxed');
}

/** Leave a read-side section. */
export function section_exit(section: Section): Op<void> {
  return op(KIND.sectionExit, null, section, null, 'release');
}

/**
 * Who is inside right now: pairs of task number and count, for one {@link section_await}. Awaiting
 * a token twice is not supported.
 */
export type SectionToken = List<List<TaskHandle | number>>;

/**
 * Note, in one step, every task that is inside the section, also the caller: a grace period that it
 * asks for inside a section is not over before it has left.
 */
export function section_snapshot(section: Section): Op<SectionToken> {
  return op(KIND.sectionSnapshot, null, section, null, 'full');
}

/**
 * {@link section_snapshot}, apart for each CPU: the tokens in the order of the CPUs' numbers, each of
 * what runs on that CPU and is inside. They are awaited one by one.
 * @param cpus a bit per CPU that is looked at; the tokens of others are empty
 */
export function section_snapshot_per_cpu(section: Section, cpus: number): Op<List<SectionToken>> {
  return op(KIND.sectionSnapshot, null, section, cpus, 'full');
}

/** Wait until everybody in the token has left. Once true it stays true. */
export function section_await(section: Section, token: SectionToken): Op<void> {
  return op(KIND.sectionAwait, null, section, token, 'full');
}

/** Every actor that was started after a snapshot of the section, so that each can be joined. */
export function section_actors(section: Section): Op<List<TaskHandle>> {
  return op(KIND.sectionActors, null, section, null, 'full');
}

// ---- calls ----------------------------------------------------------------------------------

/**
 * Call kernel code as a function: once it has returned, its caller depends on what it returned and
 * on what it holds, and on nothing else that it did or saw. That is what makes states equal. So
 * nothing may leave a function but through its result and through cells.
 */
export function call<A extends readonly unknown[], T>(
  body: (...args: A) => Task<T>,
  ...args: A
): Op<T> {
  return op(KIND.call, null, body, args, 'relaxed');
}

// ---- tasks, memory, choices -----------------------------------------------------------------

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

/** Start a task. Every object it can reach goes through `args`: the machine shares them. */
export function spawn<A extends readonly unknown[]>(
  options: SpawnOptions,
  body: (...args: A) => Task<unknown>,
  ...args: A
): Op<TaskHandle> {
  return op(KIND.spawn, null, { options, body }, args, 'full');
}

/** A spawned task, to be joined. */
export interface TaskHandle {
  readonly name: string;
  readonly index: number;
}

/** Wait until a task has ended. */
export function join(task: TaskHandle): Op<void> {
  return op(KIND.join, null, task, null, 'acquire');
}

/**
 * An object from a slab, private to the caller until its pointer is stored where others look;
 * null if the machine injects a failure here. Does not itself sleep: say `might_sleep()` first
 * where the kernel passes GFP_KERNEL. Source: mm/slub.c.
 */
export function kmem_cache_alloc<S extends Struct, A extends readonly unknown[]>(
  slab: Slab<S, A>,
  ...args: A
): Op<S | null> {
  return op(KIND.alloc, null, slab, args, 'full');
}

/** Give an object back. Any later access is a use after free. Source: mm/slub.c. */
export function kmem_cache_free(object: Struct): Op<void> {
  return op(KIND.free, object.life as Cell<never>, object, null, 'full');
}

/**
 * The number of the CPU that this code runs on: that of the scenario's task which it is, or which
 * started it. A task stays on its CPU. Never a scheduling point. Source: include/linux/smp.h.
 */
export function smp_processor_id(): Op<number> {
  return note({ type: 'this-cpu' }) as Op<unknown> as Op<number>;
}

/** A number from 0 to n-1, every one of which is explored. */
export function choose(n: number): Op<number> {
  return op(KIND.choose, null, n, null, 'full');
}

// ---- notes ----------------------------------------------------------------------------------

function note(value: Note): Op<void> {
  return op(KIND.note, null, value, null, 'relaxed');
}

/** Write to the kernel log: silent while exploring, shown when replaying. */
export function printk(level: string, text: string): Op<void> {
  return note({ type: 'printk', level, text });
}

/** Say that a branch is taken. */
export function cover(taken: Branch): Op<void> {
  return note({ type: 'branch', branch: taken });
}

/** Here the kernel may sleep: a bug inside a read-side section or under a spinlock. */
export function might_sleep(where: string): Op<void> {
  return note({ type: 'might-sleep', where });
}

/** Here the lock may be taken, whether or not this run takes it; for the lock-order check. */
export function might_lock(cell: Cell<number>): Op<void> {
  return note({ type: 'might-lock', cell: cell });
}

/** The caller's contract: this lock is held here. Source: include/linux/lockdep.h. */
export function lockdep_assert_held(cell: Cell<number>): Op<void> {
  return note({ type: 'assert-held', cell: cell });
}

/**
 * The caller's contract: this runs inside the section.
 * @param orHeld or with this lock held
 */
export function assert_in_section(section: Section, what: string, orHeld?: Cell<number>): Op<void> {
  return note({ type: 'in-section', section, what, ...(orHeld === undefined ? {} : { orHeld }) });
}

/**
 * The caller's contract: this runs outside the section, since it waits for who is inside.
 * @param title of the report if it does not; then `what` is its detail
 */
export function assert_not_in_section(section: Section, what: string, title?: string): Op<void> {
  return note({ type: 'not-in-section', section, what, ...(title === undefined ? {} : { title }) });
}

/**
 * Have a rule look at memory here: for what kernel code calls and does not write, as hooks. What the
 * rule sees as written is the object's `life`.
 */
export function inspect(object: Struct, rule: Rule): Op<void> {
  return note({ type: 'inspect', object, rule });
}

/** Report a kernel warning; `title` as the kernel prints it. Execution goes on. */
export function WARN(title: string): Op<void> {
  return note({ type: 'warn', title });
}
