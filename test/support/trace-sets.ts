/**
 * The Mazurkiewicz traces of a program, twice: by running every interleaving and writing down the
 * trace of each, and as the partial-order reduction runs them.
 */

import { exploreDpor, BugBook, Limits, type Program } from '../../src/explore/index.js';
import { EventLog } from '../../src/explore/event-log.js';
import { Footprints } from '../../src/explore/footprint.js';
import { TRACE_MACHINE } from '../../src/explore/units.js';
import { openDecisions } from '../../src/explore/states.js';
import type { TaskRec } from '../../src/machine/index.js';

/** Traces of all interleavings; null if there are more interleavings than that. */
export function allTraces(program: Program, interleavingsMax: number): Set<string> | null {
  const { machine } = program.build(TRACE_MACHINE);
  const log = new EventLog();
  const footprints = new Footprints();
  const traces = new Set<string>();
  let interleavings = 0;
  const visit = (): boolean => {
    const tasks: TaskRec[] = [];
    const choices: number[] = [];
    openDecisions(machine, tasks, choices);
    if (tasks.length === 0) {
      traces.add(log.traceKey());
      interleavings += 1;
      return interleavings <= interleavingsMax;
    }
    for (const [i, task] of tasks.entries()) {
      const mark = machine.mark();
      const tasksBefore = machine.tasks.length;
      machine.step(task, choices[i]);
      log.push(machine, task, choices[i], footprints.last(machine), tasksBefore);
      const goOn = visit();
      log.pop();
      machine.undo(mark);
      if (!goOn) return false;
    }
    return true;
  };
  return visit() ? traces : null;
}

/** The traces that `dpor` runs, in order, with repetitions if there are any. */
export function tracesOfDpor(program: Program): { traces: string[]; blocked: number } {
  const built = program.build(TRACE_MACHINE);
  const limits = new Limits({});
  const traces: string[] = [];
  exploreDpor(program, built, limits, new BugBook(built.machine), {
    keepGoing: true,
    machine: TRACE_MACHINE,
    onEnd: () => undefined,
    onTrace: (log) => traces.push(log.traceKey()),
  });
  return { traces, blocked: limits.blocked };
}
