/** `dlab patch` and `dlab new variant`: what a patch changes, and with which exit code it ends. */

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  branchesOf,
  changeOf,
  exitOf,
  retriesOf,
  worst,
  type Pair,
} from '../../../src/cli/patch/compare.js';
import { NO_PATCH } from '../../../src/cli/patch/load.js';
import { sideOf, touches, type Side } from '../../../src/cli/patch/side.js';
import { create } from '../../../src/cli/new.js';
import { jobsOf } from '../../../src/cli/options.js';
import type { Bug } from '../../../src/explore/index.js';
import { dcache_functions } from '../../../src/dcache/index.js';
import type { KernelFunction } from '../../../src/machine/index.js';
import { vfs_functions } from '../../../src/vfs/index.js';
import { dlab, scratch } from '../../support/dlab.js';
import { inProcess } from '../../support/in-process.js';

const side = (given: Partial<Side>): Side => ({
  verdict: 'HOLDS',
  reason: null,
  states: 1,
  bug: null,
  taken: [],
  retries: [],
  seconds: 0,
  ...given,
});
const bug = (title: string, steps = 1): Bug => ({
  title,
  kind: 'KASAN',
  detail: '',
  schedule: [],
  steps,
  switches: 1,
  minimal: true,
});
const violated = (title: string, steps?: number): Side =>
  side({ verdict: 'VIOLATED', bug: bug(title, steps) });
const [job] = jobsOf(['stash/close-vs-open'], {});
const pair = (before: Side, after: Side): Pair => ({ job, before, after });
const holds = side({});
const incomplete = side({ verdict: 'INCOMPLETE', reason: 'budget' });

test('a patch that goes on with an error pointer is VIOLATED, and no bug of dlab', () => {
  const { code, out, err } = dlab(
    'check',
    'race/b04b-blind-sentinel-exit',
    '--with',
    'examples/my-stash.ts',
  );
  expect(code, err).toBe(1);
  expect(out).toMatch(/BUG: unable to handle page fault/);
});

describe('what became of a scenario, and the exit code', () => {
  test.each([
    [holds, holds, 'still holds', 0],
    [holds, violated('a'), 'newly violated', 1],
    [incomplete, violated('a'), 'newly violated', 1],
    [violated('a'), holds, 'newly proved', 0],
    [incomplete, holds, 'newly proved', 0],
    [violated('a'), violated('a'), 'still violated', 0],
    [violated('a'), violated('b'), 'violated in another way', 0],
    [holds, incomplete, 'INCOMPLETE', 3],
    [violated('a'), incomplete, 'INCOMPLETE', 3],
    [holds, side({ verdict: 'VACUOUS' }), 'VACUOUS', 5],
  ])('%#', (before, after, change, code) => {
    expect(changeOf(pair(before, after))).toBe(change);
    expect(exitOf([pair(before, after)], 0)).toBe(code);
  });

  test('the worst of several counts, and what could not be looked at is not passed over', () => {
    expect(exitOf([pair(holds, incomplete), pair(holds, violated('a'))], 0)).toBe(1);
    expect(exitOf([pair(holds, holds)], 1)).toBe(3);
    expect(exitOf([], 0)).toBe(5);
    expect(exitOf([], 2)).toBe(3);
  });

  test('the shortest new counterexample is shown', () => {
    const pairs = [
      pair(holds, violated('long', 9)),
      pair(violated('old', 1), violated('old', 1)),
      pair(holds, violated('short', 5)),
    ];
    expect(worst(pairs)?.after.bug?.title).toBe('short');
    expect(worst([pair(holds, holds)])).toBeNull();
  });
});

test('branches and retries are told of what was explored to its end on both sides', () => {
  const all = [
    pair(
      side({ taken: ['f a', 'f b'], retries: [{ fn: 'f', most: 1 }] }),
      side({ taken: ['f b', 'f c'], retries: [{ fn: 'f', most: null }] }),
    ),
    pair(side({ taken: ['f d'] }), violated('a')),
    pair(side({ taken: ['f e'], retries: [{ fn: 'f', most: 7 }] }), incomplete),
  ];
  expect(branchesOf(all)).toEqual({ gained: ['f c'], lost: ['f a'] });
  expect(retriesOf(all, [])).toEqual([{ fn: 'f', before: 1, after: Infinity }]);
  expect(retriesOf([all[0], all[0]], ['f'])).toHaveLength(1);
});

describe('touched is measured', () => {
  const touchOf = (scenario: string, name: string, body: KernelFunction): string =>
    touches(jobsOf([scenario], {})[0], { functions: { [name]: body }, branches: [] });

  test('a function that every run calls, and one that none calls', () => {
    const { path_from_stashed } = vfs_functions;
    expect(touchOf('stash/open-reap-close', 'path_from_stashed', path_from_stashed)).toBe('yes');
    expect(touchOf('stash/open-reap-close', 'd_move', dcache_functions.d_move)).toBe('no');
  });

  test('a look that is cut off answers that it did not see', () => {
    const [open] = jobsOf(['stash/close-vs-open'], {});
    const none = { functions: { d_move: dcache_functions.d_move }, branches: [] };
    expect(touches(open, none, () => false)).toBe('unseen');
  });
});

