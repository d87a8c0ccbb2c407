/**
 * The verdicts that the project stands for: known-bad kernels are caught, each with its own title,
 * and the right ones are proved right, by the same exploration.
 */

import { describe, expect, test } from 'vitest';
import { explore, type ExploreResult } from '../../src/explore/index.js';
import {
  findScenario,
  findVariant,
  programOf,
  type ScenarioOptions,
} from '../../src/scenario/index.js';
import type { Program } from '../../src/explore/index.js';
import type { Dentry, DcacheKernel } from '../../src/dcache/index.js';
import {
  E,
  ERR_PTR,
  LIFE,
  READ_ONCE,
  spin_lock,
  spin_unlock,
  WRITE_ONCE,
  type Task,
} from '../../src/machine/index.js';
import { rfcRace } from '../../src/scenario/catalogue/races/pidfs-rfc.js';
import type { KernelOptions, Stash } from '../../src/vfs/index.js';
import { explore as inTest, type Exploration, type TestOptions } from '../../src/vitest/index.js';
import { add, FILE, program as tree_program, type Tree } from '../dcache/tree.js';

function stash(name: string, variant: string, options: Partial<ScenarioOptions> = {}): Program {
  const scenario = findScenario(`stash/${name}`);
  return programOf(scenario, { variant: findVariant(scenario, variant), ...options });
}

/** A scenario explored; every bug that it finds replays. */
function check(scenario: string, variant: string, options: TestOptions = {}): Exploration {
  const found = findScenario(`stash/${scenario}`);
  const exploration = inTest(found, { variant, ...options });
  for (const { schedule, title } of exploration.result.bugs) {
    expect(found).toReplay(exploration.tokenOf(schedule), title);
  }
  return exploration;
}

const UAF = /^KASAN: slab-use-after-free (Read|Write) in lockref_get_not_dead$/;
const SMALL = ['close-vs-open', 'close-vs-close', 'open-vs-reopen'] as const;

describe.each(['v6.11', 'v7.3'])('%s holds', (variant) => {
  test.each(
    SMALL.flatMap((s) =>
      (['faithful', 'counter', 'spinlock'] as const).map((m) => [s, m] as const),
    ),
  )('%s, lockref %s', (scenario, lockref) => {
    const exploration = check(scenario, variant, { lockref });
    expect(exploration).toHoldInEveryInterleaving();
    expect(exploration.result.blocked).toBe(0);
  });

  test('when the object loses its last other user while its file is open', () => {
    expect(check('open-reap-close', variant)).toHoldInEveryInterleaving();
    expect(check('open-reap-close', variant, { fs: 'pidfs' })).toHoldInEveryInterleaving();
  });

  test('whichever allocation fails', () => {
    expect(check('close-vs-open', variant, { failAlloc: true })).toHoldInEveryInterleaving();
  });

  test('when freed memory is handed out again at once', () => {
    expect(check('close-vs-open', variant, { reuse: 'lifo' })).toHoldInEveryInterleaving();
  });
});

describe('the take-over of a dead dentry', () => {
  const TAKES_OVER = 'stash_dentry takes over a dead dentry';

  test('never happens when lockref waits for d_lock: d_prune was there first', () => {
    for (const scenario of SMALL) expect(check(scenario, 'v6.11')).toNeverReach(TAKES_OVER);
  });

  test('happens when lockref is taken for a mere counter', () => {
    expect(check('close-vs-open', 'v6.11', { lockref: 'counter' })).toReach(TAKES_OVER);
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
    expect(check(scenario, variant)).toFailWith(title);
  });

  test('the mail, taken literally, sleeps inside RCU when it loses the race', () => {
    const exploration = check('open-vs-reopen', 'seed');
    expect(exploration).toFailWith('BUG: sleeping function called from invalid context');
    expect(exploration.result.bugs[0].kind).toBe('atomic-sleep');
  });

  test.each(['m7a-clear-in-release', 'm7b-put-first'])(
    '%s touches the stash of a freed object, seen only with a reap',
    (variant) => {
      expect(check('open-reap-close', variant, { fs: 'pidfs' })).toFailWith(
        /^KASAN: slab-use-after-free|^WARNING: pid freed with a stashed dentry/,
      );
      expect(check('open-vs-reopen', variant, { fs: 'pidfs' })).toHoldInEveryInterleaving();
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
    expect(check(scenario, variant, { fs: 'pidfs' })).toHoldInEveryInterleaving();
  });

  test('a counter-only lockref turns some of them bad', () => {
    for (const variant of ['m9-look-then-store', 'm14-blind-with-delete']) {
      expect(check('close-vs-open', variant, { lockref: 'counter' })).toFailWith(/./);
    }
  });
});

