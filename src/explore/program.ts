/**
 * What the explorer explores, and what it answers. The explorer knows the machine and nothing of
 * any kernel subsystem.
 *
 * Invariant: HOLDS is said only when every interleaving was covered; any bound, budget or sampling
 * makes it INCOMPLETE.
 */

import type { Branch, FindingKind, Machine, MachineOptions } from '../machine/index.js';
import type { Fault } from './footprint.js';

/** A machine with its tasks, ready for the first step. */
export interface Built {
  readonly machine: Machine;
  /** Checks for the end of a run, when nobody can take a step; adds to the machine's findings. */
  readonly atEnd: () => void;
}

/** A closed concurrent program. Every call of `build` must make an equal machine. */
export interface Program {
  readonly name: string;
  readonly build: (options: MachineOptions) => Built;
  /** Branches whose coverage is reported. */
  readonly branches: readonly Branch[];
}

/** One scheduling decision: which task steps, and which outcome of a choice it gets. */
export interface Decision {
  /** The task's key, which is the same on every machine. */
  readonly task: string;
  /** 0 unless the step has several outcomes. */
  readonly choice: number;
}

/** One interleaving: who steps, in order. */
export type Schedule = readonly Decision[];

/** Exact words; see the exit codes in docs/cli.md. */
export type Verdict = 'HOLDS' | 'VIOLATED' | 'INCOMPLETE' | 'VACUOUS' | 'DIVERGED';

/** A bug with the interleaving that shows it. */
export interface Bug {
  /** As syzbot would title it: `KASAN: slab-use-after-free Read in lockref_get_not_dead`. */
  readonly title: string;
  readonly kind: FindingKind;
  readonly detail: string;
  readonly schedule: Schedule;
  /** Number of scheduling decisions. */
  readonly steps: number;
  /** Number of times the CPU's task changed, actors of RCU included. */
  readonly switches: number;
  /** No interleaving with fewer switches, nor with as many and fewer steps, fails at all. */
  readonly minimal: boolean;
  /**
   * Only of a livelock: number of decisions before its cycle begins. The schedule leads into the
   * cycle and once round it.
   */
  readonly cycleFrom?: number;
}

/** How the interleavings were covered. */
export type Engine = 'states' | 'dpor' | 'brute' | 'bounded' | 'random' | 'pct';

/** What an exploration has found out, and how much it covered. */
export interface ExploreResult {
  readonly verdict: Verdict;
  readonly engine: Engine;
  /** Everything was covered. */
  readonly complete: boolean;
  /** Why it is not complete, in words. */
  readonly reason: string | null;
  /** Complete executions. With `dpor`: Mazurkiewicz traces; with `states`: final states. */
  readonly executions: number;
  /**
   * Interleavings of the steps, if the engine counts them: `states` adds them up over the graph
   * of states (beyond 2^53 rounded) unless it left some out, `brute` runs them all.
   */
  readonly interleavings: number | null;
  /** Executions given up because an equivalent one had been run (dpor). */
  readonly blocked: number;
  /** Distinct states (states). */
  readonly states: number;
  /**
   * States are told apart by a hash: at most this is the chance that one was taken for another and
   * missed. Null for engines that remember no states.
   */
  readonly missedStateChance: number | null;
  /** Steps taken in all executions together. */
  readonly steps: number;
  /** Length of the longest execution, in steps. */
  readonly depth: number;
  readonly bugs: readonly Bug[];
  readonly taken: readonly Branch[];
  readonly neverTaken: readonly Branch[];
  readonly seconds: number;
  /** What sampling, a bound or symmetry promises, or takes for granted, in words; else null. */
  readonly guarantee: string | null;
}

/** Where and when to stop. */
export interface Budget {
  /** Wall-clock seconds. */
  readonly seconds?: number;
  /** Steps in all executions together. */
  readonly steps?: number;
  /**
   * Complete executions. A search over states (`states`, `bounded`, and `auto` as long as it is one)
   * does not run executions one by one: there it is the number of distinct states.
   */
  readonly executions?: number;
  /** Distinct states; engines that remember none ignore it. */
  readonly states?: number;
}

/** How far an exploration is. */
export interface Progress {
  readonly executions: number;
  readonly blocked: number;
  readonly depth: number;
  readonly states: number;
  readonly steps: number;
  readonly seconds: number;
  readonly bugs: number;
}

/** How to explore, and when to stop. */
export interface ExploreOptions {
  readonly engine?: 'auto' | Engine;
  readonly budget?: Budget;
  /** Find every bug title instead of stopping at the first (default false). */
  readonly keepGoing?: boolean;
  /** Look for the smallest counterexample after a bug was found (default true). */
  readonly minimise?: boolean;
  /**
   * For `states`: explore tasks that were declared symmetric up to renaming (default false); the
   * result's guarantee says so.
   */
  readonly symmetry?: boolean;
  /**
   * For `states`: let callbacks that only free memory go first and leave out orders that differ in
   * no more (default, but not with `keepGoing`, which asks for every bug). `interleavings` is null
   * where some were left out. See docs/exploring.md.
   */
  readonly freesFirst?: boolean;
  /**
   * Look for livelocks too, on the graph of states (default: if a state leads back to itself). What
   * else there is to say about liveness, checkLiveness() answers.
   */
  readonly liveness?: boolean;
  /** For `random` and `pct`. */
  readonly seed?: number;
  /** For `pct`: number of priority changes (default 3). */
  readonly depth?: number;
  /** Longest execution allowed, in steps (default 20,000). */
  readonly stepsMax?: number;
  /** Monotonic clock in seconds; the caller's, since the core reads no clock. */
  readonly now?: () => number;
  /** Called now and then; return false to stop with a partial verdict. */
  readonly onProgress?: (progress: Progress) => boolean;
  /** Test-only: a dependence that `dpor` is made to miss, to prove that tests notice. */
  readonly fault?: Fault;
  /** Called at the end of every execution that is run, before it is undone. */
  readonly onEnd?: (machine: Machine) => void;
  readonly machine?: MachineOptions;
  /** For `bounded`: at most so many preemptions in one execution (default 2). */
  readonly preemptions?: number;
  /** For `dpor`: explore only what begins like this, as cut by splitUnits(). */
  readonly unit?: Schedule;
}