test('a side is the verdict that check gives, with bounds on retries', () => {
  const [small] = jobsOf(['race/b08-dput-in-rcu'], {});
  const { verdict, retries, taken } = sideOf(small, NO_PATCH, ['stash_dentry']);
  expect(verdict).toBe('HOLDS');
  expect(retries).toContainEqual({ fn: 'stash_dentry', most: 0 });
  expect(taken).toContain('stash_dentry installs into an empty stash');
});

describe('the command', () => {
  test('dlab new variant: what it writes compiles, runs, HOLDS and changes nothing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'dlab-test-'));
    const home = process.cwd();
    process.chdir(folder);
    try {
      expect(create('variant', 'my-stash')).toBe(0);
      const text = readFileSync('my-stash.ts', 'utf8');
      expect(() => create('variant', 'my-stash')).toThrow(/is there already/);
      expect(readFileSync('my-stash.ts', 'utf8')).toBe(text);
      for (const name of ['', 'My', '../x', 'a--b', '-a', 'a b', 'a.ts', 'x'.repeat(99)]) {
        expect(() => create('variant', name)).toThrow(/cannot be a name/);
      }
      expect(() => create('scenario', 'x')).toThrow(/new takes variant/);
    } finally {
      process.chdir(home);
    }
    const { code, out } = dlab(
      'patch',
      join(folder, 'my-stash.ts'),
      'stash/close-vs-open',
      'race/b08-dput-in-rcu',
    );
    expect(out).toContain('still holds (2)');
    expect(out).toContain('branches gained: none');
    expect(out).toContain('branches lost: none');
    expect(out).toMatch(/retries of stash_dentry: at most 1, as before/);
    expect(code).toBe(0);
  });

  test('a patch that breaks what held: exit 1, as JSON, with a token that replays', () => {
    const path = scratch('p.js');
    writeFileSync(
      path,
      `import { WRITE_ONCE } from 'dentrylab';
export function* stash_dentry(k, stashed, dentry) {
  yield* WRITE_ONCE(stashed, dentry);
  return dentry;
}
`,
    );
    const { code, out } = dlab('patch', path, 'race/b08-dput-in-rcu', '--no-typecheck', '--json');
    const { replaced, scenarios, exitCode } = JSON.parse(out) as {
      replaced: unknown;
      scenarios: { change: string; show: string; after: { title: string } }[];
      exitCode: number;
    };
    expect({ code, exitCode, replaced }).toEqual({
      code: 1,
      exitCode: 1,
      replaced: ['stash_dentry'],
    });
    expect(scenarios.map(({ change }) => change)).toEqual(['newly violated']);
    const [, token] = /(dlab1\S+)/.exec(scenarios[0].show) as unknown as [string, string];
    const shown = dlab('show', token, '--with', path);
    expect(shown.code).toBe(1);
    expect(shown.out).toContain(scenarios[0].after.title.replace('invariant: ', ''));
  });

  test('a patch that nothing calls: exit 5', () => {
    const path = scratch('p.js');
    writeFileSync(path, 'export function* d_move() {}\n');
    const { code, out } = dlab('patch', path, 'race/b08-dput-in-rcu', '--no-typecheck');
    expect(code).toBe(5);
    expect(out).toContain('0 of 1 scenarios call it');
    expect(out).toContain('nothing was put to the test');
  });
});

describe('check --with, of scenarios that never call the patch', () => {
  const path = scratch('calls.mjs');
  writeFileSync(
    path,
    "import { ERR_PTR } from 'dentrylab';\nexport function* open_stashed() { return ERR_PTR(-2); }\n",
  );
  const check = (...names: string[]): ReturnType<typeof inProcess> =>
    inProcess('check', ...names, '--no-typecheck', '--with', path);

  test('stderr says so, and HOLDS is no success', async () => {
    const { code, out, err } = await check('lesson/counter');
    expect(out).toContain('HOLDS  lesson/counter');
    expect(err).toBe(
      `dlab: no run of lesson/counter calls open_stashed: ${path} was not put to the test\n` +
        `  try: dlab patch ${path}\n`,
    );
    expect(code).toBe(5);
  });

  test('a bug of the kernel itself is still one, and one scenario that calls it is enough', async () => {
    const bad = await inProcess(
      ...['check', 'lesson/counter', '--variant', 'plain', '--no-typecheck', '--with', path],
    );
    expect(bad.code).toBe(1);
    expect(bad.err).toContain('was not put to the test');
    const some = await check('lesson/counter', 'race/b28-in-lookup-twice', 'stash/close-vs-open');
    expect(some.err.match(/no run of \S+/g)).toEqual([
      'no run of lesson/counter',
      'no run of race/b28-in-lookup-twice',
    ]);
  });
});
