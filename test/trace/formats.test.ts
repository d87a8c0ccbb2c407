/**
 * Every format: kept pictures of one small race, and the formats of others checked by their own
 * schema or parser.
 *
 * GOLDEN=write npx vitest run test/trace/formats.test.ts writes the pictures anew.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import Ajv4Module from 'ajv-draft-04';
import parseDot from 'dotparser';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, test } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import { explain, explore, straightSchedule, type Bug } from '../../src/explore/index.js';
import {
  findScenario,
  findVariant,
  programOf,
  record,
  SCENARIOS,
} from '../../src/scenario/index.js';
import {
  dotOfObjects,
  explanationLines,
  FTRACE_LINE,
  ftrace,
  happensBeforeDot,
  junit,
  ladder,
  lanes,
  perfetto,
  sarif,
  splat,
  type CheckReport,
  type Trace,
  type TraceExplanation,
} from '../../src/trace/index.js';
import { renderReports, renderTrace } from '../../src/cli/formats.js';
import { smallRace } from '../support/small-race.js';

const require = createRequire(import.meta.url);
const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const json = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;

function explanationOf(program: ReturnType<typeof smallRace>, bug: Bug): TraceExplanation {
  const { doom, noReturn, near, stopped, bug: shown } = explain(program, bug);
  return {
    minimal: shown.minimal,
    doom: doom.map((point) => point?.share ?? null),
    noReturn,
    near:
      near === null
        ? null
        : {
            pair: near.pair,
            steps: near.steps,
            switches: near.switches,
            every: near.every,
            token: null,
          },
    stopped,
  };
}

function reportOf(changes: Partial<CheckReport> = {}): CheckReport {
  return {
    schema: 1,
    tool: { name: 'dlab', version: '1.2.3' },
    scenario: 'small/race',
    variant: 'v1',
    patch: null,
    lockref: 'faithful',
    rcu: 'abstract',
    fs: 'nsfs',
    reuse: 'never',
    verdict: 'HOLDS',
    engine: 'states',
    reason: null,
    executions: 3,
    blocked: 0,
    states: 4,
    missedStateChance: 1e-28,
    steps: null,
    switches: null,
    title: null,
    token: null,
    titles: [],
    neverTaken: [],
    seconds: 0.25,
    violations: [],
    ...changes,
  };
}

function violated(trace: Trace, bug: Bug, explanation: TraceExplanation): CheckReport {
  const { title, kind, detail, steps, switches, minimal } = bug;
  const token = 'dlab1/small.race@v1/a~abcd';
  return reportOf({
    verdict: 'VIOLATED',
    title,
    token,
    steps,
    switches,
    titles: [title],
    violations: [{ title, kind, detail, token, steps, switches, minimal, trace, explanation }],
  });
}

const program = smallRace();
const [bug] = explore(program).bugs as [Bug];
const { trace, snapshots } = record(program, bug.schedule);
/** One task reads what another has written: an arrow for the formats that draw some. */
const flowing = ((): Trace => {
  const counter = programOf(findScenario('lesson/counter'), {
    variant: findVariant(findScenario('lesson/counter'), 'plain'),
  });
  return record(counter, straightSchedule(counter)).trace;
})();
const explanation = explanationOf(program, bug);
const REPORTS = [
  reportOf(),
  violated(trace, bug, explanation),
  reportOf({ variant: 'v2 <&">', verdict: 'INCOMPLETE', reason: 'budget of 1 s used up' }),
];

const LOOK = { width: 80, ascii: false, colour: false, verbose: false };

const FORMATS: Readonly<Record<string, () => string>> = {
  'ladder.txt': () => [ladder(trace), '', ...explanationLines(trace, explanation)].join('\n'),
  'ladder-verbose.txt': () => ladder(trace, { verbose: true }),
  'ladder-ascii.txt': () =>
    [
      ladder(trace, { ascii: true }),
      '',
      ...explanationLines(trace, explanation, { ascii: true }),
    ].join('\n'),
  'lanes.txt': () => lanes(trace, { width: 100 }),
  'lanes-ascii.txt': () => lanes(trace, { width: 100, ascii: true }),
  'splat.txt': () => splat(trace),
  'ftrace.txt': () => ftrace(trace),
  'trace.json': () => JSON.stringify({ ...trace, snapshots }, null, 1),
  'trace.jsonl': () => renderTrace('jsonl', trace, snapshots, LOOK),
  'reports.jsonl': () => renderReports('jsonl', REPORTS),
  'junit.xml': () => junit(REPORTS),
  'sarif.json': () => JSON.stringify(sarif(REPORTS), null, 1),
  'perfetto-flow.json': () => JSON.stringify(perfetto(flowing), null, 1),
  'perfetto.json': () => JSON.stringify(perfetto(trace), null, 1),
  'objects.dot': () => dotOfObjects(snapshots[1], snapshots[0]),
  'happens-before.dot': () => happensBeforeDot(trace),
};