/**
 * What must stay clean, each beside the bug that it is easily taken for: a checker that cries wolf
 * here is as useless as one that is silent there. The names are those of the history of the bugs.
 */
describe('negative controls', () => {
  type Check = () => Found;
  const controls: readonly [name: string, clean: readonly Check[], buggy: readonly Check[]][] = [
    [
      'the loop as landed, whichever lockref; more of it above',
      (['faithful', 'counter'] as const).map(
        (lockref) => () => check('close-vs-open', 'v6.11', { lockref }),
      ),
      (['faithful', 'counter'] as const).map(
        (lockref) => () => check('close-vs-open', 'v6.9', { lockref }),
      ),
    ],
    [
      'nsfs of 2014: a blind clear is right as long as d_delete makes the loser negative first',
      [
        () => check('close-vs-close', 'nsfs-2016'),
        () => check('open-vs-reopen', 'm14-blind-with-delete'),
      ],
      [
        () => check('open-vs-reopen', 'm8-blind-no-delete'),
        () => raceOf('b03-blind-clear', 'buggy'),
      ],
    ],
    [
      'NULL expected in the take-over: clean for two tasks, whichever lockref',
      [
        () => check('close-vs-close', 'm3-expect-null'),
        () => check('close-vs-open', 'm3-expect-null', { lockref: 'counter' }),
      ],
      [],
    ],
    [
      'looking and then storing in d_prune, while lockref waits for d_lock',
      [() => check('close-vs-close', 'm9-look-then-store')],
      [() => check('close-vs-open', 'm9-look-then-store', { lockref: 'counter' })],
    ],
    [
      'a blind d_prune beside d_delete, while lockref waits for d_lock',
      [() => check('close-vs-close', 'm14-blind-with-delete')],
      [() => check('close-vs-open', 'm14-blind-with-delete', { lockref: 'counter' })],
    ],
    [
      'clearing the stash in d_release, as long as nobody is reaped',
      [() => check('open-vs-reopen', 'm7a-clear-in-release', { fs: 'pidfs' })],
      [() => check('open-reap-close', 'm7a-clear-in-release', { fs: 'pidfs' })],
    ],
    [
      'get_not_zero in the place of get_not_dead, with two tasks that open once',
      [() => check('close-vs-open', 'm6-not-zero')],
      [() => raceOf('m06-not-zero', 'buggy')],
    ],
    [
      'a sentinel that replaces only its own dentry',
      [
        () => raceOf('b04-blind-sentinel', 'fixed'),
        () => raceOf('b04b-blind-sentinel-exit', 'fixed'),
      ],
      [
        () => raceOf('b04-blind-sentinel', 'buggy'),
        () => raceOf('b04b-blind-sentinel-exit', 'buggy'),
      ],
    ],
    [
      'the same, while the task is reaped between two that open and close',
      [() => sentinel('fixed')],
      [() => sentinel('buggy')],
    ],
    [
      'the look at the hash link without d_lock, against a d_drop: it only leads to a second look',
      [() => lastPut([drop])],
      [() => lastPut([drop], { retain_dentry: retainAnyway })],
    ],
    [
      'a dentry taken again between the last decrement and d_lock',
      [() => lastPut([takeAgain])],
      [() => lastPut([takeAgain], { keep_or_condemn: condemnUnseen, finish_dput: killUnseen })],
    ],
    [
      'a lockless put that fails because d_lock is held',
      [() => lastPut([holdAndDrop])],
      [() => lastPut([holdAndDrop], { fast_dput: misread })],
    ],
    [
      'the negative dentry of a loser in d_prune: no leak',
      [() => check('open-vs-reopen', 'v6.11'), () => check('close-vs-close', 'v7.3')],
      [() => leak()],
    ],
  ];

  test.each(controls)('%s', (_name, clean, buggy) => {
    const wordOf = ({ verdict, titles }: ReturnType<Check>): string =>
      [verdict, ...titles].join(' ');
    expect(clean.map((run) => wordOf(run()))).toEqual(clean.map(() => 'HOLDS'));
    for (const run of buggy) expect(wordOf(run())).toMatch(/^VIOLATED/);
  });
});

