/**
 * The race catalogue: every race is found in its buggy kernel, by its own title and with the
 * smallest witness on record, and its repair is proved over all interleavings of the same tasks.
 */

import { describe, expect, test } from 'vitest';
import { explore, replay } from '../../src/explore/index.js';
import { findVariant, programOf, SCENARIOS } from '../../src/scenario/index.js';

const RACES = SCENARIOS.flatMap((scenario) =>
  scenario.history === undefined ? [] : [{ ...scenario, history: scenario.history }],
);

describe.each(RACES.map((race) => [race.name, race] as const))('%s', (_name, race) => {
  const { expect: title, witness, about } = race.history;

  test('is found, and replays', () => {
    const program = programOf(race, { variant: findVariant(race, 'buggy') });
    const [bug] = explore(program).bugs;
    const { steps, switches, minimal } = bug ?? {};
    expect({ title: bug?.title, steps, switches, minimal }).toEqual({
      title,
      ...witness,
      minimal: true,
    });
    expect(replay(program, bug.schedule).findings.map((found) => found.title)).toContain(title);
  });

  test('is gone with the repair, whose branches are all taken', () => {
    const program = programOf(race, { variant: findVariant(race, 'fixed') });
    const { verdict, complete, taken } = explore(program);
    expect({ verdict, complete }).toEqual({ verdict: 'HOLDS', complete: true });
    expect(about.filter((branch) => !taken.includes(branch))).toEqual([]);
  });
});

test('every race names its year and has a name of its own', () => {
  const ids = RACES.map(({ history }) => history.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { history } of RACES) expect(history.year).toBeGreaterThan(2000);
});
