/**
 * A trace in Chrome's trace event format, which Perfetto and about:tracing open.
 *
 * One step is a millisecond. Invariant: slices of one thread do not overlap; a flow arrow begins
 * in the slice of the write and ends in that of the read which saw its value.
 */

import type { Trace } from './schema.js';
import { functionOf, UNICODE, wordsOf } from './words.js';

const STEP_US = 1000;

interface Event {
  readonly name: string;
  readonly ph: 'M' | 'X' | 's' | 'f' | 'i';
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: number;
  readonly bp?: 'e';
  readonly s?: 't';
  readonly args?: Readonly<Record<string, unknown>>;
}

/** The JSON object that a `.json` file for Perfetto holds. */
export function perfetto(trace: Trace): {
  readonly traceEvents: readonly Event[];
  readonly displayTimeUnit: 'ms';
  readonly otherData: Readonly<Record<string, string>>;
} {
  const cpus = trace.tasks.filter(({ actor }) => !actor).length;
  const tidOf = (task: number): number => trace.tasks[task].cpu ?? cpus;
  const events: Event[] = [
    { name: 'process_name', ph: 'M', pid: 0, tid: 0, args: { name: trace.program } },
  ];
  const threads = new Map<number, string>();
  for (const [i, { name, cpu, actor }] of trace.tasks.entries()) {
    // The order of tracks cannot be chosen, so the names sort.
    threads.set(tidOf(i), actor ? 'rcu' : `cpu ${String(cpu).padStart(2, '0')} ${name}`);
  }
  for (const [tid, name] of [...threads].sort(([a], [b]) => a - b)) {
    events.push({ name: 'thread_name', ph: 'M', pid: 0, tid, args: { name } });
  }
  const span = spans(trace);
  for (const operation of trace.operations) {
    const { ts, dur } = span[operation.n - 1];
    const tid = tidOf(operation.task);
    const fn = functionOf(operation, trace.tasks[operation.task].name);
    const words = wordsOf(operation, UNICODE);
    const { step, order, locksHeld, rcuDepth, value, wrote } = operation;
    events.push({
      name: `${fn}: ${words}`,
      cat: operation.op,
      ph: 'X',
      pid: 0,
      tid,
      ts,
      dur,
      args: { step, order, value, wrote, locksHeld, rcuDepth },
    });
    for (const title of operation.findings) {
      events.push({ name: title, ph: 'i', s: 't', cat: 'report', pid: 0, tid, ts });
    }
    const writer = trace.operations[(operation.readsFrom ?? 0) - 1];
    if (writer === undefined || writer.task === operation.task) continue;
    const flow = { name: 'reads from', cat: 'reads-from', pid: 0, id: operation.n } as const;
    const from = span[writer.n - 1];
    events.push({ ...flow, ph: 's', tid: tidOf(writer.task), ts: from.ts });
    events.push({ ...flow, ph: 'f', bp: 'e', tid, ts });
  }
  return {
    traceEvents: events,
    displayTimeUnit: 'ms',
    otherData: { tool: 'dentrylab', clock: '1 step = 1 ms', note: 'a simulation' },
  };
}

/** When each operation happens: those of one step share its millisecond. */
function spans({ operations }: Trace): { ts: number; dur: number }[] {
  const perStep = new Map<number, number>();
  for (const { step } of operations) perStep.set(step, (perStep.get(step) ?? 0) + 1);
  let step = 0;
  let index = 0;
  return operations.map((operation) => {
    index = operation.step === step ? index + 1 : 0;
    ({ step } = operation);
    const dur = STEP_US / perStep.get(step)!;
    return { ts: (step - 1) * STEP_US + index * dur, dur };
  });
}
