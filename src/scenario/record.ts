/** Recording an interleaving of a scenario as a trace. */

import { framesOf, replay, switchesIn, type Program, type Schedule } from '../explore/index.js';
import type { Machine, Node } from '../machine/index.js';
import { Recorder, Snapshots, type Snapshot, type Trace, type TraceFrame } from '../trace/index.js';

export interface Recording {
  readonly trace: Trace;
  /** The object graph before the first step and after each one. */
  readonly snapshots: readonly Snapshot[];
}

/** Replay a schedule and write everything down. */
export function record(program: Program, schedule: Schedule): Recording {
  let machine: Machine | null = null;
  const cache = new Map<Node, readonly TraceFrame[]>();
  const framesAt = (node: Node): readonly TraceFrame[] => {
    let frames = cache.get(node);
    if (frames === undefined) {
      frames = framesOf(machine!.stackAt(node)).map(({ fn, file, line }) => ({
        fn,
        file: file.replace(/^.*\/(?=(?:src|dist|examples)\/)/, ''),
        line,
      }));
      cache.set(node, frames);
    }
    return frames;
  };
  const recorder = new Recorder(framesAt);
  const snapshots = new Snapshots(recorder.names);
  const built: Program = {
    ...program,
    build: (options) => {
      const made = program.build(options);
      machine = made.machine;
      snapshots.take(machine);
      return made;
    },
  };
  const replayed = replay(built, schedule, {
    observer: recorder,
    beforeStep: (step) => recorder.beforeStep(step),
    afterStep: (_step, after) => snapshots.take(after),
  });
  const switches = switchesIn(replayed.machine, schedule);
  return {
    trace: recorder.trace(program.name, schedule.length, switches, replayed),
    snapshots: snapshots.all,
  };
}
