/**
 * The kernel log as structured records: printk goes to pino, with the kernel's levels and one child
 * logger per task. Exploring says nothing; a replay passes a destination in.
 */

import { pino, type DestinationStream, type Logger } from 'pino';
import type { Trace } from './schema.js';

/** Levels of include/linux/kern_levels.h; higher is graver, as pino wants it. */
export const KERNEL_LEVELS = {
  emerg: 70,
  alert: 65,
  crit: 60,
  err: 50,
  warning: 40,
  notice: 35,
  info: 30,
  debug: 20,
};

/** A level of the kernel log. */
export type KernelLevel = keyof typeof KERNEL_LEVELS;
/** A pino logger with the levels of the kernel. */
export type KernelLog = Logger<KernelLevel>;

/** A logger whose records carry the operation's number in place of a time. */
export function createKernelLog(destination: DestinationStream): KernelLog {
  return pino(
    {
      base: null,
      level: 'debug',
      customLevels: KERNEL_LEVELS,
      useOnlyCustomLevels: true,
      timestamp: false,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

/** Write a trace's log lines and reports to the log, in order. */
export function logTrace(trace: Trace, log: KernelLog): void {
  const children = trace.tasks.map((task, cpu) => log.child({ cpu, task: task.name }));
  for (const { n, task, log: lines, findings } of trace.operations) {
    const child = children[task];
    for (const { level, text } of lines) {
      const known = level in KERNEL_LEVELS ? (level as KernelLevel) : 'info';
      child[known]({ n }, text);
    }
    for (const title of findings) child.err({ n }, title);
  }
}
