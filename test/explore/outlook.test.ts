/** What can still come from a point, against the searches that find and explain counterexamples. */

import { describe, expect, test } from 'vitest';
import { explain, explore, Outlook, type Program, type Schedule } from '../../src/explore/index.js';
import { findScenario, findVariant, programOf } from '../../src/scenario/index.js';
import { smallRace } from '../support/small-race.js';

const isGrave = ({ kind }: { kind: string }): boolean => kind !== 'KCSAN';

function lostWaiter(): Program {
  const scenario = findScenario('race/b29-lost-waiter');
  return programOf(scenario, { variant: findVariant(scenario, 'buggy') });
}

describe.each<[string, Program]>([
  ['a small race', smallRace()],
  ['two readers', smallRace(2)],
  ['a lost waiter', lostWaiter()],
])('%s', (_name, program) => {
  const [bug] = explore(program).bugs;

  test('the cheapest way from the start is the smallest counterexample', () => {
    const outlook = new Outlook(program, isGrave);
    const cheapest = outlook.cheapestFrom([])!;
    // Asked again, it says the same.
    expect(outlook.doomAfter([])?.impossible).toBe(false);
    expect(outlook.cheapestFrom([])).toEqual(cheapest);
    expect(bug.minimal).toBe(true);
    expect({ steps: cheapest.length, switches: switchesOf(program, cheapest) }).toEqual({
      steps: bug.steps,
      switches: bug.switches,
    });
  });

  test('from every point of it the rest is no dearer, and the doom is what explain counts', () => {
    const outlook = new Outlook(program, ({ title }) => title === bug.title);
    const { doom } = explain(program, bug);
    for (let at = 0; at <= bug.steps; at += 1) {
      const prefix = bug.schedule.slice(0, at);
      // A failure at the end of a run is not behind the last step but is the last state itself.
      if (at < bug.steps) {
        const rest = outlook.cheapestFrom(prefix)!;
        expect(switchesOf(program, [...prefix, ...rest])).toBe(bug.switches);
        expect(at + rest.length).toBe(bug.steps);
      }
      expect(outlook.doomAfter(prefix)).toEqual(doom[at]);
    }
  });
});

test('from where nothing fails any more there is no way', () => {
  const program = smallRace();
  const outlook = new Outlook(program, isGrave);
  // The remover is through before the reader looks.
  const removed: Schedule = new Array(6).fill({ task: '1', choice: 0 });
  const fits = removed.slice(0, stepsOf(program, '1'));
  expect(outlook.doomAfter(fits)?.impossible).toBe(true);
  expect(outlook.cheapestFrom(fits)).toBe(null);
  expect(outlook.doomAfter([])).toMatchObject({ certain: false, impossible: false });
});

test('what a budget cuts off is not known', () => {
  const scenario = findScenario('stash/close-vs-open');
  const program = programOf(scenario, { variant: findVariant(scenario, 'v6.9') });
  expect(new Outlook(program, isGrave, { states: 3 }).doomAfter([])).toBe(null);
  expect(new Outlook(program, isGrave, { states: 3 }).cheapestFrom([])).toBe(null);
});

function switchesOf(program: Program, schedule: Schedule): number {
  const { machine } = program.build({});
  let last = '';
  let switches = 0;
  for (const { task: key, choice } of schedule) {
    const task = machine.tasks.find((each) => each.key === key)!;
    if (!task.actor && last !== '' && last !== key) switches += 1;
    if (!task.actor) last = key;
    machine.step(task, choice);
  }
  return switches;
}

/** How many steps a task takes alone. */
function stepsOf(program: Program, key: string): number {
  const { machine } = program.build({});
  const task = machine.tasks.find((each) => each.key === key)!;
  let steps = 0;
  while (machine.enabled(task)) {
    machine.step(task);
    steps += 1;
  }
  return steps;
}
