/**
 * A trace as the kernel's function tracer prints one, with a counter in place of the time.
 *
 * Invariant: every line after the header matches FTRACE_LINE. The flags are the kernel's: `d`
 * interrupts off, never set here; `n` no reschedule pending, always; `s` softirq for RCU's actors;
 * the last column is the preemption depth: locks held and, on this model, readers.
 */

import type { Trace } from './schema.js';
import { ASCII, functionOf, wordsOf } from './words.js';

/** Task and number, CPU, flags, step, function, access. */
export const FTRACE_LINE = /^ *(\S+)-(\d+) +\[(\d{3})\] (\.\.[.s]\d) +(\d+\.\d{6}): (\S+): (.*)$/;

const FIRST_PID = 101;

/** The trace as text, one line per operation that others can notice. */
export function ftrace(trace: Trace): string {
  const cpus = trace.tasks.filter(({ actor }) => !actor).length;
  const lines = [
    '# tracer: dlab',
    '#',
    `# program: ${trace.program}   clock: counter (step.operation)   #P:${cpus}`,
    '# simulation: this is a model, not a running kernel',
    '#',
    '#                                _-----=> irqs-off',
    '#                               / _----=> need-resched',
    '#                              | / _---=> softirq',
    '#                              || / _--=> preempt-depth',
    '#                              ||| /',
    '#           TASK-PID     CPU#  ||||   STEP        FUNCTION: ACCESS',
    '#              | |         |   ||||     |            |',
  ];
  let step = 0;
  let inStep = 0;
  for (const operation of trace.operations) {
    inStep = operation.step === step ? inStep + 1 : 0;
    ({ step } = operation);
    if (!operation.visible && operation.findings.length === 0) continue;
    const task = trace.tasks[operation.task];
    const pid = task.cpu === null ? 0 : FIRST_PID + task.cpu;
    const depth = Math.min(9, operation.locksHeld.length + operation.rcuDepth);
    const name = `${task.name.replaceAll(' ', '_')}-${pid}`.padStart(20);
    const cpu = String(operation.cpu ?? 0).padStart(3, '0');
    const stamp = `${step}.${String(inStep).padStart(6, '0')}`.padStart(12);
    const words = wordsOf(operation, ASCII);
    const bad = operation.findings.map((title) => ` *** ${title}`).join('');
    lines.push(
      `${name}     [${cpu}] ..${task.actor ? 's' : '.'}${depth} ${stamp}: ${functionOf(operation, task.name)}: ${words}${bad}`,
    );
  }
  return lines.join('\n');
}
