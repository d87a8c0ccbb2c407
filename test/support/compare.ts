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
}

/** What brute force finds with every operation a step of its own; null if there is too much. */
export function oracle(program: Program, executionsMax: number, fuse: boolean): Outcome | null {
  const result = brute(program, { executionsMax, finalState, machine: { fuse } });
  if (!result.complete) return null;
  return { ...result, blocked: 0 };
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
  };
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