test.each(Object.entries(FORMATS))('%s is as it was', (name, render) => {
  // Line numbers of the program above are not what this is about.
  const text = `${render().replace(/("(?:line|startLine)": ?)\d+/g, '$10')}\n`;
  const path = at(`golden/${name}`);
  if (process.env['GOLDEN'] === 'write') writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, 'utf8'));
});

/** The schema with no room for fields that it does not name, so that none stays undocumented. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, v]) => [key, strict(v)]));
  return 'properties' in copy && copy['type'] === 'object'
    ? { ...copy, additionalProperties: false }
    : copy;
}

describe('JSON', () => {
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
  ajv.addSchema(strict(json(at('../../schema/trace.schema.json'))) as object);
  const isReport = ajv.compile(strict(json(at('../../schema/report.schema.json'))) as object);
  const isTrace = ajv.getSchema('trace.schema.json')!;

  test('a trace with its snapshots fits the published schema, which names all its fields', () => {
    const text = JSON.stringify({ ...trace, snapshots });
    expect(isTrace(JSON.parse(text)), JSON.stringify(isTrace.errors)).toBe(true);
    expect(isTrace({ ...trace, extra: 1 })).toBe(false);
    expect(isTrace({ ...trace, operations: [{ ...trace.operations[0], cpu: 'x' }] })).toBe(false);
  });

  test('reports fit theirs', () => {
    for (const report of REPORTS) {
      const plain: unknown = JSON.parse(JSON.stringify(report));
      expect(isReport(plain), JSON.stringify(isReport.errors)).toBe(true);
    }
    expect(isReport({ ...REPORTS[0], verdict: 'FINE' })).toBe(false);
  });
});

test('SARIF fits the 2.1.0 schema', () => {
  const path = require
    .resolve('@microsoft/jest-sarif')
    .replace(/index\.js$/, 'schemas/sarif-2.1.0-rtm.5.json');
  const ajv = new Ajv4Module.default({
    strict: false,
    validateFormats: false,
    unicodeRegExp: false,
  });
  const isSarif = ajv.compile(json(path));
  const log = JSON.parse(JSON.stringify(sarif(REPORTS))) as { runs: { results: unknown[] }[] };
  expect(isSarif(log), JSON.stringify(isSarif.errors)).toBe(true);
  expect(log.runs[0].results).toHaveLength(1);
  expect(isSarif({ ...log, version: 2 })).toBe(false);
});

test('JUnit fits its schema, whatever the verdicts and the names', async () => {
  const schema = readFileSync(at('junit.xsd'), 'utf8');
  const problemsOf = async (xml: string): Promise<string[]> => {
    const { errors } = await validateXML({ xml, schema });
    return errors.map(({ message }) => message);
  };
  const nothing = reportOf({ verdict: 'VACUOUS', scenario: 'top', variant: '\u0000\u001b"]]>' });
  for (const reports of [REPORTS, [], [nothing], [...REPORTS, nothing]]) {
    expect(await problemsOf(junit(reports))).toEqual([]);
  }
  // The schema is not one that everything fits.
  const xml = junit(REPORTS);
  const broken = [
    xml.replace(/ classname="small"/, ''),
    xml.replace(/time="0.250"/, 'time="2e-9"'),
    xml.replace(/<error .*\/>/, '$&$&'),
    xml.replace(/<failure/, '<properties/><failure'),
    xml.replace(/tests="3"/, 'tests="-3"'),
    xml.replace('</testsuites>', ''),
  ];
  for (const text of broken) {
    expect(text).not.toBe(xml);
    expect(await problemsOf(text)).not.toEqual([]);
  }
});

test('JUnit is well-formed, counts what it holds, and only HOLDS passes', () => {
  const xml = junit(REPORTS);
  expect(XMLValidator.validate(xml)).toBe(true);
  const parser = new XMLParser({
    ignoreAttributes: false,
    isArray: (name) => ['testsuite', 'testcase'].includes(name),
  });
  const { testsuites } = parser.parse(xml);
  const [suite] = testsuites.testsuite;
  expect([suite['@_tests'], suite['@_failures'], suite['@_errors']]).toEqual(['3', '1', '1']);
  const [holds, fails, incomplete] = suite.testcase;
  expect(holds.failure ?? holds.error).toBeUndefined();
  expect(fails.failure['@_message']).toBe(bug.title);
  expect(fails.failure['#text']).toContain('FREED');
  expect(fails['system-out']).toBe('dlab show dlab1/small.race@v1/a~abcd');
  expect(incomplete['@_name']).toBe('race @ v2 <&">');
  expect(incomplete.error['@_type']).toBe('incomplete');
});

test('the Chrome trace fits the schema of its events', () => {
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strictRequired: false });
  const fits = ajv.compile(json(at('chrome-trace.schema.json')));
  const whole = JSON.parse(JSON.stringify(perfetto(flowing))) as { traceEvents: object[] };
  expect(fits(whole), JSON.stringify(fits.errors)).toBe(true);
  const phases = whole.traceEvents.map((event) => (event as { ph: string }).ph);
  expect([...new Set(phases)].sort()).toEqual(['M', 'X', 'f', 'i', 's']);
  const [slice] = whole.traceEvents.filter((event) => (event as { ph: string }).ph === 'X');
  for (const wrong of [{ dur: 0 }, { ts: -1 }, { ph: 'Z' }, { tid: 'cpu 0' }, { when: 1 }]) {
    expect(fits({ traceEvents: [{ ...slice, ...wrong }] })).toBe(false);
  }
});

test('the Chrome trace has no overlapping slices in a thread, and every flow has both ends', () => {
  const { traceEvents } = perfetto(flowing);
  for (const tid of new Set(traceEvents.map((event) => event.tid))) {
    const slices = traceEvents.filter((event) => event.ph === 'X' && event.tid === tid);
    for (const [i, slice] of slices.entries()) {
      expect(slice.dur).toBeGreaterThan(0);
      if (i > 0)
        expect(slice.ts!).toBeGreaterThanOrEqual(slices[i - 1].ts! + slices[i - 1].dur! - 1e-6);
    }
    expect(traceEvents.some((event) => event.ph === 'M' && event.tid === tid)).toBe(true);
  }
  const ids = (ph: string): unknown[] =>
    traceEvents.filter((event) => event.ph === ph).map(({ id }) => id);
  expect(ids('s').length).toBeGreaterThan(0);
  expect(ids('s')).toEqual(ids('f'));
  expect(new Set(ids('s')).size).toBe(ids('s').length);
});

test('every line of the ftrace text parses by the documented expression', () => {
  const lines = ftrace(trace)
    .split('\n')
    .filter((line) => !line.startsWith('#'));
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) expect(line).toMatch(FTRACE_LINE);
});

test('Graphviz reads both graphs, and no edge leads to a node that is not there', () => {
  for (const text of [dotOfObjects(snapshots[0]), happensBeforeDot(trace, true)]) {
    const [graph] = parseDot(text);
    expect(graph.type).toBe('digraph');
    const nodes = new Set([...text.matchAll(/^ *("[^"]+"|o\d+) \[label/gm)].map(([, id]) => id));
    const edges = [...text.matchAll(/^ *("[^"]+"|o\d+)(?::\S+)? -> ("[^"]+"|o\d+)/gm)];
    expect(edges.length).toBeGreaterThan(0);
    for (const [, from, to] of edges) {
      expect(nodes).toContain(from);
      expect(nodes).toContain(to);
    }
  }
});

describe('the splat', () => {
  test('says in the first line of each report that it is a simulation', () => {
    const reports = splat(trace)
      .split(/={66}\n(?=\[)/)
      .slice(1);
    expect(reports).toHaveLength(trace.findings.length);
    for (const report of reports) expect(report).toMatch(/^\[dlab simulation: this is a model/);
  });

  test('has the kernel’s words', () => {
    const text = splat(trace);
    expect(text).toMatch(/^BUG: KASAN: slab-use-after-free in read_item$/m);
    expect(text).toMatch(/^Read of size 8 at addr item#1\.value by task reader\/101$/m);
    expect(text).toMatch(/^Call Trace:$/m);
    expect(text).toMatch(/^Last potentially related work creation:$/m);
  });
});

describe('text fits into 80 columns, whatever the trace', () => {
  const CASES = SCENARIOS.slice(0, 12).flatMap((scenario) =>
    scenario.variants
      .filter(({ name }) => name !== scenario.newest)
      .slice(0, 4)
      .map(({ name }) => [scenario.name, name] as const),
  );
  const fits = (text: string, width: number): void => {
    const wide = text.split('\n').filter((line) => [...line].length > width);
    expect(wide).toEqual([]);
  };

  test.each(CASES)('%s @ %s', (name, variant) => {
    const scenario = findScenario(name);
    const kernel = programOf(scenario, { variant: findVariant(scenario, variant) });
    const { bugs } = explore(kernel, {
      budget: { states: 20_000, steps: 80_000 },
      minimise: false,
    });
    for (const { schedule } of bugs.slice(0, 2)) {
      const recording = record(kernel, schedule);
      for (const ascii of [false, true]) {
        for (const verbose of [false, true]) {
          const text = ladder(recording.trace, { ascii, verbose });
          fits(text, 80);
          if (ascii) expect(text).toMatch(/^[\u0000-\u007f]*$/);
          expect(text).not.toContain('\u001b');
        }
      }
      fits(lanes(recording.trace, { width: 100 }), 100);
    }
  });

  test('with four CPUs', () => {
    const race = smallRace(3);
    const [first] = explore(race).bugs as [Bug];
    const recording = record(race, first.schedule);
    fits(ladder(recording.trace, { verbose: true }), 80);
  });
});

test('colour only repeats what glyphs and words say', () => {
  const paint = (text: string): string => `\u001b[31m${text}\u001b[39m`;
  const coloured = ladder(trace, { palette: { bad: paint, dim: paint, name: paint } });
  expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(ladder(trace));
});
