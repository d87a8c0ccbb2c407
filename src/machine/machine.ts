/**
 * The simulated SMP machine: tasks, memory, one step at a time, and the way back.
 *
 * A step is one access that other tasks can notice, together with everything of the same task that
 * nobody can notice (see `fuse`). Invariants: every change goes through `#set`, so `undo` restores
 * any earlier state exactly; which step comes next is never decided here.
 */

import type { Finding, FindingKind, LocalFinding } from './finding.js';
import { Grower, MisuseError } from './grow.js';
import { ACCESS, Accesses } from './accesses.js';
import { number, pair, text, type Lanes } from './lanes.js';
import { Look } from './look.js';
import { LockOrder } from './lock-order.js';
import { type Cell, LIFE, REFCOUNT_PIN, type Slab, Struct } from './memory.js';
import type { Body, Node } from './node.js';
import {
  isLoadForUpdate,
  KIND,
  type AnyOp,
  type AtomicStep,
  type Branch,
  type Kind,
  type Section,
  type SectionToken,
  type SpawnOptions,
  type Task,
} from './op.js';
import { Pending } from './pending.js';
import { roundMayDiffer } from './relax.js';
import type { Rule } from './rule.js';
import { Sections } from './sections.js';
import { Store } from './store.js';
import { TaskRec } from './task.js';
import { List } from './value.js';

export interface MachineOptions {
  /**
   * Join a step with the same task's invisible neighbours (default). Off, every operation is a
   * step of its own: the yardstick that the joining is tested against.
   */
  readonly fuse?: boolean;
  /**
   * Take the load of a cmpxchg_loop() and its exchange as one step (default off): no exchange of
   * such a loop loses then, and every state in which no task is inside one stays reachable.
   */
  readonly joinUpdates?: boolean;
  /** Look for data races on plain accesses (default on). */
  readonly kcsan?: boolean;
  /** Allocations that fail: `explore` tries both outcomes of every allocation of scenario tasks. */
  readonly failAlloc?: 'never' | 'explore' | ((task: string, ordinal: number) => boolean);
  /**
   * Let a grace period name everybody who ever entered the section, so that noting who is inside
   * commutes with leaving (partial-order reduction needs that). Off, it names who is inside, which
   * makes more states equal. What it waits for is the same.
   */
  readonly commutingSnapshots?: boolean;
  /** Leave what freed objects hold out of the state's hash, see {@link Store}. */
  readonly forgetFreed?: boolean;
  /** At most this many failures in one run when exploring them (default 1). */
  readonly failAllocMax?: number;
  /**
   * Look at the invariants after every step that changes shared memory, not only after those that
   * write a watched cell. Such steps then depend on each other, whatever they touch: an invariant
   * of two cells tells the orders of their writes apart.
   */
  readonly watchAll?: boolean;
}

/** A predicate over the machine, checked after every step that writes a watched cell. */
export interface Invariant {
  readonly name: string;
  /** Null if it holds, else what is wrong. Reads `cell.value`; must change nothing. */
  readonly check: () => string | null;
}

/** Sees every single operation of a replayed run. */
export interface Observer {
  operation(task: TaskRec, node: Node, op: AnyOp, result: unknown, after: Node): void;
}

const LOCAL_OPS_MAX = 100_000;

export class Machine {
  readonly store: Store;
  readonly lockOrder = new LockOrder();
  readonly fuse: boolean;
  readonly joinUpdates: boolean;
  readonly kcsan: boolean;
  /** Tasks in the order in which this run spawned them. */
  readonly tasks: TaskRec[] = [];
  /** Objects in the order in which this run allocated them. */
  readonly allocated: Struct[] = [];
  readonly invariants: Invariant[] = [];
  /** Checks for when every task has ended; each adds what it finds. */
  readonly atRest: (() => void)[] = [];
  /** Do cells have rules? Those of the direct build are no cells. */
  readonly ruled: boolean = true;
  /** Names of invariants whose rules keep silent, to see what comes of breaking them. */
  readonly unruled = new Set<string>();
  /** What tasks reported before their first step; part of every run. */
  readonly initialFindings: Finding[] = [];
  /** What the last step reported. */
  readonly findings: Finding[] = [];
  /** The accesses of the last step. */
  readonly accesses = new Accesses();
  /** Did the last step do a plain access that another task can see? */
  plain = false;
  /** The last step's operation that others can notice, and where its task stood; null if none. */
  visibleOp: AnyOp | null = null;
  visibleNode: Node | null = null;
  observer: Observer | null = null;
  /** Operations done since the start, undone ones not subtracted. */
  operations = 0;

