/**
 * Explanations against brute force: minimality, shares of failing continuations, and that the
 * nearest passing schedule passes and is one edit away, on random programs.
 */

import { describe, expect, test } from 'vitest';
import {
  brute,
  editsOf,
  explain,
  explore,
  replay,
  titleOf,
  type Bug,
  type Decision,
  type Program,
} from '../../src/explore/index.js';
import { endOfRun } from '../../src/explore/run.js';
import { findScenario, findVariant, programOf } from '../../src/scenario/index.js';
import { fromRecipe, randomRecipe } from '../support/random-program.js';

interface Run {
  readonly schedule: readonly Decision[];
  readonly titles: readonly string[];
}

interface Case {
  readonly program: Program;
  readonly bug: Bug;
  readonly runs: readonly Run[];
}

/** Every interleaving, each run from the start; null if there are too many. */
function everyRun(program: Program, most: number): Run[] | null {
  const runs: Run[] = [];
  const path: { open: Decision[]; at: number }[] = [];
  for (;;) {
    const { machine, atEnd } = program.build({});
    const titles: string[] = [];
    const note = (): void => {
      titles.push(...machine.findings.map((finding) => titleOf(machine, finding)));
    };
    for (let depth = 0; ; depth += 1) {
      if (depth === path.length) {
        const open = machine.tasks
          .filter((task) => machine.enabled(task))
          .flatMap((task) =>
            Array.from({ length: machine.choices(task) }, (_, choice) => ({
              task: task.key,
              choice,
            })),
          );
        if (open.length === 0) break;
        path.push({ open, at: 0 });
      }
      const decision = path[depth].open[path[depth].at];
      machine.step(machine.taskOf(decision.task)!, decision.choice);
      note();
    }
    endOfRun({ machine, atEnd });
    note();
    runs.push({ schedule: path.map(({ open, at }) => open[at]), titles });
    if (runs.length > most) return null;
    while (path.length > 0 && path.at(-1)!.at + 1 === path.at(-1)!.open.length) path.pop();
    if (path.length === 0) return runs;
    path.at(-1)!.at += 1;
  }
}

/** Of one kind of bug at most so many programs. */
const OF_ONE_KIND_MAX = 6;

/** Programs with a bug, and few enough interleavings to run them all. */
function cases(count: number): Case[] {
  const found: Case[] = [];
  for (let seed = 1; found.length < count && seed < 2000; seed += 1) {
    const program = fromRecipe(randomRecipe(seed, 4));
    const { bugs } = explore(program, { keepGoing: true, minimise: false });
    if (bugs.length === 0) continue;
    const runs = everyRun(program, 200);
    if (runs === null) continue;
    const { bug } = explain(program, bugs[seed % bugs.length]);
    const same = found.filter((other) => other.bug.kind === bug.kind).length;
    if (same < OF_ONE_KIND_MAX) found.push({ program, runs, bug });
  }
  return found;
}

const CASES = cases(16);

/** Of all interleavings that begin with a prefix, how many report the title: failing, all. */
function shareOf(
  runs: readonly Run[],
  prefix: readonly Decision[],
  title: string,
): [number, number] {
  const begins = runs.filter(({ schedule }) =>
    prefix.every(
      ({ task, choice }, i) => schedule[i].task === task && schedule[i].choice === choice,
    ),
  );
  return [begins.filter(({ titles }) => titles.includes(title)).length, begins.length];
}

test('there is something to compare', () => {
  expect(CASES.length).toBe(16);
  expect(new Set(CASES.map(({ bug }) => bug.kind)).size).toBeGreaterThan(2);
});

test('the smallest schedule is as small as the smallest that brute force finds', () => {
  for (const { program, bug } of CASES) {
    const { smallest } = brute(program);
    const { bug: shown } = explain(program, { ...bug, minimal: false });
    expect(shown.minimal).toBe(true);
    const { switches, steps } = smallest.get(bug.title)!;
    expect([shown.switches, shown.steps]).toEqual([switches, steps]);
  }
});

