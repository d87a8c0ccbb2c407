/**
 * `dentrylab/vitest`: exploring in tests.
 *
 * Importing this adds the matchers to vitest's `expect`, and a serializer that keeps
 * counterexamples as plain text in snapshots. Invariant: a test that explores and never asks what
 * came out fails.
 */

import { expect, onTestFinished, TestRunner } from 'vitest';
import { MisuseError, type Branch } from '../machine/index.js';
import type { OwnScenario, Scenario } from '../scenario/index.js';
import { Counterexample } from './counterexample.js';
import { Exploration } from './exploration.js';
import { MATCHERS, type Bounds, type Size } from './matchers.js';
import { choiceOf, type TestOptions } from './options.js';
import type { Outcome } from './outcomes.js';
import type { StatePredicate } from './reach.js';

export { Counterexample } from './counterexample.js';
export type { Exploration } from './exploration.js';
export type { Bounds, Size } from './matchers.js';
export type { Choice, TestOptions } from './options.js';
export type { Outcome, Returned } from './outcomes.js';
export type { Goal, StatePredicate } from './reach.js';

/** Of the time that a test has left, for the search: the rest is for drawing what it found. */
const SHARE = 0.8;
const SECONDS_OUTSIDE_TESTS = 4;
const SECONDS_LEAST = 0.1;

/**
 * Explore every interleaving of a scenario, at once: nothing is to be waited for.
 * @throws MisuseError if that is no scenario, or an option is wrong
 */
export function explore<W = undefined>(
  scenario: OwnScenario<W> | Scenario,
  options: TestOptions = {},
): Exploration<W> {
  const given = scenario as unknown;
  if (
    given === null ||
    typeof given !== 'object' ||
    !('build' in given) ||
    !('variants' in given)
  ) {
    throw new MisuseError(
      `explore() takes a scenario: scenario({ name, tasks }) or findScenario('stash/close-vs-open'); ` +
        `not ${given === null ? 'null' : typeof given}`,
    );
  }
  const exploration = new Exploration<W>(scenario, choiceOf(scenario, options, secondsLeft()));
  if (TestRunner.getCurrentTest() !== undefined) {
    onTestFinished(({ task }) => {
      if (exploration.isUsed || task.result?.state === 'fail') return;
      throw new MisuseError(
        `${exploration.name} was explored, but no assertion looked at what came out: ` +
          'expect(explore(scenario)).toHoldInEveryInterleaving(), with the parentheses',
      );
    });
  }
  return exploration;
}

/** When a test explored for the first time. */
const began = new WeakMap<object, number>();

/** What the running test has left before its timeout, counted from its first exploration. */
function secondsLeft(): number {
  const test = TestRunner.getCurrentTest();
  if (test === undefined || !Number.isFinite(test.timeout) || test.timeout <= 0) {
    return SECONDS_OUTSIDE_TESTS;
  }
  const now = performance.now();
  const start = began.get(test) ?? now;
  began.set(test, start);
  return Math.max(SECONDS_LEAST, ((test.timeout - (now - start)) / 1000) * SHARE);
}

expect.extend(MATCHERS);
expect.addSnapshotSerializer({
  test: (value) => value instanceof Counterexample,
  serialize: (value: Counterexample) => value.toString(),
});

/** What {@link explore} answers for `T`: the world that its predicates see. */
type WorldOf<T> = T extends Exploration<infer W> ? W : unknown;

declare module 'vitest' {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- vitest's own parameter
  interface Matchers<T = any> {
    /** Everything was explored, nothing was found, and there was something to order. */
    toHoldInEveryInterleaving(): void;
    /** Nothing was found within a bound that was searched to its end. Not a proof. */
    toHoldUpTo(bounds: Bounds): void;
    /** A bug was found whose title contains this text or fits this expression. */
    toFailWith(title: string | RegExp): void;
    /** The smallest counterexample is at most this large. */
    toFailWithin(size: Size): void;
    /** Some interleaving takes the branch, passes through such a state, or ends like this. */
    toReach(goal: string | Branch | StatePredicate<WorldOf<T>> | Outcome): void;
    /** No interleaving does, and all were explored. */
    toNeverReach(goal: string | Branch | StatePredicate<WorldOf<T>> | Outcome): void;
    /** Every branch that the scenario lists is taken in some interleaving. */
    toCoverEveryBranch(options?: { readonly ignore?: readonly string[] }): void;
    /** The token's interleaving still fits, and still reports a bug (of this title). */
    toReplay(token: string, title?: string | RegExp): void;
  }
}
