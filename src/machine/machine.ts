/**
 * The simulated SMP machine: tasks, memory, one step at a time, and the way back.
 *
 * A step is one access that other tasks can notice, together with everything of the same task that
 * nobody can notice (see `fuse`). Invariants: every change goes through `#set`, so `undo` restores
 * any earlier state exactly; which step comes next is never decided here.
 */

import { ACCESS, Accesses } from './accesses.js';
import { holdsNow } from './condition.js';
import { Executor } from './execute.js';
import type { Finding, LocalFinding } from './finding.js';
import { Grower, MisuseError } from './grow.js';
import { Heap, type HeapOptions } from './heap.js';
import { Joining, onlyMovesEarlier, stepsAlone } from './joining.js';
import { text, type Lanes } from './lanes.js';
import { LockOrder } from './lock-order.js';
import type { Struct } from './memory.js';
import type { Body, Node } from './node.js';
import {
  KIND,
  type AnyOp,
  type Branch,
  type Section,
  type SectionToken,
  type SpawnOptions,
  type Task,
} from './op.js';
import { Pending } from './pending.js';
import { Reports, type Invariant } from './reports.js';
import { Counts, StepState } from './run-state.js';
import { Sections } from './sections.js';
import { Store } from './store.js';
import { TaskRec } from './task.js';
import type { List } from './value.js';

/** How a machine is to be made. */
export interface MachineOptions extends HeapOptions {
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
  /**
   * Let a grace period name everybody who ever entered the section, so that noting who is inside
   * commutes with leaving (partial-order reduction needs that). Off, it names who is inside, which
   * makes more states equal. What it waits for is the same.
   */
  readonly commutingSnapshots?: boolean;
  /** Leave what freed objects hold out of the state's hash, see store.ts. */
  readonly forgetFreed?: boolean;
  /**
   * Look at the invariants after every step that changes shared memory, not only after those that
   * write a watched cell. Such steps then depend on each other, whatever they touch: an invariant
   * of two cells tells the orders of their writes apart.
   */
  readonly watchAll?: boolean;
}

/** Sees every single operation of a replayed run. */
export interface Observer {
  operation(task: TaskRec, node: Node, op: AnyOp, result: unknown, after: Node): void;
}

const LOCAL_OPS_MAX = 100_000;

