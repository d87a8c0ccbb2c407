/**
 * The kernel's own wording of a report, so that it can be searched for; marked as a simulation.
 *
 * Invariant: the first line of each report says that no kernel ran. Sections and words are those of
 * mm/kasan/report.c, kernel/kcsan/report.c and the hung-task and lockdep reports; registers, page
 * dump and shadow bytes, which a model does not have, are left out.
 */

import type { Trace, TraceOperation } from './schema.js';

const RULE = '='.repeat(66);
/** Simulated process numbers: the first task gets this one. */
const FIRST_PID = 101;

/** Every report of a trace; lines joined by newlines, without one at the end. */
export function splat(trace: Trace): string {
  if (trace.findings.length === 0) return `${mark(trace)}\nnothing was reported`;
  return trace.findings
    .map((_, i) => [RULE, mark(trace), ...report(trace, i), RULE].join('\n'))
    .join('\n\n');
}

function mark({ program }: Trace): string {
  return `[dlab simulation: this is a model, not a running kernel: ${program}]`;
}

function report(trace: Trace, index: number): string[] {
  const { title, kind, detail, operation } = trace.findings[index];
  const at = trace.operations[operation - 1];
  if (/^INFO: rcu detected stall/.test(title)) return stall(detail);
  if (at === undefined) return [heading(title, kind), ...(detail === '' ? [] : [detail])];
  switch (kind) {
    case 'KASAN':
      return kasan(trace, title, at);
    case 'KCSAN':
      return kcsan(trace, title, at);
    default:
      return [
        ...(/suspicious RCU usage/.test(title)
          ? suspiciousUsage(detail)
          : [heading(title, kind), ...(detail === '' ? [] : [detail])]),
        '',
        ...where(trace, at),
        ...(at.locksHeld.length === 0
          ? []
          : ['', `${at.locksHeld.length} locks held by ${who(trace, at.task)}:`]),
        ...at.locksHeld.map((lock, i) => ` #${i}: (${lock})`),
      ];
  }
}

/** PROVE_RCU, as lockdep_rcu_suspicious() in kernel/locking/lockdep.c prints it. */
function suspiciousUsage(detail: string): string[] {
  return [
    'WARNING: suspicious RCU usage',
    '-----------------------------',
    `suspicious usage: ${detail}!`,
    '',
    'other info that might help us debug this:',
    '',
    'rcu_scheduler_active = 2, debug_locks = 1',
    '',
    'stack backtrace:',
  ];
}

/** A stall, as kernel/rcu/tree_stall.h prints it: who holds the grace period up, and who waits. */
function stall(detail: string): string[] {
  const [first, ...others] = detail.split('; ');
  return [`rcu: INFO: ${first}:`, ...others.map((line) => `rcu: \t${line}`)];
}

function heading(title: string, kind: string): string {
  return /^(BUG|WARNING|INFO|kernel BUG)/.test(title) || kind === 'WARN' ? title : `BUG: ${title}`;
}

function pidOf(trace: Trace, task: number): number {
  const { cpu } = trace.tasks[task];
  return cpu === null ? 0 : FIRST_PID + cpu;
}

function who(trace: Trace, task: number): string {
  return `${trace.tasks[task].name}/${pidOf(trace, task)}`;
}

function where(trace: Trace, at: TraceOperation): string[] {
  return [
    `CPU: ${at.cpu ?? 0} PID: ${pidOf(trace, at.task)} Comm: ${trace.tasks[at.task].name} Not tainted dlab`,
    `Hardware name: dlab ${cpus(trace)}-CPU sequentially consistent`,
    'Call Trace:',
    ...calls(at),
  ];
}

function cpus(trace: Trace): number {
  return trace.tasks.filter(({ actor }) => !actor).length;
}

function calls({ stack }: TraceOperation): string[] {
  const frames = stack.map(
    ({ fn, kernel }) => ` ${fn} (${kernel === null ? 'dlab' : kernel.file})`,
  );
  return frames.length === 0 ? [' (the task itself)'] : frames;
}

function kasan(trace: Trace, title: string, at: TraceOperation): string[] {
  const access = /(Read|Write) in/.exec(title)?.[1];
  // The title of the report itself does not say whether it was a read: the line after it does.
  const lines = [`BUG: ${title.replace(/ (Read|Write) in/, ' in')}`];
  const object = at.object ?? 'an object';
  const place = `${object}${at.field === null ? '' : `.${at.field}`}`;
  lines.push(
    `${access ?? 'Free'} of size 8 at addr ${place} by task ${who(trace, at.task)}`,
    '',
    ...where(trace, at),
  );
  const allocated = trace.operations[(trace.allocated[object] ?? 0) - 1];
  const freed = trace.operations[(trace.freed[object] ?? 0) - 1];
  if (allocated === undefined) lines.push('', 'Allocated by task init/1:', ' (set-up)');
  else lines.push('', `Allocated by task ${who(trace, allocated.task)}:`, ...calls(allocated));
  if (freed !== undefined && freed.n < at.n) {
    const by = trace.tasks[freed.task].actor
      ? 'Freed by the RCU callback'
      : `Freed by task ${who(trace, freed.task)}`;
    lines.push('', `${by} in step ${freed.step}:`, ...calls(freed));
    const queued = trace.operations.findLast(
      ({ n, starts }) => n < freed.n && starts === freed.task,
    );
    if (queued !== undefined) {
      lines.push(
        '',
        'Last potentially related work creation:',
        ` by task ${who(trace, queued.task)} in step ${queued.step}`,
        ...calls(queued),
      );
    }
  }
  const cache = object.replace(/#.*/, '');
  lines.push(
    '',
    `The buggy address belongs to the object ${object}`,
    ` which belongs to the cache ${cache}`,
    'The buggy address is located in',
    ` field ${at.field ?? '(none)'} of the freed ${object}`,
  );
  return lines;
}

function kcsan(trace: Trace, title: string, at: TraceOperation): string[] {
  const cell = `${at.object}.${at.field}`;
  const other = trace.operations.find(
    (operation) =>
      operation.n > at.n &&
      operation.task !== at.task &&
      `${operation.object}.${operation.field}` === cell,
  );
  const lines = [`BUG: ${title}`];
  for (const operation of [at, ...(other === undefined ? [] : [other])]) {
    const { task, cpu } = operation;
    lines.push(
      '',
      `${accessOf(operation)} to ${cell} of 8 bytes by task ${pidOf(trace, task)} on cpu ${cpu ?? 0}:`,
      ...calls(operation),
    );
  }
  if (other !== undefined && other.wrote !== null) {
    lines.push('', `value changed: ${other.value ?? at.value ?? '?'} -> ${other.wrote}`);
  }
  return lines;
}

function accessOf({ value, wrote, order }: TraceOperation): string {
  const access = wrote === null ? 'read' : value === null ? 'write' : 'read-write';
  return order === 'plain' ? access : `${access} (marked)`;
}