  readonly #sections: Sections;
  readonly #pending: Pending;
  readonly #grower: Grower;
  readonly #globals: Struct[] = [];
  readonly #failAlloc: MachineOptions['failAlloc'];
  readonly #failAllocMax: number;
  readonly #watchAll: boolean;
  readonly #allRecs: TaskRec[] = [];
  #watchedWritten = false;
  #booting = false;
  #boots = 0;
  #cpus = 0;
  #probing = false;
  readonly #counts: Counts;
  readonly #look = new Look({
    set: (cell, value) => this.store.set(cell, value),
    find: (task, node, name, detail, cell) => {
      if (this.unruled.has(name)) return;
      this.#find(task, node, 'invariant', `invariant: ${name}`, detail, cell);
    },
  });

  constructor(options: MachineOptions = {}) {
    this.fuse = options.fuse ?? true;
    this.joinUpdates = this.fuse && (options.joinUpdates ?? false);
    this.kcsan = options.kcsan ?? true;
    this.#failAlloc = options.failAlloc ?? 'never';
    this.#failAllocMax = options.failAllocMax ?? 1;
    this.#watchAll = options.watchAll ?? false;
    this.store = new Store(options.forgetFreed ?? false);
    this.#counts = this.global(new Counts());
    const commuting = options.commutingSnapshots ?? false;
    this.#sections = new Sections(this.store, this.accesses, commuting, this.#counts);
    this.#pending = new Pending(this.store, this.accesses);
    this.#grower = new Grower(this.store.values, this.#sections.list, this.lockOrder);
  }

  // ---- building ---------------------------------------------------------------------------

  /** Declare a kind of read-side section, before any task exists. */
  section(options: Omit<Section, 'index'>): Section {
    if (this.#allRecs.length > 0) {
      throw new MisuseError('declare sections before the first task is spawned');
    }
    return this.#sections.add(options);
  }

  /** Make an object part of this machine, as a static object that everybody can reach. */
  global<S extends Struct>(object: S, label?: string): S {
    this.#adopt(object);
    if (label !== undefined) object.label = label;
    this.#globals.push(object);
    return object;
  }

  #adopt(object: Struct, name?: Lanes): void {
    if (object.vid !== -1)
      throw new MisuseError(`${object.toString()} belongs to a machine already`);
    this.store.adopt(object, name);
  }

  /** Static objects, where a search for leaked objects starts. */
  get globals(): readonly Struct[] {
    return this.#globals;
  }

  /** The number of CPUs: of tasks that the scenario has added. Fixed once there are steps. */
  get cpus(): number {
    return this.#cpus;
  }

  /** Every task ever seen, spawned in this run or not; a task's `index` is its place here. */
  get taskCount(): number {
    return this.#allRecs.length;
  }

  /** The task with this key, if any run has spawned it. */
  taskOf(key: string): TaskRec | undefined {
    return this.#allRecs.find((task) => task.key === key);
  }

  /** The task with this number, spawned in this run or in another. */
  taskAt(index: number): TaskRec {
    return this.#allRecs[index];
  }

  /** Nodes of all tasks' trees: what the exploration remembers. */
  get nodeCount(): number {
    return this.#grower.nodes;
  }

  /** Has any task gone round in a retry()? Then there may be runs that never end. */
  get goesRound(): boolean {
    return this.#grower.goesRound;
  }

  /** Branches taken by any task in any interleaving so far. */
  get branchesTaken(): ReadonlySet<Branch> {
    return this.#grower.branches;
  }

  /** How often a generator was resumed. */
  get resumes(): number {
    return this.#grower.resumes;
  }

  /** Run set-up code alone, to its end, before anything is explored. Answers what it returns. */
  boot<T>(body: () => Task<T>): T {
    if (this.tasks.length > 0) {
      throw new MisuseError('boot() runs alone: call it before the first addTask()');
    }
    this.#boots += 1;
    const task = this.#newTask(`init${this.#boots}`, { name: 'init' }, null);
    this.#booting = true;
    this.#start(task, body, this.store.values.empty);
    const schedule = (): TaskRec | undefined => this.tasks.find((t) => this.enabled(t));
    for (let next = schedule(); next !== undefined; next = schedule()) this.step(next);
    this.#booting = false;
    const node = task.node.value!;
    if (node.op !== null) {
      throw new MisuseError('set-up code waits for something that nobody will do');
    }
    for (const object of this.allocated) object.owner.value = null;
    // Set-up is over: its tasks are gone and what it did is the initial state.
    for (const done of this.tasks) done.node.value = null;
    this.tasks.length = 0;
    this.#counts.tasks.value = 0;
    this.store.forgetPast();
    return node.returned as T;
  }

  /** Add a task of the scenario. */
  addTask(options: SpawnOptions, body: () => Task<unknown>): TaskRec {
    const task = this.#newTask(String(this.tasks.length), options, null);
    this.#start(task, body, this.store.values.empty);
    this.#cpus += 1;
    task.symmetric = options.symmetric ?? null;
    task.start = task.node.value;
    this.store.forgetPast();
    this.initialFindings.push(...this.findings);
    this.findings.length = 0;
    return task;
  }

  #newTask(key: string, options: SpawnOptions, parent: TaskRec | null): TaskRec {
    const task = new TaskRec(
      this.#allRecs.length,
      key,
      options.name,
      options.actor ?? false,
      parent,
      this.#sections.list.map((section) => section.name),
    );
    for (const cell of [...task.entered, ...task.left]) cell.hashed = this.#sections.hashesCounts;
    this.#adopt(task, text(`task ${key}`));
    this.#allRecs.push(task);
    return task;
  }

  #start(task: TaskRec, body: Body, args: List): void {
    this.store.set(this.#counts.tasks, this.tasks.length + 1);
    this.tasks.push(task);
    const root = this.#arrive(task, this.#grower.root(task, body, args));
    this.store.set(task.node, root);
    if (root.op === null) {
      this.#end(task);
    } else if (
      this.fuse &&
      task.parent !== null &&
      (this.#isLocal(task, root.op) || onlyMovesEarlier(root.op.kind))
    ) {
      // A spawned task's invisible beginning belongs to the step that spawned it.
      this.#advance(task, root, 0, true);
    }
  }

  #end(task: TaskRec): void {
    this.accesses.add(task.ended, ACCESS.write);
    this.store.set(task.ended, true);
  }

  // ---- the way back -----------------------------------------------------------------------

  /** A mark for {@link undo}. */
  mark(): number {
    return this.store.mark();
  }

  /** Restore the state at `mark`, except the hash, which the caller keeps. */
  undo(mark: number): void {
    this.store.undo(mark);
    // Setting an array's length costs even when nothing changes.
    const tasks = this.#counts.tasks.value;
    if (this.tasks.length !== tasks) this.tasks.length = tasks;
    const objects = this.#counts.objects.value;
    if (this.allocated.length !== objects) this.allocated.length = objects;
  }

  // ---- scheduling -------------------------------------------------------------------------

  /** Can this task take a step now? */
  enabled(task: TaskRec): boolean {
    const node = task.node.value;
    return node !== null && node.op !== null && this.#ready(task, node, node.op);
  }

  #ready(task: TaskRec, node: Node, op: AnyOp): boolean {
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

  /** How many outcomes the task's next step has: more than one for choices. */
  choices(task: TaskRec): number {
    const op = task.node.value!.op!;
    if (op.kind === KIND.choose) return op.a as number;
    if (op.kind === KIND.alloc) return this.#allocChoices(task, op);
    return 1;
  }

  #allocChoices(task: TaskRec, op: AnyOp): number {
    const slab = op.a as Slab;
    const reusable = slab.reuse === 'explore' ? listOf(slab.free.value).length : 0;
    return 1 + reusable + (this.#mayFail(task, slab) ? 1 : 0);
  }

  #mayFail(task: TaskRec, slab: Slab): boolean {
    return (
      !slab.onStack &&
      this.#failAlloc === 'explore' &&
      !this.#booting &&
      !task.actor &&
      this.#counts.failures.value < this.#failAllocMax
    );
  }

  /** Where a task stands right before its next operation that others can notice, or null. */
  pendingNode(task: TaskRec): Node | null {
    const from = task.node.value;
    if (from === null || from.op === null) return null;
    if (!this.fuse) return from;
    let node = from;
    // Entering a section has one outcome, so what follows can be looked up.
    while (node.op !== null && node.op.kind === KIND.sectionEnter) {
      node = (node.child(undefined) ?? this.#grower.grow(task, node, undefined)).rest;
    }
    if (node.op === null) return null;
    if (node.op.kind === KIND.read && node.op.a !== null) {
      return this.exchangeAfter(task, node, node.op.cell.value) ?? node;
    }
    if (this.#isPrefix(task, node, node.op) || this.#isLocal(task, node.op)) {
      return node === from && !this.#isPrefix(task, node, node.op) ? node : this.#probe(task, from);
    }
    return node;
  }

  /**
   * The exchange that is one step with the load at `node`, if the load finds `value`: null if the
   * loop ends there, or if this is no such load.
   */
  exchangeAfter(task: TaskRec, node: Node, value: unknown): Node | null {
    const { op } = node;
    if (!this.joinUpdates || op === null || !isLoadForUpdate(op)) return null;
    if (op.cell.struct.owner.value === task) return null;
    const next = node.child(value) ?? this.#grower.grow(task, node, value);
    return next.op?.kind === KIND.cmpxchg && next.op.cell === op.cell ? next : null;
  }

  /** Run the invisible beginning of the task's next step, see where it leads, and undo it. */
  #probe(task: TaskRec, node: Node): Node | null {
    if (!this.#ready(task, node, node.op!)) return null;
    const { plain, operations, observer, visibleOp, visibleNode } = this;
    const { h0, h1, h2 } = this.store;
    const accesses = this.accesses.count;
    const findings = this.findings.length;
    const watched = this.#watchedWritten;
    const mark = this.mark();
    this.observer = null;
    this.#probing = true;
    this.#advance(task, node, 0, false);
    this.#probing = false;
    const reached = task.node.value!;
    this.undo(mark);
    this.findings.length = findings;
    this.#watchedWritten = watched;
    this.accesses.count = accesses;
    Object.assign(this, { plain, operations, observer, visibleOp, visibleNode });
    Object.assign(this.store, { h0, h1, h2 });
    return reached.op === null ? null : reached;
  }

  /**
   * One step of `task`, which must be enabled. Afterwards `findings`, `accessCells` and `plain`
   * describe it.
   * @param choice which outcome, from 0 to `choices(task) - 1`
   */
  step(task: TaskRec, choice = 0): void {
    if (this.findings.length > 0) this.findings.length = 0;
    this.accesses.count = 0;
    this.plain = false;
    this.visibleOp = null;
    this.visibleNode = null;
    this.#watchedWritten = false;
    this.#advance(task, task.node.value!, choice, false);
    if (!this.#watchedWritten || this.#booting) return;
    if (this.#watchAll) this.accesses.add(this.#counts.watched, ACCESS.write);
    this.checkInvariants();
  }

  /**
   * The operations of one step: what only prepares (entering a section, a wait that is over), one
   * visible operation, and what nobody can notice. Entering a section may move later, past other
   * tasks' steps, and leaving one or spawning a task may move earlier, without losing behaviour:
   * it only lets a grace period end, or a task start, sooner. Private memory commutes with all.
   */
  #advance(task: TaskRec, from: Node, choice: number, localOnly: boolean): void {
    let node = from;
    let done = 0;
    let visible = localOnly;
    for (;;) {
      const op = node.op;
      if (op === null) {
        this.#end(task);
        break;
      }
      if (done > 0 && !this.fuse) break;
      if (done > LOCAL_OPS_MAX) {
        throw new MisuseError(`task ${task.name} loops without touching shared memory`);
      }
      if (done > 0 || localOnly) {
        if (this.#isPrefix(task, node, op)) {
          if (visible || !this.#ready(task, node, op)) break;
        } else if (onlyMovesEarlier(op.kind)) {
          if (this.#probing) break;
          visible = true;
        } else if (!this.#isLocal(task, op)) {
          if (visible || this.#probing || stepsAlone(op.kind)) break;
          visible = true;
        }
      } else {
        visible = !this.#isPrefix(task, node, op) && !this.#isLocal(task, op);
      }
      if (visible && this.visibleOp === null && !localOnly) {
        this.visibleOp = op;
        this.visibleNode = node;
      }
      const result = this.#execute(task, node, op, choice);
      const next = node.child(result) ?? this.#grower.grow(task, node, result);
      this.operations += 1;
      if (this.observer !== null) this.observer.operation(task, node, op, result, next);
      node = this.#arrive(task, next);
      done += 1;
    }
    this.store.set(task.node, node);
  }

  /** Go to where the task comes to rest, through calls and returns. */
  #arrive(task: TaskRec, at: Node): Node {
    let node = at;
    this.#onArrival(task, node);
    while (node.forward !== null) {
      node = node.forward;
      this.#onArrival(task, node);
    }
    return node;
  }

  #onArrival(task: TaskRec, node: Node): void {
    if (node.findings !== null) this.#report(task, node);
    if (node.inspections === null) return;
    for (const { object, rule } of node.inspections) {
      this.#lookAt(task, node, KIND.note, object.life, LIFE.live, rule);
    }
  }

  #isLocal(task: TaskRec, op: AnyOp): boolean {
    switch (op.kind) {
      case KIND.fence:
        return true;
      case KIND.alloc:
        return (op.a as Slab).reuse === 'never' && !this.#mayFail(task, op.a as Slab);
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
  #isPrefix(task: TaskRec, node: Node, op: AnyOp): boolean {
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

  // ---- operations -------------------------------------------------------------------------

  #execute(task: TaskRec, node: Node, op: AnyOp, choice: number): unknown {
    const cell = op.cell;
    switch (op.kind) {
      case KIND.read:
        this.#touch(task, node, op, cell, ACCESS.read);
        return cell.value;
      case KIND.write:
        this.#touch(task, node, op, cell, ACCESS.write);
        this.#store(task, node, op, cell, op.a);
        return undefined;
      case KIND.xchg: {
        this.#touch(task, node, op, cell, ACCESS.write);
        const old = cell.value;
        this.#store(task, node, op, cell, op.a);
        return old;
      }
      case KIND.cmpxchg: {
        const old = cell.value;
        const swap = old === op.a;
        this.#touch(task, node, op, cell, swap ? ACCESS.write : ACCESS.read);
        if (swap) this.#store(task, node, op, cell, op.b);
        return old;
      }
      case KIND.add:
      case KIND.or:
      case KIND.and: {
        this.#touch(task, node, op, cell, ACCESS.write);
        const old = cell.value as number;
        const operand = op.a as number;
        this.#store(
          task,
          node,
          op,
          cell,
          op.kind === KIND.add
            ? old + operand
            : op.kind === KIND.or
              ? old | operand
              : old & operand,
        );
        return old;
      }
      case KIND.lock:
        this.#touch(task, node, op, cell, ACCESS.write);
        this.#enterImplied(task, node);
        this.#store(task, node, op, cell, (cell.value as number) | 1);
        return undefined;
      case KIND.trylock: {
        const free = ((cell.value as number) & 1) === 0;
        this.#touch(task, node, op, cell, free ? ACCESS.write : ACCESS.read);
        if (!free) return false;
        this.#enterImplied(task, node);
        this.#store(task, node, op, cell, (cell.value as number) | 1);
        return true;
      }
      case KIND.unlock:
        this.#touch(task, node, op, cell, ACCESS.write);
        this.#store(task, node, op, cell, (cell.value as number) & ~1);
        for (const section of this.#sections.list) {
          if (
            section.impliedBySpinlock &&
            node.context.locks > 0 &&
            this.#grower.leaves(node, section)
          ) {
            this.#sections.leave(task, section);
          }
        }
        return undefined;
      case KIND.refInc: {
        const old = cell.value as number;
        this.#touch(task, node, op, cell, isPinned(old) ? ACCESS.bump : ACCESS.write);
        this.#store(task, node, op, cell, old + 1);
        return old > 0;
      }
      case KIND.refDec: {
        const old = cell.value as number;
        this.#touch(task, node, op, cell, isPinned(old) ? ACCESS.bump : ACCESS.write);
        this.#store(task, node, op, cell, old - 1);
        return Math.min(1, old - 1);
      }
      case KIND.listAdd: {
        this.#touch(task, node, op, cell, ACCESS.write);
        this.#store(task, node, op, cell, this.store.values.list([op.a, ...listOf(cell.value)]));
        return undefined;
      }
      case KIND.listDel: {
        this.#touch(task, node, op, cell, ACCESS.write);
        const items = listOf(cell.value);
        if (!items.includes(op.a)) {
          this.#find(
            task,
            node,
            'WARN',
            'list_del corruption in %f',
            `${String(op.a)} is not on ${cell.toString()}`,
          );
        }
        this.#store(
          task,
          node,
          op,
          cell,
          this.store.values.list(items.filter((item) => item !== op.a)),
        );
        return undefined;
      }
      case KIND.atomic:
        return this.#atomic(task, node, op);
      case KIND.await:
        this.#touch(task, node, op, cell, ACCESS.read);
        return cell.value;
      case KIND.relax:
        for (const { cell: seen } of node.round!) {
          if (seen.struct.owner.value !== task) this.accesses.add(seen, ACCESS.read);
        }
        return undefined;
      case KIND.sectionEnter: {
        const section = op.a as Section;
        if (this.#grower.enters(node, section)) this.#sections.enter(task, section);
        return undefined;
      }
      case KIND.sectionExit: {
        const section = op.a as Section;
        const nested = node.context.depth[section.index] ?? 0;
        if (nested > 0 && this.#grower.leaves(node, section)) this.#sections.leave(task, section);
        return undefined;
      }
      case KIND.sectionSnapshot:
        return op.b === null
          ? this.#sections.snapshot(this.tasks, op.a as Section, this.#inside(task, node))
          : this.#sections.snapshotPerCpu(
              this.tasks,
              op.a as Section,
              this.#inside(task, node),
              op.b as number,
            );
      case KIND.sectionActors:
        this.#sections.lookAtActors(op.a as Section);
        return this.store.values.bag(this.tasks.filter((other) => other.actor && other !== task));
      case KIND.sectionAwait:
        this.#sections.pass(op.a as Section, op.b as SectionToken, this.tasks);
        if (task.actor) this.#pending.end(node.root.args);
        return undefined;
      case KIND.spawn:
        return this.#spawn(task, node, op);
      case KIND.join:
        this.accesses.add((op.a as TaskRec).ended, ACCESS.reached, 1);
        return undefined;
      case KIND.alloc:
        return this.#alloc(task, node, op, choice);
      case KIND.free:
        this.#free(task, node, op);
        return undefined;
      case KIND.choose:
        return choice;
      default:
        return undefined;
    }
  }

  /** Who is inside a section, as the task comes to this operation in the middle of its step. */
  #inside(task: TaskRec, node: Node): (other: TaskRec, section: Section) => boolean {
    return (other, section) => {
      const at = other === task ? node : other.node.value;
      return at !== null && this.#grower.isInside(at, section);
    };
  }

  /** One access of a task to a cell: footprint, and the checks of KASAN and KCSAN. */
  #touch(task: TaskRec, node: Node, op: AnyOp, cell: Cell, mode: number): void {
    const struct = cell.struct;
    const owner = struct.owner.value;
    if (struct.life.value !== LIFE.live) {
      const use = mode === ACCESS.write ? 'Write' : 'Read';
      this.#find(
        task,
        node,
        'KASAN',
        `KASAN: slab-use-after-free ${use} in %f`,
        cell.toString(),
        cell,
      );
    }
    if (owner === task) return;
    if (owner !== null) throw escaped(struct, owner as TaskRec, task);
    if (mode === ACCESS.bump) cell.bumped = true;
    if (
      cell.refcount &&
      op.kind !== KIND.refInc &&
      op.kind !== KIND.refDec &&
      op.kind !== KIND.read
    ) {
      throw new MisuseError(
        `${cell.toString()} is a reference count: use refcount_inc and refcount_dec`,
      );
    }
    this.accesses.add(cell, mode);
    if (struct.slab !== null) this.accesses.add(struct.life, ACCESS.read);
    if (op.order === 'plain') this.plain = true;
    if (this.kcsan) this.#race(task, node, op, cell, mode);
  }

  /**
   * A data race, as KCSAN sees it: another task stands right before a conflicting access to the
   * same cell and one of the two is plain.
   */
  #race(task: TaskRec, node: Node, op: AnyOp, cell: Cell, mode: number): void {
    if (this.#probing) return;
    for (const other of this.tasks) {
      if (other === task) continue;
      const at = this.pendingNode(other);
      const pending = at === null ? null : at.op;
      if (pending === null || pending.cell !== cell || !isDataAccess(pending.kind)) continue;
      if (op.order !== 'plain' && pending.order !== 'plain') continue;
      const writes = mode === ACCESS.write || pending.kind !== KIND.read;
      if (!writes || (pending.kind === KIND.lock && ((cell.value as number) & 1) === 1)) continue;
      this.findings.push({
        kind: 'KCSAN',
        title: 'KCSAN: data-race in %f / %g',
        detail: cell.toString(),
        place: { task: task.index, node },
        other: { task: other.index, node: at },
        cell,
      });
    }
  }

  #store(task: TaskRec, node: Node, op: AnyOp, cell: Cell, value: unknown): void {
    if (cell.struct.owner.value === null) this.#publish(value);
    const old = cell.value;
    this.store.set(cell, value);
    if (cell.watched || (this.#watchAll && cell.struct.owner.value === null)) {
      this.#watchedWritten = true;
    }
    if (cell.rule !== null) this.#lookAt(task, node, op.kind, cell, old, cell.rule);
  }

  #lookAt(task: TaskRec, node: Node, kind: Kind, cell: Cell, old: unknown, rule: Rule): void {
    if (this.#probing) return;
    const look = this.#look;
    look.task = task;
    look.node = node;
    look.cell = cell;
    look.old = old;
    look.kind = kind;
    rule(look);
  }

  /** Whatever becomes reachable from shared memory is shared from now on. */
  #publish(value: unknown): void {
    if (value instanceof Struct) {
      if (value.owner.value === null) return;
      this.store.set(value.owner, null);
      for (const cell of value.cells) this.#publish(cell.value);
    } else if (value instanceof List) {
      for (const item of value.items) this.#publish(item);
    }
  }

  #atomic(task: TaskRec, node: Node, op: AnyOp): unknown {
    const step = op.a as AtomicStep<unknown>;
    for (const cell of step.reads) this.#touch(task, node, op, cell, ACCESS.read);
    for (const cell of step.writes) this.#touch(task, node, op, cell, ACCESS.write);
    const bumps = step.bumps ?? [];
    for (const cell of bumps) this.#touch(task, node, op, cell, ACCESS.bump);
    return step.run((cell, value) => {
      if (!step.writes.includes(cell) && !bumps.includes(cell)) {
        throw new MisuseError(
          `atomic step '${step.label}' writes ${cell.toString()}: list it in writes`,
        );
      }
      this.#store(task, node, op, cell, value);
    });
  }

  #enterImplied(task: TaskRec, node: Node): void {
    for (const section of this.#sections.list) {
      if (section.impliedBySpinlock && this.#grower.enters(node, section))
        this.#sections.enter(task, section);
    }
  }

  #spawn(task: TaskRec, node: Node, op: AnyOp): TaskRec {
    const { options, body } = op.a as { options: SpawnOptions; body: Body };
    const args = this.store.values.list(op.b as readonly unknown[]);
    this.#publish(args);
    const { head } = options;
    if (head !== undefined && this.#pending.begin(head)) {
      this.#find(
        task,
        node,
        'RCU',
        'ODEBUG: activate active (active state 1) object: rcu_head in %f',
        `${head.toString()} is queued already`,
      );
    }
    const child = task.spawnedAt(node.context.spawns, () =>
      this.#newTask(`${task.key}.${node.context.spawns}`, options, task),
    );
    this.#start(child, body, args);
    return child;
  }

  #alloc(task: TaskRec, node: Node, op: AnyOp, choice: number): Struct | null {
    const slab = op.a as Slab;
    const args = op.b as readonly unknown[];
    const free = listOf(slab.free.value) as Struct[];
    const reusable = slab.reuse === 'never' ? 0 : free.length;
    if (slab.reuse !== 'never') this.accesses.add(slab.free as Cell, ACCESS.write);
    if (this.#failAlloc === 'explore' && this.#mayFail(task, slab)) {
      this.accesses.add(this.#counts.failures, ACCESS.write);
      if (choice === this.#allocChoices(task, op) - 1) {
        this.store.set(this.#counts.failures, this.#counts.failures.value + 1);
        return null;
      }
    } else if (typeof this.#failAlloc === 'function' && !this.#booting && !slab.onStack) {
      if (this.#failAlloc(task.name, node.context.allocs)) return null;
    }
    // Choice 0 under `explore` is a fresh object; `lifo` takes the newest freed one if any.
    const slot = slab.reuse === 'lifo' ? reusable - 1 : slab.reuse === 'explore' ? choice - 1 : -1;
    let object: Struct;
    if (slot >= 0) {
      object = free[slot]!;
      this.store.set(
        slab.free as Cell,
        this.store.values.list(free.filter((item) => item !== object)),
      );
      this.accesses.add(object.life, ACCESS.write);
      for (const cell of object.cells) this.store.set(cell, cell.initial);
      for (const cell of object.shadows) this.store.set(cell, cell.initial);
    } else {
      object = task.instanceAt(node.context.allocs, slab, args, () => {
        const created = slab.create(...args);
        created.slab = slab;
        const { values } = this.store;
        const ordinal = pair(task, number(node.context.allocs));
        this.#adopt(created, pair(pair(ordinal, slab), values.list(args)));
        created.life.value = LIFE.unallocated;
        return created;
      });
    }
    this.store.set(object.life, LIFE.live);
    // Stale pointers to a recycled object may still be about, so it is shared from the start.
    this.store.set(object.owner, slot >= 0 ? null : task);
    this.store.set(this.#counts.objects, this.allocated.length + 1);
    this.allocated.push(object);
    return object;
  }

  #free(task: TaskRec, node: Node, op: AnyOp): void {
    const object = op.a as Struct;
    const slab = object.slab as Slab | null;
    if (slab === null) throw new MisuseError(`${object.toString()} did not come from a slab`);
    if (object.owner.value !== task) this.accesses.add(object.life, ACCESS.write);
    if (object.life.value !== LIFE.live) {
      this.#find(task, node, 'KASAN', 'KASAN: double-free in %f', object.toString(), object.life);
      return;
    }
    this.store.free(object);
    const { rule } = object.life;
    if (rule !== null) this.#lookAt(task, node, op.kind, object.life, LIFE.live, rule);
    if (this.#watchAll) this.#watchedWritten = true;
    if (slab.reuse !== 'never') {
      this.accesses.add(slab.free as Cell, ACCESS.write);
      this.store.set(
        slab.free as Cell,
        this.store.values.list([...listOf(slab.free.value), object]),
      );
    }
  }

  // ---- reports ----------------------------------------------------------------------------

  #find(
    task: TaskRec,
    node: Node,
    kind: FindingKind,
    title: string,
    detail: string,
    cell: Cell | null = null,
  ): void {
    this.findings.push({
      kind,
      title,
      detail,
      place: { task: task.index, node },
      other: null,
      cell,
    });
  }

  #report(task: TaskRec, node: Node): void {
    for (const finding of node.findings ?? []) {
      this.findings.push({
        ...finding,
        place: { task: task.index, node },
        other: null,
        cell: null,
      });
    }
  }

  /** Evaluate every invariant now; what fails goes to `findings`. */
  checkInvariants(): void {
    for (const { name, check } of this.invariants) {
      const wrong = check();
      if (wrong !== null)
        this.addFinding({ kind: 'invariant', title: `invariant: ${name}`, detail: wrong });
    }
  }

  /** Add a finding that belongs to no single place. */
  addFinding(finding: LocalFinding): void {
    this.findings.push({ ...finding, place: null, other: null, cell: null });
  }

  /** The recorded stack of a task at a node, see {@link Grower.stackAt}. */
  stackAt(node: Node): string {
    return this.#grower.stackAt(node);
  }
}

