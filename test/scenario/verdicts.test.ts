/**
 * The verdicts that the project stands for: known-bad kernels are caught, each with its own title,
 * and the right ones are proved right, by the same exploration.
 */

import { describe, expect, test } from 'vitest';
import { explore, replay, type ExploreResult } from '../../src/explore/index.js';
import type { LockrefModel } from '../../src/lockref/index.js';
import {
  findScenario,
  findVariant,
  programOf,
  type ScenarioOptions,
} from '../../src/scenario/index.js';
import type { Program } from '../../src/explore/index.js';

function stash(name: string, variant: string, options: Partial<ScenarioOptions> = {}): Program {
  const scenario = findScenario(`stash/${name}`);
  return programOf(scenario, { variant: findVariant(scenario, variant), ...options });
}

interface Run {
  readonly lockref?: LockrefModel;
  readonly fs?: 'nsfs' | 'pidfs';
  readonly reuse?: 'never' | 'lifo';
  readonly failAlloc?: boolean;
}

function check(scenario: string, variant: string, options: Run = {}): ExploreResult {
  const program = stash(scenario, variant, options);
  const result = explore(program, { minimise: false });
  for (const bug of result.bugs) {
    const titles = replay(program, bug.schedule).findings.map(({ title }) => title);
    expect(titles).toContain(bug.title);
  }
  return result;
}

const UAF = /^KASAN: slab-use-after-free (Read|Write) in lockref_get_not_dead$/;
const SMALL = ['close-vs-open', 'close-vs-close', 'open-vs-reopen'] as const;

describe.each(['v6.11', 'v7.3'])('%s holds', (variant) => {
  test.each(
    SMALL.flatMap((s) =>
      (['faithful', 'counter', 'spinlock'] as const).map((m) => [s, m] as const),
    ),
  )('%s, lockref %s', (scenario, lockref) => {
    const { verdict, blocked } = check(scenario, variant, { lockref });
    expect({ verdict, blocked }).toEqual({ verdict: 'HOLDS', blocked: 0 });
  });

  test('when the object loses its last other user while its file is open', () => {
    expect(check('open-reap-close', variant).verdict).toBe('HOLDS');
    expect(check('open-reap-close', variant, { fs: 'pidfs' }).verdict).toBe('HOLDS');
  });

  test('whichever allocation fails', () => {
    expect(check('close-vs-open', variant, { failAlloc: true }).verdict).toBe('HOLDS');
  });

  test('when freed memory is handed out again at once', () => {
    expect(check('close-vs-open', variant, { reuse: 'lifo' }).verdict).toBe('HOLDS');
  });
});

describe('the take-over of a dead dentry', () => {
  const takesOver = (result: ExploreResult): boolean =>
    result.taken.some(({ what }) => what === 'takes over a dead dentry');

  test('never happens when lockref waits for d_lock: d_prune was there first', () => {
    for (const scenario of SMALL) expect(takesOver(check(scenario, 'v6.11'))).toBe(false);
  });

  test('happens when lockref is taken for a mere counter', () => {
    expect(takesOver(check('close-vs-open', 'v6.11', { lockref: 'counter' }))).toBe(true);
  });
});