function raceOf(name: string, variant: string): Exploration {
  return inTest(findScenario(`race/${name}`), { variant });
}

interface Found {
  readonly verdict: ExploreResult['verdict'];
  readonly titles: readonly string[];
}

function foundIn(program: Program): Found {
  const { verdict, bugs } = explore(program, { minimise: false });
  return { verdict, titles: bugs.map(({ title }) => title) };
}

/** The error pointer in d_prune, with three tasks: one reaps while two open and close. */
function sentinel(variant: 'fixed' | 'buggy'): Exploration {
  const scenario = rfcRace({
    name: 'blind-sentinel-of-three',
    title: 'the loser of the install race marks a live task as gone',
    history: {
      id: 'B04',
      year: 2025,
      identifiers: [],
      expect: 'invariant: no -ESRCH for a live task in get_stashed_path',
      witness: { steps: 0, switches: 0 },
      about: [],
    },
    buggy: {
      *pidfs_dentry_prune(_k: never, dentry: Dentry): Task<void> {
        const stashed = (yield* READ_ONCE(dentry.d_fsdata)) as Stash;
        if ((yield* READ_ONCE(dentry.d_inode)) === null) return;
        yield* WRITE_ONCE<unknown>(stashed, ERR_PTR(-E.ESRCH));
      },
    },
    tasks: [
      ['opener', 'open', 'close'],
      ['owner', 'exit'],
      ['opener2', 'open', 'close'],
    ],
  });
  return inTest(scenario, { variant });
}

type Step = (t: Tree, dentry: Dentry) => Task<void>;

/** Somebody drops a reference on a hashed dentry while others unhash it or use it. */
function lastPut(others: readonly Step[], functions: KernelOptions['functions'] = {}): Found {
  const unhashes = !others.includes(takeAgain);
  return foundIn(
    tree_program(
      { functions },
      function* (t) {
        const dentry = yield* add(t, t.root, 'a', unhashes ? FILE : null);
        // Whoever unhashes it needs a reference of its own.
        return unhashes ? yield* t.k.dget(dentry) : dentry;
      },
      [(t, dentry) => t.k.dput(dentry), ...others],
      [],
      // One of them has dropped it from the hash, so it goes with the last reference.
      ({ machine }, dentry) => {
        if (!unhashes || dentry.life.value !== LIFE.live) return;
        machine.addFinding({ kind: 'leak', title: 'memory leak: dentry', detail: 'at rest' });
      },
    ),
  );
}

const drop: Step = function* (t, dentry) {
  yield* t.k.d_drop(dentry);
  yield* t.k.dput(dentry);
};

const takeAgain: Step = function* (t) {
  const found = yield* t.k.d_lookup(t.root, 'a');
  if (found !== null) yield* t.k.dput(found);
};

const holdAndDrop: Step = function* (t, dentry) {
  yield* spin_lock(dentry.d_lockref);
  yield* spin_unlock(dentry.d_lockref);
  yield* drop(t, dentry);
};

/** Keeps whatever it is asked about. */
function* retainAnyway(): Task<boolean> {
  return true;
}

/** Takes the answer that d_lock is held for one that the last reference is dropped. */
function* misread(k: DcacheKernel, dentry: Dentry): Task<boolean> {
  yield* k.rcu_read_lock();
  const left = yield* k.lockref_put_return(dentry.d_lockref);
  if (left > 0) {
    yield* k.rcu_read_unlock();
    return true;
  }
  yield* spin_lock(dentry.d_lockref);
  yield* k.rcu_read_unlock();
  return yield* k.keep_or_condemn(dentry);
}

function leak(): Exploration {
  return inTest(findScenario('stash/close-vs-open'), {
    variant: 'v6.11',
    functions: { *dput() {} },
  });
}

/** Kills what has come to zero without looking again, here or where the locks are taken. */
function* killUnseen(k: DcacheKernel, dentry: Dentry): Task<void> {
  yield* k.__dentry_kill(dentry);
}

function* condemnUnseen(): Task<boolean> {
  return false;
}

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
