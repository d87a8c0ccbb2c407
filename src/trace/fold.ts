/**
 * Which operations of a trace tell its story, and which may be folded away.
 *
 * What no other task in this trace can have noticed is folded: cells that one task alone touches,
 * reads of what the task itself had written, locks nobody waited for, counts whose changes commute.
 * Invariant: a value that goes from one task to another is never folded at either end, nor is
 * anything that a report is about.
 */

import type { Trace, TraceOperation } from './schema.js';

const LOCK_OPS = ['lock', 'unlock', 'trylock'];

function cellOf({ object, field }: TraceOperation): string | null {
  return object === null || field === null ? null : `${object}.${field}`;
}

/** Changes the cell, and not only the lock bit in it. */
function isWrite(operation: TraceOperation): boolean {
  return operation.wrote !== null && !operation.commutes && !LOCK_OPS.includes(operation.op);
}

/** The numbers of the operations that are shown when not everything is. */
export function keyOperations(trace: Trace): Set<number> {
  const keys = new Set<number>();
  const contended = contendedCells(trace);
  const openLocks = locksNeverReleased(trace);
  const waitedFor = new Set(trace.turns.map(({ on }) => on));
  const lastWriter = new Map<string, TraceOperation>();
  /** By cell and task: the last read of a value that somebody else may overwrite. */
  const lastRead = new Map<string, Map<number, TraceOperation>>();
  for (const operation of trace.operations) {
    const { n, op, task } = operation;
    if (operation.findings.length > 0 || op === 'free' || op === 'atomic') keys.add(n);
    if (op === 'choose' || (op === 'alloc' && operation.value === 'NULL')) keys.add(n);
    if (operation.starts !== null) keys.add(callRcuBefore(trace, operation));
    const cell = cellOf(operation);
    if (cell === null) continue;
    if (LOCK_OPS.includes(op)) {
      const busy = op === 'trylock' && operation.wrote === null;
      if (busy || openLocks.has(n) || waitedFor.has(lockOf(operation))) keys.add(n);
      continue;
    }
    if (!contended.has(cell) || operation.commutes) continue;
    if (operation.value !== null) {
      const writer = lastWriter.get(cell);
      if (writer !== undefined && writer.task !== task) {
        keys.add(n);
        keys.add(writer.n);
      }
      const readers = lastRead.get(cell) ?? new Map<number, TraceOperation>();
      readers.set(task, operation);
      lastRead.set(cell, readers);
    }
    if (isWrite(operation)) {
      keys.add(n);
      for (const [reader, read] of lastRead.get(cell) ?? []) if (reader !== task) keys.add(read.n);
      lastRead.delete(cell);
      lastWriter.set(cell, operation);
    }
  }
  for (const run of runsOf(trace.operations)) {
    // Somebody who runs is seen to do something.
    const steps = run.filter(({ main }) => main);
    if (!run.some(({ n }) => keys.has(n))) keys.add((steps.at(-1) ?? run.at(-1)!).n);
  }
  return keys;
}

/** Neighbouring operations of one task. */
export function runsOf(operations: readonly TraceOperation[]): TraceOperation[][] {
  const runs: TraceOperation[][] = [];
  for (const operation of operations) {
    const run = runs.at(-1);
    if (run !== undefined && run[0].task === operation.task) run.push(operation);
    else runs.push([operation]);
  }
  return runs;
}

/** Cells that two tasks touch, one of them writing. */
function contendedCells(trace: Trace): Set<string> {
  const tasks = new Map<string, Set<number>>();
  const written = new Set<string>();
  for (const operation of trace.operations) {
    const cell = cellOf(operation);
    if (cell === null || LOCK_OPS.includes(operation.op) || !operation.visible) continue;
    const who = tasks.get(cell) ?? new Set();
    who.add(operation.task);
    tasks.set(cell, who);
    if (isWrite(operation)) written.add(cell);
  }
  return new Set([...written].filter((cell) => tasks.get(cell)!.size > 1));
}

/** `dentry#1.d_lock`, as turns name it. */
export function lockOf({ object, field }: TraceOperation): string {
  return `${object}.${field === 'd_lockref' ? 'd_lock' : field}`;
}

function locksNeverReleased(trace: Trace): Set<number> {
  const open = new Map<string, number>();
  for (const operation of trace.operations) {
    const lock = `${operation.task} ${lockOf(operation)}`;
    if (operation.op === 'unlock') open.delete(lock);
    else if (LOCK_OPS.includes(operation.op) && operation.wrote !== null) {
      open.set(lock, operation.n);
    }
  }
  return new Set(open.values());
}

/** The grace period that a callback waits for was asked for right before it was queued. */
function callRcuBefore(trace: Trace, { n, task }: TraceOperation): number {
  const before = trace.operations
    .slice(0, n - 1)
    .findLast((operation) => operation.task === task && operation.step <= n);
  return before?.op === 'sectionSnapshot' ? before.n : n;
}
