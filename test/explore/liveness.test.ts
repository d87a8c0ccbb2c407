/**
 * Liveness: the kernel's livelocks and their fixes, the stash's loop against its ancestor, and an
 * oracle that interprets random programs with a state of its own and looks for fair cycles naively.
 */

import { describe, expect, test } from 'vitest';
import {
  checkLiveness,
  Prng,
  replay,
  type LivenessResult,
  type Program,
} from '../../src/explore/index.js';
import {
  AGAIN,
  cmpxchg,
  lock_bit,
  retry,
  trylock_bit,
  unlock_bit,
  WRITE_ONCE,
  Struct,
  type Task,
} from '../../src/machine/index.js';
import { findScenario, findVariant, programOf } from '../../src/scenario/index.js';
import { program } from '../support/programs.js';

const titles = ({ livelocks }: LivenessResult): string[] => livelocks.map(({ title }) => title);

/** A race of the catalogue in both kernels. */
function race(name: string): { readonly buggy: Program; readonly fixed: Program } {
  const scenario = findScenario(`race/${name}`);
  const on = (variant: string): Program =>
    programOf(scenario, { variant: findVariant(scenario, variant) });
  return { buggy: on('buggy'), fixed: on('fixed') };
}

const B19 = race('b19-shrinker-trylock');
const B22 = race('b22-busy-wait');
const B27 = race('b27-quicker-at-the-bit-lock');

describe("the kernel's livelocks", () => {
  test('B19: a shrinker that only tries the lock of the parent', () => {
    expect(titles(checkLiveness(B19.buggy))).toEqual([
      'livelock: shrink_dcache_parent and shrink_dentry_list retry for ever',
    ]);
    expect(checkLiveness(B19.fixed)).toMatchObject({ complete: true, livelocks: [] });
  });

  test('B22: a walk that keeps the processor from the killer it waits for', () => {
    expect(titles(checkLiveness(B22.buggy))).toEqual([
      'livelock: shrink_dcache_parent retries for ever',
    ]);
    expect(checkLiveness(B22.fixed)).toMatchObject({ complete: true, livelocks: [] });
  });

  test('B27: a look-up that is always quicker at the bit lock', () => {
    const [livelock] = checkLiveness(B27.buggy).livelocks;
    expect(livelock).toMatchObject({
      title: 'livelock: d_alloc_parallel retries for ever',
      detail: 'finder goes round; adder could go on but has to wait',
    });
    expect(checkLiveness(B27.fixed)).toMatchObject({
      complete: true,
      livelocks: [],
      retries: [
        { fn: 'd_alloc_parallel', most: 2 },
        { fn: 'start_dir_add', most: 1 },
      ],
    });
  });

  test.each([B19, B22, B27])('the cycle replays as often as one likes ($buggy.name)', (pair) => {
    const { schedule, cycleFrom } = checkLiveness(pair.buggy).livelocks[0];
    const cycle = schedule.slice(cycleFrom);
    expect(cycle.length).toBeGreaterThan(0);
    const often = [...schedule, ...cycle, ...cycle, ...cycle];
    const { diverged, ended } = replay(pair.buggy, often);
    expect({ diverged, ended }).toEqual({ diverged: null, ended: false });
  });
});

describe("the stash's loop", () => {
  const check = (variantName: string, lockref: 'faithful' | 'counter'): LivenessResult => {
    const scenario = findScenario('stash/close-vs-open');
    const variant = scenario.variants.find(({ name }) => name === variantName)!;
    return checkLiveness(programOf(scenario, { variant, lockref }), {
      functions: ['get_stashed_path', 'stash_dentry'],
      budget: { states: 50_000 },
    });
  };
  const freedom = (result: LivenessResult, fn: string): string | undefined =>
    result.lockFree.find((l) => l.fn === fn)?.verdict;

  test.each(['seed', 'v6.11', 'v7.3'])('%s is lock-free but for d_lock', (variant) => {
    const counter = check(variant, 'counter');
    expect(counter).toMatchObject({ complete: true, livelocks: [], waits: [] });
    expect(freedom(counter, 'stash_dentry')).toBe('yes');
    expect(counter.retries).toContainEqual({ fn: 'stash_dentry', most: 1 });
    const faithful = check(variant, 'faithful');
    const { because, verdict } = faithful.lockFree.find(({ fn }) => fn === 'stash_dentry')!;
    expect({ because, verdict }).toEqual({
      verdict: 'no',
      because:
        'opener waits in lockref_get_not_dead for the lock dentry.d_lockref, ' +
        'until closer goes on in __dentry_kill',
    });
    for (const wait of faithful.waits) expect(wait.what).toBe('the lock dentry.d_lockref');
  });

  test.each(['nsfs-2016', 'draft-2024'])('%s waits for the killer even so', (variant) => {
    const result = check(variant, 'counter');
    expect(freedom(result, 'get_stashed_path')).toBe('no');
    expect(result.waits[0]).toMatchObject({
      in: expect.arrayContaining(['get_stashed_path']) as unknown,
      by: { task: 'closer', fn: 'blind_prune' },
    });
  });

  test('nothing is promised of a graph that was cut off', () => {
    const scenario = findScenario('stash/close-vs-open');
    const variant = scenario.variants.find(({ name }) => name === 'v6.11')!;
    const cut = checkLiveness(programOf(scenario, { variant, lockref: 'counter' }), {
      functions: ['stash_dentry'],
      budget: { steps: 1024 },
    });
    expect(cut.complete).toBe(false);
    expect(cut.lockFree.map(({ verdict }) => verdict)).not.toContain('yes');
  });
});

