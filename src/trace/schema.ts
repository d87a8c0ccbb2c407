/**
 * The trace: one interleaving, every operation of it, as plain data.
 *
 * Versioned; fields are only ever added. Everything that is rendered, saved or compared is made
 * from this, so that no renderer needs the machine.
 */

export const TRACE_SCHEMA_VERSION = 1;

/** A place in kernel code. */
export interface TraceFrame {
  readonly fn: string;
  readonly file: string;
  readonly line: number;
}

/** One operation. */
export interface TraceOperation {
  /** Number of the operation, from 1. */
  readonly n: number;
  /** Number of the scheduling step it belongs to, from 1. */
  readonly step: number;
  /** Index into `tasks`. */
  readonly task: number;
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
  readonly locksHeld: readonly string[];
  readonly rcuDepth: number;
  /** Branches taken and log lines printed right after it. */
  readonly branches: readonly string[];
  readonly log: readonly { readonly level: string; readonly text: string }[];
  /** Titles of what was reported here. */
  readonly findings: readonly string[];
}

export interface TraceTask {
  readonly name: string;
  /** An actor of RCU, not a CPU of its own. */
  readonly actor: boolean;
}

export interface Trace {
  readonly schema: typeof TRACE_SCHEMA_VERSION;
  readonly program: string;
  readonly tasks: readonly TraceTask[];
  readonly operations: readonly TraceOperation[];
  /** Titles and details of everything reported, in order. */
  readonly findings: readonly {
    readonly title: string;
    readonly detail: string;
    readonly operation: number;
  }[];
  /** Who freed what, and when: object name to operation number. */
  readonly freed: Readonly<Record<string, number>>;
  readonly steps: number;
  readonly switches: number;
  /** Where the schedule did not fit, if it did not. */
  readonly diverged: { readonly step: number; readonly reason: string } | null;
}
