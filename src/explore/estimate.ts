/**
 * How many executions there are, before they are explored.
 *
 * Knuth's estimator on the tree that sleep sets leave: a random descent, weighted by the product of
 * the numbers of ways it could have gone. In that tree every Mazurkiewicz trace has one leaf, and
 * descents that fall asleep count zero, so the mean of the weights is unbiased. Invariant: the error
 * is measured on the sample; a small sample of a skewed tree is usually too low, and says so by it.
 */

import type { TaskRec } from '../machine/index.js';
import { Footprints } from './footprint.js';
import { Prng } from './prng.js';
import type { Program } from './program.js';
import { openDecisions } from './states.js';
import { descend, TRACE_MACHINE, type Sleeper } from './units.js';

export interface Estimate {
  /** Estimated number of Mazurkiewicz traces. */
  readonly executions: number;
  /** Standard error of it. */
  readonly error: number;
  readonly walks: number;
}

/** Estimate the number of traces from random descents. Deterministic for a seed. */
export function estimateExecutions(program: Program, walks: number, seed = 1): Estimate {
  const { machine } = program.build({ ...TRACE_MACHINE, kcsan: false });
  const footprints = new Footprints();
  const prng = new Prng(seed);
  const base = machine.mark();
  const weights: number[] = [];
  for (let i = 0; i < walks; i += 1) weights.push(walk());
  const mean = weights.reduce((sum, w) => sum + w, 0) / walks;
  const variance = weights.reduce((sum, w) => sum + (w - mean) ** 2, 0) / Math.max(1, walks - 1);
  return { executions: mean, error: Math.sqrt(variance / walks), walks };

  function walk(): number {
    let asleep: Sleeper[] = [];
    let weight = 1;
    for (;;) {
      const tasks: TaskRec[] = [];
      const choices: number[] = [];
      openDecisions(machine, tasks, choices);
      const awake = tasks
        .map((task, at) => ({ task: task.key, choice: choices[at], index: task.index }))
        .filter((d) => !asleep.some((s) => s.task === d.index && s.choice === d.choice));
      if (awake.length === 0) {
        machine.undo(base);
        return tasks.length === 0 ? weight : 0;
      }
      weight *= awake.length;
      asleep = descend(machine, footprints, asleep, awake[prng.below(awake.length)]);
    }
  }
}
