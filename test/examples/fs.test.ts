/** The filesystem examples do what they say: the wrong program is caught, the right one holds. */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { FsExploreOptions, Kernel } from 'dentrylab/fs';

interface Example {
  readonly expect: string;
  readonly kernel: () => Kernel;
  readonly options?: FsExploreOptions;
}

const FOLDER = fileURLToPath(new URL('../../examples/fs/', import.meta.url));
const names = readdirSync(FOLDER).filter((file) => file !== 'run.mjs');
/** A story is read at one glance. */
const ROWS_MAX = 12;

describe.each(names)('%s', async (name) => {
  const cases = (await import(`${FOLDER}${name}`)) as Record<string, Example>;

  test.each(Object.entries(cases))('%s', async (_title, { expect: verdict, kernel, options }) => {
    const report = await kernel().explore(options);
    expect(report.verdict, report.text).toBe(verdict);
    expect(report.interleavings).toBeGreaterThan(verdict === 'HOLDS' ? 9 : 0);
    expect(report.complete).toBe(verdict === 'HOLDS');
    for (const { rows, minimal, title } of report.bugs) {
      expect(rows.length).toBeLessThanOrEqual(ROWS_MAX);
      expect(minimal).toBe(true);
      expect(title).not.toContain('undefined');
    }
  });

  test('both kinds are there', () => {
    const verdicts = new Set(Object.values(cases).map(({ expect: verdict }) => verdict));
    expect([...verdicts].sort()).toEqual(['HOLDS', 'VIOLATED']);
  });
});

/** As a user runs them, on what was built. */
function run(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${FOLDER}run.mjs`, ...args], {
    encoding: 'utf8',
  });
  return { code: status, out: stdout, err: stderr };
}

test('one is run by its name', () => {
  const { code, out } = run('toctou');
  expect(code).toBe(0);
  expect(out).toMatch(/^toctou: checkedByName\nVIOLATED: server: the secret is shown\n/);
  expect(out).toContain('toctou: checkedWhenOpen\nHOLDS');
});

test('a name that is none is answered with those that there are', () => {
  const { code, err } = run('tocto');
  expect(code).toBe(2);
  expect(err).toBe(
    `there is no example 'tocto'; there are ${names.map((each) => each.replace('.mjs', '')).join(', ')}\n`,
  );
});