describe('known-bad kernels are caught', () => {
  test.each([
    ['v6.9', 'close-vs-open', UAF],
    ['draft-2024', 'close-vs-open', UAF],
    ['m1-no-guard', 'close-vs-open', UAF],
    ['m1-narrow-guard', 'close-vs-open', UAF],
    ['m11-no-prune', 'close-vs-open', UAF],
    ['m12-no-rcu-free', 'close-vs-open', UAF],
    ['m8-blind-no-delete', 'open-vs-reopen', 'invariant: an open dentry is in the stash'],
    [
      'publish-early',
      'open-vs-reopen',
      'BUG: unable to handle kernel NULL pointer dereference in check_stashed',
    ],
  ])('%s in %s', (variant, scenario, title) => {
    const { verdict, bugs } = check(scenario, variant);
    expect(verdict).toBe('VIOLATED');
    expect(bugs[0]?.title).toMatch(title);
  });

  test('the mail, taken literally, sleeps inside RCU when it loses the race', () => {
    const { bugs } = check('open-vs-reopen', 'seed');
    expect(bugs[0]?.kind).toBe('atomic-sleep');
  });

  test.each(['m7a-clear-in-release', 'm7b-put-first'])(
    '%s touches the stash of a freed object, seen only with a reap',
    (variant) => {
      const { bugs } = check('open-reap-close', variant, { fs: 'pidfs' });
      expect(bugs[0]?.title).toMatch(
        /^KASAN: slab-use-after-free|^WARNING: pid freed with a stashed dentry/,
      );
      expect(check('open-vs-reopen', variant, { fs: 'pidfs' }).verdict).toBe('HOLDS');
    },
  );
});

describe('what looks wrong and is not, when lockref waits for d_lock', () => {
  test.each([
    ['nsfs-2016', 'close-vs-open'],
    ['m3-expect-null', 'close-vs-open'],
    ['m3-expect-null', 'close-vs-close'],
    ['m9-look-then-store', 'close-vs-open'],
    ['m9-look-then-store', 'close-vs-close'],
    ['m14-blind-with-delete', 'close-vs-open'],
    ['m14-blind-with-delete', 'close-vs-close'],
    ['m2-store', 'close-vs-open'],
    ['m6-not-zero', 'close-vs-open'],
    ['m7a-clear-in-release', 'close-vs-open'],
  ])('%s in %s', (variant, scenario) => {
    expect(check(scenario, variant, { fs: 'pidfs' }).verdict).toBe('HOLDS');
  });

  test('a counter-only lockref turns some of them bad', () => {
    for (const variant of ['m9-look-then-store', 'm14-blind-with-delete']) {
      expect(check('close-vs-open', variant, { lockref: 'counter' }).verdict).toBe('VIOLATED');
    }
  });
});

test('the smallest counterexample of the by-value look-up has three switches, proved', () => {
  const program = stash('close-vs-open', 'v6.9');
  const [bug] = explore(program).bugs;
  expect(bug?.title).toMatch(UAF);
  expect({ switches: bug?.switches, minimal: bug?.minimal }).toEqual({
    switches: 3,
    minimal: true,
  });
});

test('sampling finds the bug and never says HOLDS', () => {
  const buggy = stash('close-vs-open', 'v6.9');
  const fixed = stash('close-vs-open', 'v6.11');
  for (const engine of ['random', 'pct'] as const) {
    const budget = { executions: 3000 };
    const options = { engine, seed: 7, budget, minimise: false } as const;
    expect(explore(buggy, options).verdict).toBe('VIOLATED');
    expect(explore(fixed, options).verdict).toBe('INCOMPLETE');
    expect(explore(fixed, options).executions).toBe(3000);
  }
});

test.each([
  ['auto', 'states'],
  ['states', 'states'],
  ['dpor', 'executions'],
] as const)('running out of budget is never a pass (%s counts %s)', (engine, unit) => {
  const program = stash('three-closers', 'v6.11');
  const { verdict, complete, reason } = explore(program, { engine, budget: { executions: 50 } });
  expect({ verdict, complete, reason }).toEqual({
    verdict: 'INCOMPLETE',
    complete: false,
    reason: `budget of 50 ${unit} used up`,
  });
});

test('a reference that is never dropped is a memory leak at rest', () => {
  const program = stash('close-vs-open', 'v6.11', {
    functions: {
      *dput() {
        // A forgotten dput: nothing happens.
      },
    },
  });
  const titles = explore(program, { keepGoing: true, minimise: false }).bugs.map((b) => b.title);
  expect(titles).toContain('memory leak: dentry');
});
