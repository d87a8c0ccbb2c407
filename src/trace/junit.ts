/**
 * Checks as a JUnit file: one test case per scenario and variant.
 *
 * Invariant: what is not a proof is an error, so that CI turns red; only HOLDS passes. Only what the
 * schemas of Jenkins and of Surefire both know is used: a test case has no properties there, so the
 * command that replays a bug is its output.
 */

import { ladder } from './ladder.js';
import type { CheckReport } from './report.js';

/** The XML document. */
export function junit(reports: readonly CheckReport[]): string {
  const suites = new Map<string, CheckReport[]>();
  for (const report of reports) {
    const suite = report.scenario.replace(/\/.*/, '');
    suites.set(suite, [...(suites.get(suite) ?? []), report]);
  }
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="dlab" ${counts(reports)}>`,
    ...[...suites].flatMap(([name, own]) => [
      ` <testsuite name="${escape(name)}" ${counts(own)}>`,
      ...own.flatMap((report) => testCase(name, report)),
      ' </testsuite>',
    ]),
    '</testsuites>',
  ].join('\n');
}

function counts(reports: readonly CheckReport[]): string {
  const failures = reports.filter(({ verdict }) => verdict === 'VIOLATED').length;
  const passed = reports.filter(({ verdict }) => verdict === 'HOLDS').length;
  const errors = reports.length - failures - passed;
  const time = reports.reduce((sum, { seconds }) => sum + seconds, 0);
  return `tests="${reports.length}" failures="${failures}" errors="${errors}" time="${time.toFixed(3)}"`;
}

function testCase(suite: string, report: CheckReport): string[] {
  const { scenario, variant, patch, verdict, reason, token, seconds } = report;
  const short = scenario.slice(suite.length + 1);
  const name = `${short === '' ? scenario : short} @ ${variant}${patch === null ? '' : ` with ${patch}`}`;
  const head = `  <testcase classname="${escape(suite)}" name="${escape(name)}" time="${seconds.toFixed(3)}"`;
  if (verdict === 'HOLDS') return [`${head}/>`];
  const lines = [`${head}>`];
  if (verdict === 'VIOLATED') {
    const [bug] = report.violations;
    const text = bug === undefined || bug.trace === null ? '' : ladder(bug.trace);
    lines.push(
      `   <failure type="${escape(bug?.kind ?? 'bug')}" message="${escape(report.title ?? '')}">${escape(text)}</failure>`,
    );
  } else {
    const message = reason ?? 'nothing was put to the test';
    lines.push(`   <error type="${verdict.toLowerCase()}" message="${escape(message)}"/>`);
  }
  if (token !== null) {
    const show = `dlab show ${token}${patch === null ? '' : ` --with ${patch}`}`;
    lines.push(`   <system-out>${escape(show)}</system-out>`);
  }
  return [...lines, '  </testcase>'];
}

function escape(text: string): string {
  return (
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      // No other control character may be in an XML document at all.
      .replace(/[^\t\n\r -\uffff]/gu, (character) => (character > '\uffff' ? character : '?'))
  );
}
