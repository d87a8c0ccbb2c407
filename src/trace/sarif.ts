/**
 * Violations as a SARIF 2.1.0 log, for code-scanning views.
 *
 * Each result has two code flows: one with a thread flow per CPU, and one with everything in a
 * single thread flow, since viewers often draw only one. Invariant: an alert's fingerprint depends
 * on scenario and title alone, so the same bug is not reported twice.
 */

import type { CheckReport, ReportedBug } from './report.js';
import type { Trace, TraceOperation } from './schema.js';
import { functionOf, UNICODE, wordsOf } from './words.js';

/** The log of all checks. */
export function sarif(reports: readonly CheckReport[]): Record<string, unknown> {
  const bugs = reports.flatMap((report) =>
    report.violations.map((bug) => ({ report, bug, rule: ruleOf(bug) })),
  );
  const rules = [...new Set(bugs.map(({ rule }) => rule))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'dlab',
            version: reports[0]?.tool.version ?? '0.0.0',
            rules: rules.map((id) => ({ id, shortDescription: { text: id.replace('/', ': ') } })),
          },
        },
        results: bugs.map(({ report, bug, rule }) => ({
          ruleId: rule,
          ruleIndex: rules.indexOf(rule),
          level: 'error',
          message: { text: `${bug.title} (${bug.steps} steps, ${bug.switches} switches)` },
          locations: locationsOf(bug.trace, bug.title),
          partialFingerprints: { 'dlabTitle/v1': hash(`${bug.title}|${report.scenario}`) },
          ...(bug.trace === null ? {} : { codeFlows: codeFlowsOf(bug.trace) }),
          properties: {
            token: bug.token,
            scenario: report.scenario,
            variant: report.variant,
          },
        })),
      },
    ],
  };
}

/** `kasan/slab-use-after-free`: the kind, and the title up to where it names functions. */
function ruleOf({ kind, title }: ReportedBug): string {
  const what = title
    .replace(/^[A-Za-z-]+: /, '')
    .replace(/( (Read|Write))? in .*$/, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return `${kind.toLowerCase()}/${what}`;
}

function locationsOf(trace: Trace | null, title: string): Record<string, unknown>[] {
  const finding = trace?.findings.find((other) => other.title === title);
  const operation = trace?.operations[(finding?.operation ?? 0) - 1];
  return operation === undefined ? [] : [locationOf(operation, title)];
}

function locationOf(operation: TraceOperation, text: string): Record<string, unknown> {
  const [frame] = operation.stack;
  const message = { text };
  if (frame === undefined) return { message };
  return {
    message,
    physicalLocation: {
      artifactLocation: { uri: frame.file.replace(/^dist\//, 'src/').replace(/\.js$/, '.ts') },
      region: { startLine: Math.max(1, frame.line) },
    },
    logicalLocations: [
      {
        name: frame.fn,
        kind: 'function',
        ...(frame.kernel === null
          ? {}
          : { fullyQualifiedName: `${frame.kernel.file}:${frame.kernel.fn}` }),
      },
    ],
  };
}

function codeFlowsOf(trace: Trace): Record<string, unknown>[] {
  const visible = trace.operations.filter(
    ({ visible: isVisible, findings }) => isVisible || findings.length > 0,
  );
  const flow = (id: string, operations: readonly TraceOperation[]): Record<string, unknown> => ({
    id,
    locations: operations.map((operation) => ({
      executionOrder: operation.n,
      importance: operation.findings.length > 0 ? 'essential' : 'important',
      location: locationOf(
        operation,
        `${functionOf(operation, trace.tasks[operation.task].name)}: ${wordsOf(operation, UNICODE)}`,
      ),
      state: stateOf(operation),
    })),
  });
  const perTask = trace.tasks.map(({ name, cpu }, task) =>
    flow(
      cpu === null ? `${name} ${task}` : `cpu${cpu} ${name}`,
      visible.filter((operation) => operation.task === task),
    ),
  );
  const threadFlows = perTask.filter(({ locations }) => (locations as unknown[]).length > 0);
  if (threadFlows.length === 0) return [];
  return [{ threadFlows }, { threadFlows: [flow('all', visible)] }];
}

function stateOf({ object, field, value, wrote }: TraceOperation): Record<string, unknown> {
  if (object === null || field === null || (value === null && wrote === null)) return {};
  return { [`${object}.${field}`]: { text: wrote ?? value } };
}

/** FNV-1a, as eight hexadecimal digits. */
function hash(text: string): string {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(16).padStart(8, '0');
}