// ---- the oracle --------------------------------------------------------------------------------

type Instruction =
  | { readonly op: 'lock' | 'unlock' | 'try'; readonly l: number }
  | { readonly op: 'store'; readonly v: number; readonly value: number }
  | { readonly op: 'cas'; readonly v: number; readonly from: number; readonly to: number };

interface Recipe {
  readonly fair: boolean;
  readonly rounds: readonly (readonly Instruction[])[];
}

class Shared extends Struct {
  readonly x = [0, 1].map((i) => this.cell(`x${i}`, 0));
  readonly lock = [0, 1].map((i) => this.lockCell(`lock${i}`, `lock${i}`));

  constructor() {
    super('shared');
  }
}

/** A round per task; a lock that it takes it gives back at its end, and when it fails. */
function randomRecipe(seed: number): Recipe {
  const prng = new Prng(seed);
  const rounds = Array.from({ length: 2 + prng.below(2) }, () => {
    const round: Instruction[] = [];
    const held: number[] = [];
    const length = 1 + prng.below(4);
    for (let i = 0; i < length; i += 1) {
      const kind = prng.below(4);
      const l = prng.below(2);
      if (kind === 0) {
        round.push({ op: 'store', v: l, value: prng.below(2) });
      } else if (kind === 1) {
        const from = prng.below(2);
        round.push({ op: 'cas', v: l, from, to: prng.below(2) });
      } else if (!held.includes(l)) {
        round.push({ op: kind === 2 ? 'lock' : 'try', l });
        held.push(l);
      }
    }
    return [...round, ...held.map((l): Instruction => ({ op: 'unlock', l }))];
  });
  return { fair: prng.below(2) === 0, rounds };
}

function* runRound(s: Shared, fair: boolean, code: readonly Instruction[]): Task<symbol | null> {
  const held: number[] = [];
  for (const step of code) {
    let failed = false;
    switch (step.op) {
      case 'lock':
        yield* lock_bit(s.lock[step.l], 0, fair ? 'fair' : 'unfair');
        held.push(step.l);
        break;
      case 'try':
        failed = !(yield* trylock_bit(s.lock[step.l]));
        if (!failed) held.push(step.l);
        break;
      case 'unlock':
        yield* unlock_bit(s.lock[step.l]);
        break;
      case 'store':
        yield* WRITE_ONCE(s.x[step.v], step.value);
        break;
      case 'cas':
        failed = (yield* cmpxchg(s.x[step.v], step.from, step.to)) !== step.from;
        break;
    }
    if (!failed) continue;
    for (const l of held) yield* unlock_bit(s.lock[l]);
    return AGAIN;
  }
  return null;
}

function* runTask(s: Shared, fair: boolean, code: readonly Instruction[]): Task<void> {
  yield* retry(runRound as never, s, fair, Object.freeze([...code]));
}

/** Where a task stands: its instruction, or the locks that a failed round has yet to give back. */
interface Local {
  readonly pc: number;
  readonly undo: readonly number[];
}

interface World {
  readonly x: readonly number[];
  readonly locked: readonly boolean[];
  readonly locals: readonly Local[];
}

/** One step of a task, by the book; null if it cannot take one. */
function stepOf({ rounds }: Recipe, world: World, t: number): World | null {
  const code = rounds[t];
  const { pc, undo } = world.locals[t];
  const next = (local: Local, x = world.x, locked = world.locked): World => ({
    x,
    locked,
    locals: world.locals.map((old, i) => (i === t ? local : old)),
  });
  const setLock = (l: number, to: boolean): boolean[] =>
    world.locked.map((old, i) => (i === l ? to : old));
  if (undo.length > 0) {
    const [l, ...rest] = undo as [number, ...number[]];
    return next({ pc: rest.length > 0 ? pc : 0, undo: rest }, world.x, setLock(l, false));
  }
  if (pc === code.length) return null;
  const step = code[pc];
  const on: Local = { pc: pc + 1, undo: [] };
  const back = (): World => {
    const held = code.slice(0, pc).flatMap((s) => (s.op === 'lock' || s.op === 'try' ? [s.l] : []));
    const kept = held.filter((l) => !code.slice(0, pc).some((s) => s.op === 'unlock' && s.l === l));
    return next(kept.length > 0 ? { pc, undo: kept } : { pc: 0, undo: [] });
  };
  switch (step.op) {
    case 'lock':
      return world.locked[step.l] ? null : next(on, world.x, setLock(step.l, true));
    case 'try':
      return world.locked[step.l] ? back() : next(on, world.x, setLock(step.l, true));
    case 'unlock':
      return next(on, world.x, setLock(step.l, false));
    case 'store':
    case 'cas':
      if (step.op === 'cas' && world.x[step.v] !== step.from) return back();
      return next(
        on,
        world.x.map((old, i) => (i !== step.v ? old : step.op === 'cas' ? step.to : step.value)),
      );
  }
}

