/** The matchers: each says yes only if that is proved, and what is not known passes neither way. */

import { describe, expect, test } from 'vitest';
import { branch, type KernelFunction } from '../../src/machine/index.js';
import { findScenario, findVariant, scenario, type Scenario } from '../../src/scenario/index.js';
import { explore, type TestOptions } from '../../src/vitest/index.js';
import { apart, increments, LATE, THIRD, twoCells } from './scenarios.js';

const holds = explore(increments(false));
const fails = explore(increments(true));
const cut = explore(findScenario('stash/three-closers'), { budget: { states: 50 } });
const LOST = 'invariant: no update is lost';

/** What an assertion says when it fails. */
function saying(assertion: () => void): string {
  try {
    assertion();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the assertion passed');
}

describe('toHoldInEveryInterleaving', () => {
  test('passes for a proof', () => {
    expect(holds).toHoldInEveryInterleaving();
    expect(fails).not.toHoldInEveryInterleaving();
    expect(saying(() => expect(holds).not.toHoldInEveryInterleaving())).toContain('but it holds');
  });

  test('fails with the ladder of the smallest counterexample and its token', () => {
    expect(saying(() => expect(fails).toHoldInEveryInterleaving())).toMatchInlineSnapshot(`
      "VIOLATED  test/increments @ v7.3

      invariant: no update is lost

            C0 = a, C1 = b
             C0  C1  function  access
         1   ●   │   increment counter.value ➜ 0
             │   │   ~ a is preempted; b runs
         3   │   ●   increment counter.value = 1
             │   │   ~ b has ended; a runs
         4   ✗   │   increment counter.value = 1

      ✗ step 4: invariant: no update is lost
        does not hold

        doom  ▅▅███  66.7 % of all interleavings fail; 66.7 % after step 1; all after
              step 2
        why   With step 4 before step 2 every continuation passes. 2 is increment
              (counter.value ➜ 0), 4 is increment (counter.value = 1)
        min   4 steps, 2 switches: none with fewer switches fails so, nor one with as
              many and fewer steps (proved)
        show  .toReplay('dlab1/test.increments@v7.3/a.bx2.a~blfh~bypy')"
    `);
  });

  test('passes neither way if the budget was used up, or if nothing was put to the test', () => {
    for (const [exploration, word] of [
      [cut, 'INCOMPLETE'],
      [explore(apart), 'VACUOUS'],
    ] as const) {
      expect(saying(() => expect(exploration).toHoldInEveryInterleaving())).toContain(word);
      expect(saying(() => expect(exploration).not.toHoldInEveryInterleaving())).toContain(word);
    }
  });
});

describe('toHoldUpTo', () => {
  const bounded = explore(increments(true), { preemptions: 0 });

  test('passes for a bound that was searched', () => {
    expect(bounded.verdict).toBe('INCOMPLETE');
    expect(bounded).toHoldUpTo({ preemptions: 0 });
    expect(holds).toHoldUpTo({ preemptions: 5 });
    expect(explore(increments(true), { preemptions: 1 })).not.toHoldUpTo({ preemptions: 1 });
    const sampled = explore(increments(false), {
      engine: 'random',
      seed: 1,
      budget: { executions: 20 },
    });
    expect(sampled).toHoldUpTo({ samples: 20 });
  });

  test('fails for a larger one, and says how to search it', () => {
    const text = saying(() => expect(bounded).toHoldUpTo({ preemptions: 1 }));
    expect(text).toContain('explore(scenario, { preemptions: 1 })');
    expect(saying(() => expect(bounded).not.toHoldUpTo({ preemptions: 1 }))).toBe(text);
    expect(saying(() => expect(cut).toHoldUpTo({ preemptions: 0 }))).toContain('budget of 50');
    const unfinished = explore(findScenario('stash/three-closers'), {
      preemptions: 2,
      budget: { states: 50 },
    });
    expect(saying(() => expect(unfinished).toHoldUpTo({ preemptions: 0 }))).toContain('INCOMPLETE');
  });

  test('wants one bound that makes sense', () => {
    for (const bounds of [{}, { preemptions: -1 }, { steps: 3 }, { preemptions: 1, samples: 1 }]) {
      const wrong = saying(() => expect(bounded).toHoldUpTo(bounds));
      expect(wrong).toMatch(/toHoldUpTo\(\) takes .*\{ preemptions: n \} or \{ samples: n \}/);
    }
  });
});

describe('toFailWith', () => {
  test('passes for a part of the title, or an expression', () => {
    expect(fails).toFailWith('no update is lost');
    expect(fails).toFailWith(/^invariant: no update is lost$/);
    expect(fails).toFailWithin({ switches: 2, steps: 4 });
    expect(holds).not.toFailWith('KASAN');
  });

  test('fails for another, and shows what there is', () => {
    const text = saying(() => expect(fails).toFailWith('KASAN'));
    expect(text).toContain('expected a bug KASAN, but found');
    expect(text).toContain(LOST);
    expect(saying(() => expect(fails).not.toFailWith('lost'))).toContain('but found it');
    expect(saying(() => expect(fails).toFailWithin({ switches: 0 }))).toContain('has 4 steps');
  });

  test('passes neither way if the search was stopped before it knew', () => {
    expect(saying(() => expect(cut).toFailWith('KASAN'))).toContain('INCOMPLETE');
    expect(saying(() => expect(cut).not.toFailWith('KASAN'))).toContain('INCOMPLETE');
    // It stopped at the first bug: there may be others.
    expect(saying(() => expect(fails).not.toFailWith('KASAN'))).toContain('keepGoing: true');
    expect(explore(increments(true), { keepGoing: true })).not.toFailWith('KASAN');
  });

  test('wants a title', () => {
    for (const title of ['', undefined, 3]) {
      expect(saying(() => expect(fails).toFailWith(title as string))).toContain('takes a part');
    }
  });
});

describe('toReach and toNeverReach', () => {
  test('a branch, by itself or in words', () => {
    expect(holds).toReach(LATE);
    expect(holds).toReach('increment comes second');
    expect(holds).toReach('comes second');
    expect(holds).toNeverReach(THIRD);
    expect(holds).toNeverReach(branch('nowhere', 'is declared'));
    expect(saying(() => expect(holds).toReach(THIRD))).toContain('no interleaving');
    expect(saying(() => expect(holds).toNeverReach(LATE))).toContain('an interleaving of');
  });

  test('a state', () => {
    expect(holds).toReach(({ counter }) => counter.value.value === 2);
    expect(holds).toReach(({ counter }) => counter.value.value === 0);
    expect(holds).toNeverReach(({ counter }) => counter.value.value === 3);
    const text = saying(() => expect(holds).toNeverReach((w) => w.counter.value.value === 2));
    expect(text).toContain('4 steps, 1 switches');
    expect(text).toContain('counter.value = 2');
  });

  test('an outcome', () => {
    expect(holds).toReach({ returned: { a: 0, b: 0 } });
    expect(holds).toReach({ returned: { b: (value: number) => value > 0 } });
    expect(holds).toNeverReach({ returned: { a: 1, b: 1 } });
    const text = saying(() => expect(holds).toNeverReach({ returned: { a: 0, b: 0 } }));
    expect(text).toContain('reaches a returns 0 and b returns 0');
    expect(text).toContain('counter.value ➜ 0');
  });

  test('never is not said of what was not searched, nor of a name that does not exist', () => {
    expect(saying(() => expect(cut).toNeverReach('takes over a dead dentry'))).toContain(
      'not known',
    );
    expect(saying(() => expect(cut).toNeverReach(() => false))).toContain('not known');
    const outcome = { returned: { closer: 7 } };
    expect(saying(() => expect(cut).toNeverReach(outcome))).toContain('not known');
    expect(saying(() => expect(holds).toNeverReach('comes secnod'))).toContain('comes second');
    const wrong = { returned: { c: 0 } };
    expect(saying(() => expect(holds).toNeverReach(wrong))).toContain("no task 'c'");
    expect(saying(() => expect(holds).toNeverReach({ returned: {} }))).toContain(
      'its tasks are a, b',
    );
    expect(saying(() => expect(holds).toNeverReach(3 as never))).toContain('a goal is');
  });
});

test('toCoverEveryBranch names those that no interleaving takes, and those ignored in vain', () => {
  expect(saying(() => expect(holds).toCoverEveryBranch())).toMatch(
    /takes:\n {2}increment comes third$/,
  );
  expect(holds).toCoverEveryBranch({ ignore: ['increment comes third'] });
  const ignore = ['increment comes third', 'increment comes second'];
  expect(saying(() => expect(holds).toCoverEveryBranch({ ignore }))).toContain('comes second');
  expect(saying(() => expect(cut).toCoverEveryBranch())).toContain('not complete');
  expect(saying(() => expect(explore(apart)).toCoverEveryBranch())).toContain('lists no branches');
});

describe('toReplay', () => {
  const { token } = fails.counterexample!;

  test('passes while the interleaving still fails', () => {
    expect(fails).toReplay(token);
    expect(increments(true)).toReplay(token, LOST);
    expect(increments(false)).not.toReplay(token);
    expect(saying(() => expect(fails).toReplay(token, 'KASAN'))).toContain(`reported is ${LOST}`);
    expect(saying(() => expect(fails).not.toReplay(token))).toContain('counter.value ➜ 0');
  });

  test('passes neither way if it no longer fits', () => {
    const long = fails.tokenOf([{ task: '2', choice: 0 }]);
    for (const assertion of [
      () => expect(fails).toReplay(long),
      () => expect(fails).not.toReplay(long),
    ]) {
      expect(saying(assertion)).toContain('DIVERGED  step 1 of 1: task 2 does not exist');
    }
  });

  test('refuses a token that is damaged, or of another scenario', () => {
    expect(saying(() => expect(fails).toReplay(token.replace('x2', 'x3')))).toContain('damaged');
    expect(saying(() => expect(apart).toReplay(token))).toContain('does not exist here');
  });
});

describe('explore', () => {
  test('takes a scenario and nothing else', () => {
    for (const value of [null, undefined, 'stash/close-vs-open', {}, () => apart]) {
      expect(saying(() => void explore(value as Scenario))).toContain('takes a scenario');
    }
  });

  test.each<[string, object, string]>([
    ['an unknown variant', { variant: 'v6.12' }, "no variant of test/increments 'v6.12'"],
    ['a negative budget', { budget: { seconds: -1 } }, 'budget.seconds is more than 0; not -1'],
    ['a budget of nothing', { budget: { states: 0 } }, 'budget.states is more than 0'],
    ['a budget that is no number', { budget: { seconds: NaN } }, 'budget.seconds is more than 0'],
    ['a budget of another kind', { budget: { minutes: 1 } }, "not of 'minutes'"],
    ['an unknown option', { budgets: 1 }, "no option 'budgets'"],
    ['an unknown engine', { engine: 'fast' }, 'engine is one of auto, states, dpor'],
    ['half a preemption', { preemptions: 0.5 }, 'preemptions is a whole number'],
    ['a bound of another engine', { preemptions: 1, engine: 'dpor' }, 'leave engine out'],
    ['an unknown function', { functions: { d_putt: (() => null) as never } }, 'd_put'],
  ])('refuses %s', (_what, options, message) => {
    expect(saying(() => void explore(increments(true), options as TestOptions))).toContain(message);
  });

  test('matchers refuse what is no exploration', () => {
    for (const value of [null, 3, apart]) {
      expect(saying(() => expect(value).toHoldInEveryInterleaving())).toContain(
        'takes what explore(scenario) returns',
      );
    }
  });

  test('takes functions that replace the kernel’s', () => {
    const stash = findScenario('stash/close-vs-open');
    function* dput(): ReturnType<KernelFunction> {
      // A forgotten dput: nothing happens.
    }
    expect(explore(stash, { functions: { dput }, keepGoing: true })).toFailWith(
      'memory leak: dentry',
    );
  });
});

describe('scenario', () => {
  const task = function* () {
    // Does nothing.
  };

  test.each<[string, unknown, string]>([
    ['no name', { tasks: { task } }, 'needs a name'],
    ['a name with spaces', { name: 'my own', tasks: { task } }, 'needs a name'],
    ['no tasks', { name: 'x', tasks: {} }, 'has 0 tasks'],
    ['a task that is no function', { name: 'x', tasks: { task: 3 } }, "'task' is no function"],
    [
      'an invariant that is none',
      { name: 'x', tasks: { task }, invariants: { i: 1 } },
      "'i' is no",
    ],
  ])('refuses %s', (_what, parts, message) => {
    expect(saying(() => void scenario(parts as never))).toContain(message);
  });

  test('refuses objects that are not made anew', () => {
    const shared = apart.build({ variant: findVariant(apart) }, {});
    const again = scenario({ name: 'x', objects: () => ({ ...shared.world }), tasks: { task } });
    expect(saying(() => void explore(again))).toContain('Make it inside objects()');
  });

  test.each(['states', 'dpor'] as const)(
    'an invariant over two cells is looked at in every order of their writes (%s)',
    (engine) => {
      expect(explore(twoCells, { engine })).toFailWith('invariant: other is never ahead');
    },
  );

  test('the first state is one too', () => {
    const invariants = { 'is wrong from the start': () => 'it is' };
    const wrong = scenario({ name: 'x', tasks: { task, other: task }, invariants });
    expect(explore(wrong)).toFailWith('invariant: is wrong from the start');
  });
});

test('counterexamples in snapshots do not depend on engine, colour or width', () => {
  const [states, dpor] = (['states', 'dpor'] as const).map((engine) =>
    explore(increments(true), { engine }).counterexample!.toString(),
  );
  expect(states).toBe(dpor);
  expect(Math.max(...states.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(80);
  expect(states).not.toContain('\u001b');
  expect(fails.counterexample).toMatchInlineSnapshot(`
    invariant: no update is lost
    4 steps, 2 switches

          C0 = a, C1 = b
           C0  C1  function  access
       1   ●   │   increment counter.value ➜ 0
           │   │   ~ a is preempted; b runs
       3   │   ●   increment counter.value = 1
           │   │   ~ b has ended; a runs
       4   ✗   │   increment counter.value = 1

    ✗ step 4: invariant: no update is lost
      does not hold

    dlab1/test.increments@v7.3/a.bx2.a~blfh~bypy
  `);
});
