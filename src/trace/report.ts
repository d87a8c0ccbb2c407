/**
 * One check as plain data: what `dlab check --format json` prints, and what JUnit and SARIF are
 * made of.
 *
 * Versioned with the trace; fields are only ever added. schema/report.schema.json is its schema.
 */

import type { Trace, TraceExplanation } from './schema.js';

/** A bug of a report. */
export interface ReportedBug {
  readonly title: string;
  readonly kind: string;
  readonly detail: string;
  readonly token: string;
  readonly steps: number;
  readonly switches: number;
  readonly minimal: boolean;
  /** Only of the bug that is shown. */
  readonly trace: Trace | null;
  readonly explanation: TraceExplanation | null;
}

/** One check as data; see docs/traces.md. */
export interface CheckReport {
  readonly schema: 1;
  readonly tool: { readonly name: 'dlab'; readonly version: string };
  readonly scenario: string;
  readonly variant: string;
  /** The file that functions were replaced from. */
  readonly patch: string | null;
  readonly lockref: string;
  readonly rcu: string;
  readonly fs: string;
  readonly reuse: string;
  readonly verdict: string;
  readonly engine: string;
  /** Why it is not complete, in words. */
  readonly reason: string | null;
  /** Counts are null if the search stopped at a bug: they would depend on the number of threads. */
  readonly executions: number | null;
  readonly blocked: number | null;
  readonly states: number | null;
  /** Bound on the chance that hashing made the search miss a state; null if it compares none. */
  readonly missedStateChance: number | null;
  /** Of the bug that is shown; null if there is none. */
  readonly steps: number | null;
  readonly switches: number | null;
  readonly title: string | null;
  readonly token: string | null;
  readonly titles: readonly string[];
  /** Null if the search stopped at a bug. */
  readonly neverTaken: readonly string[] | null;
  readonly seconds: number;
  readonly violations: readonly ReportedBug[];
}
