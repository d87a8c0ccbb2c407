/**
 * The trace: one interleaving, every operation of it, as plain data.
 *
 * Versioned; fields are only ever added. Everything that is rendered, saved or compared is made
 * from this, so that no renderer needs the machine. schema/trace.schema.json says the same in JSON
 * Schema, docs/traces.md in words.
 */

export const TRACE_SCHEMA_VERSION = 1;

/** A place in kernel code: ours, and the one that it mirrors. */
export interface TraceFrame {
  readonly fn: string;
  readonly file: string;
  readonly line: number;
  /** The kernel's own file and function; null for what the kernel does not have. */
  readonly kernel: { readonly file: string; readonly fn: string } | null;
}

/** One operation. */
export interface TraceOperation {
  /** Number of the operation, from 1. */
  readonly n: number;
  /** Number of the scheduling step it belongs to, from 1. */
  readonly step: number;
  /** Is it the operation that makes the step one? The others go with it, since nobody notices. */
  readonly main: boolean;
  /** Index into `tasks`. */
  readonly task: number;
  /** Number of the CPU; null for an actor of RCU. */
  readonly cpu: number | null;
  /** Kernel functions, innermost first. */
  readonly stack: readonly TraceFrame[];
  /** What it does: `read`, `cmpxchg`, `lock`, ... */
  readonly op: string;
  readonly order: string;
  readonly object: string | null;
  readonly field: string | null;
  /** Value found, as text; null if the operation reads nothing. */
  readonly value: string | null;
  /** Operation that wrote the value; 0 for the initial one, null if nothing was read. */
  readonly readsFrom: number | null;
  /** Value stored, as text; null if nothing was. */
  readonly wrote: string | null;
  /** Can another task notice it? */
  readonly visible: boolean;
  /** Does it change a count in a way that no order of such changes can be told from another? */
  readonly commutes: boolean;
  /** Task that it starts, as an index into `tasks`; null if none, or if that one does nothing. */
  readonly starts: number | null;
  readonly locksHeld: readonly string[];
  readonly rcuDepth: number;
  /** Branches taken and log lines printed right after it. */
  readonly branches: readonly string[];
  readonly log: readonly { readonly level: string; readonly text: string }[];
  /** Titles of what was reported here. */
  readonly findings: readonly string[];
}

/** A task of a trace: one of the scenario, or an actor of RCU. */
export interface TraceTask {
  readonly name: string;
  /** An actor of RCU, not a CPU of its own. */
  readonly actor: boolean;
  /** Number of the CPU it runs on; null for an actor. */
  readonly cpu: number | null;
}

/** Another task goes on than before; actors of RCU run beside the CPUs and make no turn. */
export interface TraceTurn {
  /** The first step of the task that goes on. */
  readonly step: number;
  readonly task: number;
  /** Who ran before, and why it does not go on. */
  readonly from: number;
  readonly why: 'preempted' | 'ended' | 'waits';
  /** What it waits for: a lock, or the operation; null unless it waits. */
  readonly on: string | null;
  /** The task that holds the lock; null if that does not apply. */
  readonly heldBy: string | null;
}

/** One interleaving as data; see docs/traces.md. */
export interface Trace {
  readonly schema: typeof TRACE_SCHEMA_VERSION;
  readonly program: string;
  readonly tasks: readonly TraceTask[];
  readonly operations: readonly TraceOperation[];
  readonly turns: readonly TraceTurn[];
  /** Titles and details of everything reported, in order. */
  readonly findings: readonly {
    readonly title: string;
    readonly kind: string;
    readonly detail: string;
    readonly operation: number;
  }[];
  /** Who freed what, and when: object name to operation number. */
  readonly freed: Readonly<Record<string, number>>;
  /** The same for allocations; what set-up allocated has 0. */
  readonly allocated: Readonly<Record<string, number>>;
  readonly steps: number;
  readonly switches: number;
  /** Of a livelock: the steps after this one are repeated for ever; null of everything else. */
  readonly cycleFrom: number | null;
  /** Where the schedule did not fit, if it did not. */
  readonly diverged: { readonly step: number; readonly reason: string } | null;
}

/** Why an interleaving fails, by numbers of steps; the explorer's explain() makes it. */
export interface TraceExplanation {
  readonly minimal: boolean;
  /** The part of the interleavings that fails, before the first step and after each. */
  readonly doom: readonly (number | null)[];
  /** After this step every interleaving fails. */
  readonly noReturn: number | null;
  readonly near: {
    /** With the second of these steps before the first, it passes. */
    readonly pair: readonly [number, number];
    readonly steps: number;
    readonly switches: number;
    /** After that, no interleaving fails; null if that is not known. */
    readonly every: boolean | null;
    /** Its replay token, if it has one. */
    readonly token: string | null;
  } | null;
  /** Why something is missing. */
  readonly stopped: string | null;
}
