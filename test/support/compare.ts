/** Comparing an explorer with the brute-force oracle on one program. */

import {
  brute,
  explore,
  type Engine,
  type ExploreOptions,
  type Program,
} from '../../src/explore/index.js';
import { finalState } from './random-program.js';

export interface Outcome {
  readonly titles: readonly string[];
  readonly finals: readonly string[];
  readonly executions: number;
  readonly blocked: number;
  /** Orders were left out, see `freesFirst`. */
  readonly reduced: boolean;
  /** Nothing was cut off. */
  readonly complete: boolean;
}

/** What brute force finds with every operation a step of its own; null if there is too much. */
export function oracle(program: Program, executionsMax: number, fuse: boolean): Outcome | null {
  const result = brute(program, { executionsMax, finalState, machine: { fuse } });
  if (!result.complete) return null;
  return { ...result, blocked: 0, reduced: false, complete: true };
}

/** What an explorer finds. */
export function explored(program: Program, engine: Engine, options: ExploreOptions = {}): Outcome {
  const finals = new Set<string>();
  const result = explore(program, {
    engine,
    keepGoing: true,
    minimise: false,
    onEnd: (machine) => finals.add(finalState(machine)),
    ...options,
  });
  return {
    titles: result.bugs.map((bug) => bug.title).sort(),
    finals: [...finals].sort(),
    executions: result.executions,
    blocked: result.blocked,
    complete: result.complete,
    reduced: result.engine === 'states' && result.complete && result.interleavings === null,
  };
}

/**
 * How an outcome that stops at the first grave bug differs from all there is: it must find one if
 * there is one, and everything else if there is none.
 */
export function differenceToFirst(expected: Outcome, actual: Outcome): string | null {
  const grave = (titles: readonly string[]): boolean =>
    titles.some((title) => !title.startsWith('KCSAN'));
  if (!grave(expected.titles)) return difference(expected, actual);
  if (!grave(actual.titles)) return `missed every bug: ${expected.titles.join(', ')}`;
  const invented = actual.titles.filter((title) => !expected.titles.includes(title));
  return invented.length === 0 ? null : `invented title: ${invented.join(', ')}`;
}

/** How two outcomes differ, in words; null if they do not. */
export function difference(expected: Outcome, actual: Outcome): string | null {
  const lines: string[] = [];
  const compare = (what: string, a: readonly string[], b: readonly string[]): void => {
    for (const item of a) if (!b.includes(item)) lines.push(`missed ${what}: ${item}`);
    for (const item of b) if (!a.includes(item)) lines.push(`invented ${what}: ${item}`);
  };
  compare('title', expected.titles, actual.titles);
  compare('final state', expected.finals, actual.finals);
  return lines.length === 0 ? null : lines.join('\n');
}