test('the shares are those that brute force counts, and certain means all', () => {
  for (const { program, bug, runs } of CASES) {
    const { doom, noReturn, stopped } = explain(program, bug);
    expect(stopped).toBeNull();
    expect(doom).toHaveLength(bug.schedule.length + 1);
    for (const [i, point] of doom.entries()) {
      const [failing, all] = shareOf(runs, bug.schedule.slice(0, i), bug.title);
      expect(point!.share).toBeCloseTo(failing / all, 12);
      expect(point!.certain).toBe(failing === all);
      expect(point!.impossible).toBe(failing === 0);
    }
    expect(noReturn).toBe(doom.findIndex((point) => point!.certain));
  }
});

test('the nearest passing schedule passes, is one edit away, and is safe only if it is said to be', () => {
  let compared = 0;
  for (const { program, bug, runs } of CASES) {
    const { near } = explain(program, bug);
    const passes = (schedule: readonly Decision[]): boolean => {
      const { findings, ended, diverged } = replay(program, schedule);
      const bad = findings.filter(({ finding, title }) =>
        bug.kind === 'KCSAN' ? title === bug.title : finding.kind !== 'KCSAN',
      );
      return ended && diverged === null && bad.length === 0;
    };
    if (near === null) continue;
    compared += 1;
    expect(passes(near.schedule)).toBe(true);
    const edit = editsOf(bug.schedule).find(
      ({ from, middle, to }) =>
        near.pair[0] === from + 1 &&
        near.pair[1] === to &&
        near.distance === (middle - from) * (to - middle),
    )!;
    const { from, middle, to } = edit;
    expect(near.schedule.slice(0, near.edited)).toEqual([
      ...bug.schedule.slice(0, from),
      ...bug.schedule.slice(middle, to),
      ...bug.schedule.slice(from, middle),
    ]);
    expect(bug.schedule[near.pair[0] - 1].task).not.toBe(bug.schedule[near.pair[1] - 1].task);
    if (near.every !== null) {
      const [failing] = shareOf(runs, near.schedule.slice(0, near.edited), bug.title);
      expect(near.every).toBe(failing === 0);
    }
  }
  expect(compared).toBeGreaterThan(2);
});

describe('the bug of v6.9', () => {
  const scenario = findScenario('stash/close-vs-open');
  const program = programOf(scenario, { variant: findVariant(scenario, 'v6.9') });
  const [bug] = explore(program).bugs as [Bug];

  test('is explained in full', () => {
    const { doom, noReturn, near, stopped } = explain(program, bug);
    expect(stopped).toBeNull();
    expect(doom.every((point) => point !== null)).toBe(true);
    expect(doom[0]!.share).toBeLessThan(0.5);
    expect(noReturn).toBeGreaterThan(0);
    expect(near).not.toBeNull();
  });

  test('a budget that is too small is named, and what was counted is still right', () => {
    const whole = explain(program, bug);
    const part = explain(program, bug, { states: 200 });
    expect(part.stopped).toMatch(/^counting the interleavings stopped after \d+ (?:steps|states)$/);
    expect(part.doom[0]).toBeNull();
    for (const [i, point] of part.doom.entries()) {
      if (point !== null) expect(point).toEqual(whole.doom[i]);
    }
  });

  test('the clock that is passed in stops it', () => {
    let seconds = 0;
    const { stopped } = explain(program, bug, { seconds: 9, now: () => (seconds += 1) });
    expect(stopped).toMatch(/^counting the interleavings stopped after \d\.?\d* s$/);
  });

  test('what the clock left no time for is named too', () => {
    let seconds = 0;
    const now = (): number => (seconds += 1);
    const { stopped, bug: same } = explain(program, { ...bug, minimal: false }, { now });
    expect(stopped?.split('; ')).toEqual([
      'minimising stopped after 0.4 s',
      'no time was left for counting the interleavings',
    ]);
    expect(same.schedule).toEqual(bug.schedule);
  });
});
