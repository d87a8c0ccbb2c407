/**
 * The race catalogue: every race is found in its buggy kernel, by its own title and with the
 * smallest witness on record, and its repair is proved over all interleavings of the same tasks.
 * Both kernels take the branches that the race is about.
 */

import { describe, expect, test } from 'vitest';
import { SCENARIOS } from '../../src/scenario/index.js';
import { smallRace } from '../../src/scenario/catalogue/races/small-race.js';
import { MisuseError, smp_mb, type Task } from '../../src/machine/index.js';
import { explore } from '../../src/vitest/index.js';

/** For busy machines; nothing here takes a tenth of it by itself. */
const TIMEOUT = 240_000;

const RACES = SCENARIOS.flatMap((scenario) =>
  scenario.history === undefined ? [] : [{ ...scenario, history: scenario.history }],
);

describe.each(RACES.map((race) => [race.name, race] as const))(
  '%s',
  { timeout: TIMEOUT },
  (_name, race) => {
    const { expect: title, witness, about, wrong = about } = race.history;

    test('is found, and replays', () => {
      const found = explore(race, { variant: 'buggy' });
      expect(found).toFailWith(title);
      const bug = found.bug!;
      const { steps, switches, minimal } = bug;
      expect({ title: bug.title, steps, switches, minimal }).toEqual({
        title,
        ...witness,
        // What is smallest of a livelock is not decided.
        minimal: bug.kind !== 'livelock',
      });
      // A livelock is no report: nothing is ever done that is wrong.
      if (bug.kind !== 'livelock') expect(race).toReplay(found.tokenOf(bug.schedule), title);
    });

    test('its kernel takes all branches that it is about', () => {
      // After some bugs there are states without end.
      const budget = { states: 10_000 };
      const found = explore(race, { variant: 'buggy', keepGoing: true, budget });
      expect(wrong.length).toBeGreaterThan(0);
      for (const branch of wrong) expect(found).toReach(branch);
    });

    test('is gone with the repair, whose branches are all taken', () => {
      const repaired = explore(race, { variant: 'fixed' });
      expect(repaired).toHoldInEveryInterleaving();
      expect(about.length).toBeGreaterThan(0);
      for (const branch of about) expect(repaired).toReach(branch);
    });
  },
);

test('every race names its year and has a name of its own', () => {
  const ids = RACES.map(({ history }) => history.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { history } of RACES) expect(history.year).toBeGreaterThan(2000);
});

describe("a race's own function", () => {
  function* dput(): Task<void> {
    yield* smp_mb();
  }
  function* frob(): Task<void> {
    yield* smp_mb();
  }
  const build = (own: Record<string, typeof dput>, replaces: readonly string[]): unknown => {
    const scenario = smallRace({
      name: 'test',
      title: 'a test',
      history: { ...RACES[0].history, about: [] },
      own,
      replaces,
      buggy: {},
      objects: () => null,
      tasks: { *task() {} },
    });
    return explore(scenario, { variant: 'fixed' }).verdict;
  };

  test('must say so if it takes the place of one of the kernel', () => {
    expect(() => build({ dput }, [])).toThrow(
      new MisuseError(
        "'dput' is a kernel function too: give it another name, or say replaces: ['dput']",
      ),
    );
    expect(build({ dput }, ['dput'])).toBe('HOLDS');
  });

  test('may not say so if it does not', () => {
    expect(() => build({ frob }, ['frob'])).toThrow('the kernel has no function of that name');
    expect(() => build({ frob }, ['dput'])).toThrow('it is not among own');
    expect(build({ frob }, [])).toBe('HOLDS');
  });
});
