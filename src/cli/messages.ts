/** What the main thread and the exploring threads say to each other. All of it is plain data. */

import type { Bug, ExploreResult, Frontier, Schedule } from '../explore/index.js';
import type { Job } from './job.js';

/** Given to a thread when it is made. */
export interface WorkerData {
  readonly job: Job;
  /** Its number, from 0. */
  readonly me: number;
  /** Mailboxes: for commands, and for sharing states. */
  readonly boxes: SharedArrayBuffer;
}

export type ToWorker =
  /** Explore in one go, up to so many executions. */
  | {
      readonly type: 'whole';
      readonly engine: Job['engine'];
      readonly executionsMax: number | null;
    }
  /** Search states together with the other threads. */
  | {
      readonly type: 'states';
      readonly table: SharedArrayBuffer;
      /** Begin at the start of the program. */
      readonly start: boolean;
      readonly frontiers: readonly Frontier[];
      /** Leave out orders of freeing, see StateSearchOptions. */
      readonly freesFirst: boolean;
      /** Stop at so many states. */
      readonly statesMax: number | null;
    }
  /** Go on with the states after a pause, in a table that may be a larger one. */
  | { readonly type: 'continue'; readonly table: SharedArrayBuffer }
  /** Explore one unit, up to so many executions. */
  | {
      readonly type: 'unit';
      readonly unit: Schedule;
      readonly executionsMax: number | null;
    }
  | { readonly type: 'smallest'; readonly bugs: readonly Bug[] }
  | { readonly type: 'vacuous'; readonly executions: number };

/** Counts of one thread's work. */
export interface Counts {
  readonly executions: number;
  readonly blocked: number;
  readonly states: number;
  readonly steps: number;
  readonly depth: number;
}

/** What a thread has found out. */
export interface Found extends Counts {
  readonly bugs: readonly Bug[];
  /** Places of the branches taken in the program's list. */
  readonly taken: readonly number[];
}

export type Answer =
  | { readonly type: 'whole'; readonly result: ExploreResult }
  /** A search of states has stopped, and why: null if nothing is left. */
  | {
      readonly type: 'states';
      readonly reason: string | null;
      readonly found: Found;
      readonly frontiers: readonly Frontier[];
      /** Has a task gone round in a retry()? */
      readonly goesRound: boolean;
    }
  | { readonly type: 'unit'; readonly reason: string | null; readonly found: Found }
  | { readonly type: 'smallest'; readonly bugs: readonly Bug[] }
  | { readonly type: 'vacuous'; readonly vacuous: boolean };

export type FromWorker =
  | Answer
  | { readonly type: 'progress'; readonly counts: Counts }
  | {
      readonly type: 'error';
      readonly usage: boolean;
      readonly message: string;
      readonly stack: string;
    };

export const NOTHING: Counts = { executions: 0, blocked: 0, states: 0, steps: 0, depth: 0 };

/** Counts added up. */
export function sum(all: readonly Counts[]): Counts {
  return {
    executions: all.reduce((total, { executions }) => total + executions, 0),
    blocked: all.reduce((total, { blocked }) => total + blocked, 0),
    states: all.reduce((total, { states }) => total + states, 0),
    steps: all.reduce((total, { steps }) => total + steps, 0),
    depth: Math.max(0, ...all.map(({ depth }) => depth)),
  };
}

/** What several parts have found, as one: bugs by title, the smallest of each. */
export function joined(all: readonly Found[]): Found {
  const byTitle = new Map<string, Bug>();
  for (const bug of all.flatMap(({ bugs }) => bugs)) {
    const known = byTitle.get(bug.title);
    if (known === undefined || isSmaller(bug, known)) byTitle.set(bug.title, bug);
  }
  const weight = ({ kind }: Bug): number => (kind === 'KCSAN' ? 1 : 0);
  return {
    ...sum(all),
    bugs: [...byTitle.values()].sort(
      (a, b) => weight(a) - weight(b) || (a.title < b.title ? -1 : 1),
    ),
    taken: [...new Set(all.flatMap(({ taken }) => taken))].sort((a, b) => a - b),
  };
}

/** In an order that does not depend on which thread found what. */
function isSmaller(a: Bug, b: Bug): boolean {
  if (a.switches !== b.switches) return a.switches < b.switches;
  if (a.steps !== b.steps) return a.steps < b.steps;
  return JSON.stringify(a.schedule) < JSON.stringify(b.schedule);
}
