/**
 * Graphs for Graphviz: the objects at one moment, and what happens before what.
 *
 * Invariant: every edge of the happens-before graph is program order, a value read, a lock handed
 * over, a task started, or a conflict that this interleaving happened to order (dashed).
 */

import type { Trace, TraceOperation } from './schema.js';
import type { Snapshot } from './snapshots.js';
import { functionOf, UNICODE, wordsOf } from './words.js';
import { keyOperations } from './fold.js';

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Text inside a record label. */
function field(text: string): string {
  return text.replace(/[\\{}|<>" ]/g, (character) => `\\${character}`);
}

/**
 * The object graph.
 * @param before the snapshot of an earlier step: fields that differ from it are marked with `*`
 */
export function dotOfObjects(snapshot: Snapshot, before: Snapshot = snapshot): string {
  const lines = [
    'digraph objects {',
    '  rankdir=LR;',
    '  node [shape=record, fontname="monospace"];',
  ];
  const edges: string[] = [];
  for (const [name, view] of Object.entries(snapshot)) {
    const fields = Object.entries(view).filter(([key]) => key !== 'life');
    const rows = fields.map(([key, value]) => {
      const changed = before[name]?.[key] === value ? '' : '*';
      return `<${port(key)}> ${field(`${key}${changed} = ${value}`)}`;
    });
    const freed = view['life'] === 'freed';
    const title = field(`${name}${freed ? ' (freed)' : ''}`);
    lines.push(
      `  ${quote(name)} [label="${[title, ...rows].join('|')}"${freed ? ', style=dashed' : ''}];`,
    );
    for (const [key, value] of fields) {
      for (const target of targetsOf(value, snapshot)) {
        edges.push(`  ${quote(name)}:${quote(port(key))} -> ${quote(target)};`);
      }
    }
  }
  return [...lines, ...edges, '}'].join('\n');
}

function port(key: string): string {
  return `f_${key.replace(/\W/g, '_')}`;
}

/** The objects that a value points to: `dentry#1`, `&ns#1.stashed`, `[dentry#1 dentry#2]`. */
function targetsOf(value: string, snapshot: Snapshot): string[] {
  const names = value.replace(/^\[|\]$/g, '').split(' ');
  const targets = names.map((name) =>
    name.startsWith('&') ? name.slice(1, name.lastIndexOf('.')) : name,
  );
  return targets.filter((target) => Object.hasOwn(snapshot, target));
}

const EDGES = {
  program: '',
  reads: ' [label="reads", color=darkgreen]',
  lock: ' [label="lock", color=blue]',
  starts: ' [label="starts", color=blue]',
  order: ' [style=dashed, constraint=false]',
} as const;

/** What happens before what, as far as the folded ladder shows it; all of it if `verbose`. */
export function happensBeforeDot(trace: Trace, verbose = false): string {
  const keys = verbose ? null : keyOperations(trace);
  const shown = trace.operations.filter(({ n }) => keys === null || keys.has(n));
  const lines = ['digraph happens_before {', '  node [shape=box, fontname="monospace"];'];
  for (const [task, { name }] of trace.tasks.entries()) {
    const own = shown.filter((operation) => operation.task === task);
    lines.push(`  subgraph cluster_${task} {`, `    label=${quote(name)};`);
    for (const operation of own) {
      const text = `${operation.step} ${functionOf(operation, name)}\\n`;
      const bad = operation.findings.length > 0 ? ', color=red, penwidth=2' : '';
      const label = `"${text}${wordsOf(operation, UNICODE).replaceAll('"', '\\"')}"`;
      lines.push(`    o${operation.n} [label=${label}${bad}];`);
    }
    lines.push('  }');
    for (const [i, operation] of own.entries()) {
      if (i > 0) lines.push(`  o${own[i - 1].n} -> o${operation.n};`);
    }
  }
  const drawn = new Set(shown.map(({ n }) => n));
  for (const { from, to, kind } of crossEdges(trace)) {
    if (drawn.has(from) && drawn.has(to)) lines.push(`  o${from} -> o${to}${EDGES[kind]};`);
  }
  return [...lines, '}'].join('\n');
}

interface CrossEdge {
  readonly from: number;
  readonly to: number;
  readonly kind: keyof typeof EDGES;
}

/** Edges between different tasks. */
function crossEdges(trace: Trace): CrossEdge[] {
  const edges: CrossEdge[] = [];
  const last = new Map<string, TraceOperation>();
  const lastUnlock = new Map<string, TraceOperation>();
  const started = new Map<number, number>();
  for (const operation of trace.operations) {
    const { n, task, op } = operation;
    const queued = started.get(task);
    if (queued !== undefined) {
      edges.push({ from: queued, to: n, kind: 'starts' });
      started.delete(task);
    }
    if (operation.starts !== null) started.set(operation.starts, n);
    if (operation.object === null) continue;
    const cell = `${operation.object}.${operation.field}`;
    if (op === 'lock') {
      const unlock = lastUnlock.get(cell);
      if (unlock !== undefined && unlock.task !== task) {
        edges.push({ from: unlock.n, to: n, kind: 'lock' });
      }
      continue;
    }
    if (op === 'unlock') {
      lastUnlock.set(cell, operation);
      continue;
    }
    const writer = trace.operations[(operation.readsFrom ?? 0) - 1];
    const before = last.get(cell);
    if (writer !== undefined && writer.task !== task) {
      edges.push({ from: writer.n, to: n, kind: 'reads' });
    } else if (before !== undefined && before.task !== task && operation.wrote !== null) {
      edges.push({ from: before.n, to: n, kind: 'order' });
    }
    last.set(cell, operation);
  }
  return edges;
}