/** A simulated SMP machine: tasks, shared memory, sanitizers, and steps that can be undone. */
export class Machine {
  readonly store: Store;
  readonly lockOrder = new LockOrder();
  readonly fuse: boolean;
  readonly joinUpdates: boolean;
  readonly watchAll: boolean;
  /** Tasks in the order in which this run spawned them. */
  readonly tasks: TaskRec[] = [];
  /** Objects in the order in which this run allocated them. */
  readonly allocated: Struct[] = [];
  readonly invariants: Invariant[];
  /** Checks for when every task has ended; each adds what it finds. */
  readonly atRest: (() => void)[] = [];
  /** Do cells have rules? Those of the direct build are no cells. */
  readonly ruled: boolean = true;
  /** Names of invariants whose rules keep silent, to see what comes of breaking them. */
  readonly unruled: Set<string>;
  /** What tasks reported before their first step; part of every run. */
  readonly initialFindings: Finding[] = [];
  /** What the last step reported. */
  readonly findings: Finding[];
  /** The accesses of the last step. */
  readonly accesses = new Accesses();
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
  readonly #allRecs: TaskRec[] = [];
  #boots = 0;
  #cpus = 0;
  readonly #state = new StepState();
  readonly #reports: Reports;
  readonly #heap: Heap;
  readonly #joining: Joining;
  readonly #executor: Executor;
  readonly #counts: Counts;
  constructor(options: MachineOptions = {}) {
    this.fuse = options.fuse ?? true;
    this.joinUpdates = this.fuse && (options.joinUpdates ?? false);
    this.watchAll = options.watchAll ?? false;
    this.store = new Store(options.forgetFreed ?? false);
    this.#reports = new Reports(this.store, this.#state);
    this.findings = this.#reports.findings;
    this.invariants = this.#reports.invariants;
    this.unruled = this.#reports.unruled;
    this.#counts = this.global(new Counts());
    const commuting = options.commutingSnapshots ?? false;
    this.#sections = new Sections(this.store, this.accesses, commuting, this.#counts);
    this.#pending = new Pending(this.store, this.accesses);
    this.#grower = new Grower(this.store.values, this.#sections.list, this.lockOrder);
    const ground = {
      store: this.store,
      accesses: this.accesses,
      reports: this.#reports,
      counts: this.#counts,
      state: this.#state,
      allocated: this.allocated,
    };
    this.#heap = new Heap(ground, options);
    this.#joining = new Joining(
      this.#sections,
      this.#grower,
      this.#heap,
      this.#pending,
      this.joinUpdates,
    );
    this.#executor = new Executor({
      ...ground,
      sections: this.#sections,
      pending: this.#pending,
      heap: this.#heap,
      kcsan: options.kcsan ?? true,
      watchAll: this.watchAll,
      tasks: this.tasks,
      pendingNode: (task) => this.pendingNode(task),
      spawn: (task, node, op) => this.#spawn(task, node, op),
    });
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

  /** Did the last step do a plain access that another task can see? */
  get plain(): boolean {
    return this.#state.plain;
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

  /**
   * Run set-up code alone, to its end, before anything is explored. What is reported of it is
   * reported of every run. Answers what it returns.
   */
  boot<T>(body: () => Task<T>): T {
    if (this.tasks.length > 0) {
      throw new MisuseError('boot() runs alone: call it before the first addTask()');
    }
    this.#boots += 1;
    const task = this.#newTask(`init${this.#boots}`, { name: 'init' }, null);
    this.#state.booting = true;
    this.#start(task, body, this.store.values.empty);
    const schedule = (): TaskRec | undefined => this.tasks.find((t) => this.enabled(t));
    for (let next = schedule(); next !== undefined; next = schedule()) {
      this.step(next);
      // What set-up code does wrong is part of every run, and told at its end.
      this.initialFindings.push(...this.findings);
      this.findings.length = 0;
    }
    this.#state.booting = false;
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
      (this.#joining.isLocal(task, root.op) || onlyMovesEarlier(root.op.kind))
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
    return node !== null && node.op !== null && this.#joining.isReady(task, node, node.op);
  }

  /** Who has yet to leave a section before this task can go on; nobody if it waits for no section. */
  heldUpBy(task: TaskRec): readonly TaskRec[] {
    const op = task.node.value?.op;
    if (op?.kind !== KIND.sectionAwait) return [];
    return this.#sections.missing(op.a as Section, op.b as SectionToken);
  }

  /** How many outcomes the task's next step has: more than one for choices. */
  choices(task: TaskRec): number {
    const op = task.node.value!.op!;
    if (op.kind === KIND.choose) return op.a as number;
    if (op.kind === KIND.alloc) return this.#heap.choices(task, op);
    return 1;
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
    if (this.#joining.isPrefix(task, node, node.op) || this.#joining.isLocal(task, node.op)) {
      return node === from && !this.#joining.isPrefix(task, node, node.op)
        ? node
        : this.#probe(task, from);
    }
    return node;
  }

  /** See {@link Joining.onlyFrees}. */
  onlyFrees(task: TaskRec): boolean {
    return task.actor && this.#joining.onlyFrees(task, task.node.value!);
  }

  /** Did the last step store a pointer to memory that had been freed? */
  get storedStale(): boolean {
    return this.#state.storedStale;
  }

  /** See {@link Joining.exchangeAfter}. */
  exchangeAfter(task: TaskRec, node: Node, value: unknown): Node | null {
    return this.#joining.exchangeAfter(task, node, value);
  }

  /** Run the invisible beginning of the task's next step, see where it leads, and undo it. */
  #probe(task: TaskRec, node: Node): Node | null {
    if (!this.#joining.isReady(task, node, node.op!)) return null;
    const { operations, observer, visibleOp, visibleNode } = this;
    const { plain, watchedWritten } = this.#state;
    const { h0, h1, h2 } = this.store;
    const accesses = this.accesses.count;
    const findings = this.findings.length;
    const mark = this.mark();
    this.observer = null;
    this.#state.probing = true;
    this.#advance(task, node, 0, false);
    this.#state.probing = false;
    const reached = task.node.value!;
    this.undo(mark);
    this.findings.length = findings;
    this.accesses.count = accesses;
    Object.assign(this, { operations, observer, visibleOp, visibleNode });
    Object.assign(this.#state, { plain, watchedWritten });
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
    this.#state.plain = false;
    this.visibleOp = null;
    this.visibleNode = null;
    this.#state.watchedWritten = false;
    this.#state.storedStale = false;
    this.#advance(task, task.node.value!, choice, false);
    if (!this.#state.watchedWritten || this.#state.booting) return;
    if (this.watchAll) this.accesses.add(this.#counts.watched, ACCESS.write);
    this.#reports.checkInvariants();
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
        if (this.#joining.isPrefix(task, node, op)) {
          if (visible || !this.#joining.isReady(task, node, op)) break;
        } else if (onlyMovesEarlier(op.kind)) {
          if (this.#state.probing) break;
          visible = true;
        } else if (!this.#joining.isLocal(task, op)) {
          if (visible || this.#state.probing || stepsAlone(op.kind)) break;
          visible = true;
        }
      } else {
        visible = !this.#joining.isPrefix(task, node, op) && !this.#joining.isLocal(task, op);
      }
      if (visible && this.visibleOp === null && !localOnly) {
        this.visibleOp = op;
        this.visibleNode = node;
      }
      const result = this.#executor.execute(task, node, op, choice);
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
    this.#reports.arrive(task, node);
    while (node.forward !== null) {
      node = node.forward;
      this.#reports.arrive(task, node);
    }
    return node;
  }

  // ---- reports ----------------------------------------------------------------------------

  #spawn(task: TaskRec, node: Node, op: AnyOp): TaskRec {
    const { options, body } = op.a as { options: SpawnOptions; body: Body };
    const args = this.store.values.list(op.b as readonly unknown[]);
    this.#heap.publish(args);
    const { head } = options;
    if (head !== undefined && this.#pending.begin(head)) {
      this.#reports.find(
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

  /** Evaluate every invariant now; what fails goes to `findings`. */
  checkInvariants(): void {
    this.#reports.checkInvariants();
  }

  /** Add a finding that belongs to no single place. */
  addFinding(finding: LocalFinding): void {
    this.#reports.addFinding(finding);
  }

  /**
   * Does what a task sleeps for hold now? False unless it sleeps and said for what, and if finding
   * out would take more than looking: see condition.ts.
   */
  sleepsInVain(task: TaskRec): boolean {
    const node = task.node.value;
    if (node?.op?.kind !== KIND.await || node.op.b === null) return false;
    const afresh = this.#grower.opAt(node);
    return afresh !== null && holdsNow(afresh.b as () => Task<boolean>);
  }

  /** The recorded stack of a task at a node, see grow.ts. */
  stackAt(node: Node): string {
    return this.#grower.stackAt(node);
  }
}
