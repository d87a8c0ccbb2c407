/**
 * Shared memory: structs made of cells.
 *
 * Invariant: only the machine changes `Cell.value`, and it logs every change, so that any earlier
 * state can be restored. A struct is private to the task that allocated it until a pointer to it
 * is stored where another task can find it; from then on every access to it is a scheduling point.
 */

import type { Rule } from './rule.js';
import type { Identified } from './value.js';

/** Values of `Struct.life`. */
export const LIFE = { unallocated: 0, live: 1, freed: 2 } as const;

/**
 * Added to a reference count whose owner never lets go during a run. So far from zero no order of
 * increments and decrements can be told from another, and the explorer does not try them all. The
 * distance is more than any run has steps: whether two of them commute must not depend on which
 * others came before.
 */
export const REFCOUNT_PIN = 1 << 22;

/** One word of shared memory. Kernel code reaches it through the operations of op.ts only. */
export class Cell<T = unknown> {
  /** Current content. Kernel code must not read it: invariants and renderers may. */
  value: T;
  /** The content of fresh memory. */
  readonly initial: T;
  readonly struct: Struct;
  readonly name: string;
  /** Lock class for the lock-order check; set on cells that hold a spinlock. */
  lockClass: string | null = null;
  /** Holds a reference count: only the refcount operations and loads may touch it. */
  refcount = false;
  /** Some access of it commutes with others of its kind. */
  bumped = false;
  /** A write to this cell re-evaluates the scenario's invariants. */
  watched = false;
  /** Looks at every write of this cell; on `life`, at the end of the object. */
  rule: Rule | null = null;
  /** Number inside the machine, -1 before adoption. */
  id = -1;
  /** Name; see lanes.ts. */
  l0 = 0;
  l1 = 0;
  l2 = 0;
  /** Engine's own: newest access and newest write of this cell on the current path. */
  lastAccess = -1;
  lastWrite = -1;
  /** Cells that only the machine itself touches do not enter the state's hash. */
  hashed = true;

  constructor(struct: Struct, name: string, initial: T) {
    this.struct = struct;
    this.name = name;
    this.initial = initial;
    this.value = initial;
  }

  /** `dentry#1.d_flags` */
  toString(): string {
    return `${this.struct.toString()}.${this.name}`;
  }
}

/**
 * A kernel object. Subclasses declare their fields with {@link Struct.cell}:
 *
 * ```ts
 * class Inode extends Struct {
 *   readonly i_count = this.cell('i_count', 1);
 * }
 * ```
 *
 * Constructor arguments are the parts that never change; reading them is not a memory access.
 */
export abstract class Struct implements Identified {
  /** Every cell of this object, in order of declaration. */
  readonly cells: Cell[] = [];
  /** What rules remember of this object. */
  readonly shadows: Cell[] = [];
  vid = -1;
  l0 = 0;
  l1 = 0;
  l2 = 0;
  /** What the object is called in reports before it has a number: `dentry`. */
  readonly kind: string;
  /** A name given by a scenario, or the number given by its slab. */
  label: string | null = null;
  /** One of LIFE. Static objects are live from the start. */
  readonly life: Cell<number>;
  /** The task that alone can reach this object, or null once it is shared. */
  readonly owner: Cell<object | null>;
  /** The slab this object came from; null for static objects. */
  slab: object | null = null;

  constructor(kind: string) {
    this.kind = kind;
    this.life = new Cell<number>(this, 'life', LIFE.live);
    this.owner = new Cell<object | null>(this, 'owner', null);
    this.owner.hashed = false;
  }

  /** Declare a field. */
  protected cell<T>(name: string, initial: T): Cell<T> {
    const cell = new Cell<T>(this, name, initial);
    this.cells.push(cell);
    return cell;
  }

  /** Declare a field whose lowest bit is a spinlock of the given lock class. */
  protected lockCell(name: string, lockClass: string, initial = 0): Cell<number> {
    const cell = this.cell(name, initial);
    cell.lockClass = lockClass;
    return cell;
  }

  /** Memory of a rule: no field of the object, and no part of the state. */
  protected shadow<T>(name: string, initial: T): Cell<T> {
    const cell = new Cell<T>(this, name, initial);
    cell.hashed = false;
    this.shadows.push(cell);
    return cell;
  }

  /** Declare a reference count. */
  protected refcount(name: string, initial: number): Cell<number> {
    const cell = this.cell(name, initial);
    cell.refcount = true;
    return cell;
  }

  toString(): string {
    return this.label ?? `${this.kind}#${this.vid}`;
  }
}

/** What a slab does with freed objects: keep them apart, hand out the newest, or try both. */
export type ReusePolicy = 'never' | 'lifo' | 'explore';

/** A kmem_cache: where objects of one type come from. Source of the idea: mm/slub.c. */
export class Slab<
  S extends Struct = Struct,
  A extends readonly unknown[] = readonly unknown[],
> extends Struct {
  readonly name: string;
  readonly create: (...args: A) => S;
  readonly reuse: ReusePolicy;
  /** Are these variables on a task's stack, whose allocation cannot fail? */
  readonly onStack: boolean;
  /** The freed objects that may be handed out again, oldest first. */
  readonly free: Cell<Iterable<S> | null>;

  /**
   * @param name   as in /proc/slabinfo: `dentry`
   * @param create makes the object; its arguments are the object's constant parts
   * @param reuse  `never`: every object is new, any use after free is seen;
   *               `lifo`: the newest freed object comes back first, as on a real CPU;
   *               `explore`: both, as a choice the explorer branches on
   * @param onStack the objects stand for variables on a task's stack: making one never fails
   */
  constructor(
    name: string,
    create: (...args: A) => S,
    reuse: ReusePolicy = 'never',
    onStack = false,
  ) {
    super(`slab:${name}`);
    this.name = name;
    this.create = create;
    this.reuse = reuse;
    this.onStack = onStack;
    this.free = this.cell<Iterable<S> | null>('free', null);
  }
}
