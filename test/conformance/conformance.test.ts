/**
 * The kernel's own tests, each run in the direct build and on the simulated machine, and the table
 * of what came of them: docs/conformance.md. `npm run docs:conformance` writes it.
 */

import { describe, expect, test } from 'vitest';
import { pidfd_file_handle } from './pidfd-handle.js';
import { pidfd_info } from './pidfd-info.js';
import { pidfd_others } from './pidfd-others.js';
import { nsfs } from './nsfs.js';
import type { Suite } from './registry.js';
import { boot, type Form } from './world.js';

const SUITES: readonly Suite[] = [pidfd_file_handle, pidfd_info, ...pidfd_others, ...nsfs];
const FORMS: readonly Form[] = ['direct', 'machine'];

/** The forms in which each test has held, by file and name. */
const held = new Map<string, Form[]>();

const key = (file: string, name: string): string => `${file} ${name}`;

const RUN = SUITES.filter(({ cases }) =>
  Object.values(cases).some((run) => typeof run !== 'string'),
);

describe.each(RUN)('$file', ({ file, cases }) => {
  for (const [name, run] of Object.entries(cases)) {
    if (typeof run === 'string') continue;
    test.each(FORMS)(`${name}, %s`, (form) => {
      const { init, check } = boot(form);
      run(init);
      check();
      held.set(key(file, name), [...(held.get(key(file, name)) ?? []), form]);
    });
  }
});

const HEAD = `# Conformance

The kernel has tests of pidfs and nsfs of its own, in tools/testing/selftests. Each row below is one
of them: what it asserts is asserted here, by a program in \`test/conformance/\` that runs in the direct
build and on the simulated machine, as v7.3. "holds" is written by the run that it held in; where there
is no such program, the row says why. \`npm run docs:conformance\` writes this page.
`;

function table(): string {
  const rows = SUITES.flatMap(({ file, cases }) =>
    Object.entries(cases).map(([name, run]) => {
      const forms = held.get(key(file, name)) ?? [];
      const state = FORMS.every((form) => forms.includes(form)) ? 'holds' : 'does not hold';
      return { file, name, state: typeof run === 'string' ? `out of scope: ${run}` : state };
    }),
  );
  const count = (prefix: string): number =>
    rows.filter(({ state }) => state.startsWith(prefix)).length;
  const sum = `${rows.length} tests: ${count('holds')} hold, ${count('out')} are out of scope, ${count('does')} do not hold.`;
  const lines = rows.map(({ file, name, state }) => `| ${file} | \`${name}\` | ${state} |`);
  return [HEAD, sum, '', '| file | test | here |', '|---|---|---|', ...lines, ''].join('\n');
}

test('docs/conformance.md says what came of it', async ({ skip }) => {
  // With a filter most have not run, and nothing can be said of the page.
  skip(held.size === 0);
  await expect(table()).toMatchFileSnapshot('../../docs/conformance.md');
});