/** Counters that belong to a run and must be undone with it. */
class Counts extends Struct {
  readonly tasks = this.cell('tasks', 0);
  readonly objects = this.cell('objects', 0);
  readonly failures = this.cell('failures', 0);
  /** Stands for whatever the invariants look at, see {@link MachineOptions.watchAll}. */
  readonly watched = this.cell('watched', 0);

  constructor() {
    super('machine');
    // Both follow from where the tasks stand.
    this.tasks.hashed = false;
    this.objects.hashed = false;
  }
}

function isPinned(count: number): boolean {
  return count > REFCOUNT_PIN / 2;
}

function listOf(value: unknown): readonly unknown[] {
  return value instanceof List ? (value.items as readonly unknown[]) : [];
}

/** Operations that let others do more, and so may be done as early as their task gets there. */
function onlyMovesEarlier(kind: number): boolean {
  return kind === KIND.spawn || kind === KIND.sectionExit;
}

/** Operations that may have to wait, or have several outcomes: never joined to what came before. */
function stepsAlone(kind: number): boolean {
  return (
    kind === KIND.lock ||
    kind === KIND.await ||
    kind === KIND.relax ||
    kind === KIND.choose ||
    kind === KIND.alloc
  );
}

function isDataAccess(kind: number): boolean {
  return kind <= KIND.and || kind === KIND.listAdd || kind === KIND.listDel;
}

function escaped(object: Struct, owner: TaskRec, task: TaskRec): MisuseError {
  return new MisuseError(
    `${object.toString()} is private to task ${owner.name} but task ${task.name} uses it: pass ` +
      'the object through a cell or through the arguments of spawn().',
  );
}