/** Can a fair run go on for ever, or stop with somebody waiting? Slow, and simple. */
function canFailToEnd(recipe: Recipe): boolean {
  const start: World = {
    x: [0, 0],
    locked: [false, false],
    locals: recipe.rounds.map(() => ({ pc: 0, undo: [] })),
  };
  const numbers = new Map([[JSON.stringify(start), 0]]);
  const worlds = [start];
  const edges: { from: number; to: number; t: number; lock: boolean }[] = [];
  let stuck = false;
  for (let from = 0; from < worlds.length; from += 1) {
    const world = worlds[from];
    let open = 0;
    for (const [t, code] of recipe.rounds.entries()) {
      const next = stepOf(recipe, world, t);
      if (next === null) continue;
      open += 1;
      const key = JSON.stringify(next);
      if (!numbers.has(key)) {
        numbers.set(key, worlds.length);
        worlds.push(next);
      }
      const { pc, undo } = world.locals[t];
      const lock = recipe.fair && undo.length === 0 && code[pc].op === 'lock';
      edges.push({ from, to: numbers.get(key)!, t, lock });
    }
    if (open === 0 && world.locals.some(({ pc }, t) => pc < recipe.rounds[t].length)) stuck = true;
  }
  return stuck || hasFairCycle(new Set(worlds.keys()));

  function hasFairCycle(states: ReadonlySet<number>): boolean {
    const within = edges.filter(({ from, to }) => states.has(from) && states.has(to));
    const reach = new Map<number, Set<number>>();
    for (const state of states) {
      const seen = new Set<number>();
      const queue = [state];
      for (const at of queue) {
        for (const { from, to } of within) {
          if (from !== at || seen.has(to)) continue;
          seen.add(to);
          queue.push(to);
        }
      }
      reach.set(state, seen);
    }
    const done = new Set<number>();
    for (const state of states) {
      if (done.has(state) || !reach.get(state)!.has(state)) continue;
      const scc = new Set(
        [...states].filter((s) => reach.get(state)!.has(s) && reach.get(s)!.has(state)),
      );
      for (const s of scc) done.add(s);
      const steps = new Set(
        within.filter(({ from, to }) => scc.has(from) && scc.has(to)).map(({ t }) => t),
      );
      const denied = edges.filter(({ from, t, lock }) => lock && scc.has(from) && !steps.has(t));
      if (denied.length > 0) {
        const rest = new Set(scc);
        for (const { from } of denied) rest.delete(from);
        if (hasFairCycle(rest)) return true;
        continue;
      }
      const starved = recipe.rounds.some(
        (_, t) =>
          !steps.has(t) && [...scc].every((s) => edges.some((e) => e.from === s && e.t === t)),
      );
      if (!starved) return true;
    }
    return false;
  }
}

test('random loops: a run can go on for ever exactly if the naive search says so', () => {
  const verdicts = { ends: 0, livelocks: 0, stuck: 0 };
  const wrong: string[] = [];
  for (let seed = 1; seed <= 150; seed += 1) {
    const recipe = randomRecipe(seed);
    const tested = program('random', (machine) => {
      const shared = machine.global(new Shared(), 'shared');
      for (const [i, code] of recipe.rounds.entries()) {
        machine.addTask({ name: `t${i}` }, () => runTask(shared, recipe.fair, code));
      }
    });
    const { complete, livelocks, waits } = checkLiveness(tested);
    expect(complete).toBe(true);
    const stuck = waits.some(({ by }) => by === null);
    if (livelocks.length > 0) verdicts.livelocks += 1;
    else if (stuck) verdicts.stuck += 1;
    else verdicts.ends += 1;
    const expected = canFailToEnd(recipe);
    if ((livelocks.length > 0 || stuck) !== expected) {
      wrong.push(`${seed}: expected ${expected}: ${JSON.stringify(recipe)}`);
    }
  }
  expect(wrong).toEqual([]);
  for (const count of Object.values(verdicts)) expect(count).toBeGreaterThan(5);
});
