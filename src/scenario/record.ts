/** Recording an interleaving of a scenario as a trace. */

import { framesOf, replay, switchesIn, type Program, type Schedule } from '../explore/index.js';
import { withStacks, type Machine, type Node } from '../machine/index.js';
import { Recorder, Snapshots, type Snapshot, type Trace, type TraceFrame } from '../trace/index.js';
import { kernelSourceOf } from './kernel-source.js';

/** An interleaving written down. */
export interface Recording {
  readonly trace: Trace;
  /** The object graph before the first step and after each one. */
  readonly snapshots: readonly Snapshot[];
}

/**
 * Replay a schedule and write everything down.
 * @param cycleFrom of a livelock: number of decisions before those that are repeated for ever
 */
export function record(
  program: Program,
  schedule: Schedule,
  cycleFrom: number | null = null,
): Recording {
  return recordThen(program, schedule, () => undefined, { cycleFrom });
}

/** Where a recorded run stands when its schedule ends. */
export interface Standing {
  readonly machine: Machine;
  readonly recorder: Recorder;
  readonly framesAt: (node: Node) => readonly TraceFrame[];
}

/**
 * As {@link record}.
 * @param look called where the schedule ends, while stacks are still recorded
 * @param options.declare give every task its CPU, also those that do nothing
 */
export function recordThen(
  program: Program,
  schedule: Schedule,
  look: (standing: Standing) => void,
  options: { readonly cycleFrom?: number | null; readonly declare?: boolean } = {},
): Recording {
  const { cycleFrom = null, declare = false } = options;
  let machine: Machine | null = null;
  const frames = new Map<string, readonly TraceFrame[]>();
  const framesAt = (node: Node): readonly TraceFrame[] => {
    const text = stackOf(node) ?? machine!.stackAt(node);
    let found = frames.get(text);
    if (found === undefined) {
      found = framesOf(text).map(({ fn, file: path, line }) => {
        const file = path.replace(/^.*\/(?=(?:src|dist|examples|test)\/)/, '');
        return { fn, file, line, kernel: kernelSourceOf(fn, file) };
      });
      frames.set(text, found);
    }
    return found;
  };
  const recorder = new Recorder(framesAt);
  const snapshots = new Snapshots(recorder.names);
  const built: Program = {
    ...program,
    build: (options) => {
      const made = program.build(options);
      machine = made.machine;
      if (declare) for (const task of machine.tasks) recorder.declare(task);
      snapshots.take(machine);
      return made;
    },
  };
  // Every operation notes its stack when it is first reached: asking later would run the task again.
  const replayed = withStacks(() => {
    const result = replay(built, schedule, {
      observer: recorder,
      beforeStep: (step, decision, at) =>
        recorder.beforeStep(
          step,
          at.tasks.find(({ key }) => key === decision.task)!,
          at,
        ),
      afterStep: (_step, after) => {
        recorder.afterStep(after);
        snapshots.take(after);
      },
    });
    look({ machine: result.machine, recorder, framesAt });
    return result;
  });
  const switches = switchesIn(replayed.machine, schedule);
  return {
    trace: recorder.trace(program.name, schedule.length, switches, replayed, cycleFrom),
    snapshots: snapshots.all,
  };
}

/** The stack noted at a node and at all its callers; null if one of them noted none. */
function stackOf(node: Node): string | null {
  let text = '';
  for (let at: Node | null = node; at !== null; at = at.root.caller) {
    const own = at.op?.frames?.stack;
    if (own === undefined) return null;
    // Below the kernel's function comes the machine that runs it, and whoever runs the machine.
    const lines = own.split('\n');
    const end = lines.findIndex((line) => /[\\/]machine[\\/]grow\./.test(line));
    text += `${lines.slice(0, end < 0 ? undefined : end).join('\n')}\n`;
  }
  return text;
}
