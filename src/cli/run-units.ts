/**
 * Exploring traces unit by unit: over threads, over machines, over reboots.
 *
 * Units need no coordination, so their results may come in any order and from anywhere. Invariant:
 * only finished units count, each once; a run is complete when all of them have.
 */

import {
  COMMANDS,
  extrapolate,
  Prng,
  splitUnits,
  type Estimate,
  type Program,
  type Schedule,
} from '../explore/index.js';
import { saveCheckpoint, type Saved } from './checkpoint.js';
import type { Job } from './job.js';
import { joined, type Found } from './messages.js';
import type { Pool } from './pool.js';
import type { Saving } from './run-states.js';
import { UnitBudget, type UnitAnswer } from './unit-budget.js';

const UNITS_TARGET = 256;
const BUG = 'a bug was found';

export interface UnitsOutcome {
  readonly found: Found;
  readonly reason: string | null;
  /** Units that were to be explored, and finished ones among them. */
  readonly units: number;
  readonly done: number;
}

/** The units of a program in the order in which they are explored: shuffled, so that any number of
 * them is a fair sample; the same everywhere. */
export function unitsOf(program: Program): Schedule[] {
  const units = splitUnits(program, UNITS_TARGET);
  const prng = new Prng(1);
  for (let i = units.length - 1; i > 0; i -= 1) {
    const j = prng.below(i + 1);
    [units[i], units[j]] = [units[j], units[i]];
  }
  return units;
}

/** Explore the units of a job, or of its shard. */
export async function runUnits(
  pool: Pool,
  job: Job,
  program: Program,
  saving: Saving | null,
  resumed: Extract<Saved, { engine: 'dpor' }> | null,
  seconds: () => number,
  onEstimate: (total: Estimate | null) => void,
): Promise<UnitsOutcome> {
  // A search of states that gave up has told the threads to stop.
  if (pool.reason === null) pool.boxes.command(COMMANDS.work);
  const units = unitsOf(program);
  const mine = units.map((_, i) => i).filter((i) => isMine(i, job.shard));
  const done = new Set<number>(resumed?.done ?? []);
  const queue = mine.filter((i) => !done.has(i));
  const before: Found[] = resumed === null ? [] : [resumed.found];
  const parts = [...before];
  const most = job.executions === null ? null : job.executions - (resumed?.found.executions ?? 0);
  const spent = `budget of ${job.executions} executions used up`;
  const doneOfMine = (): number => mine.filter((i) => done.has(i)).length;
  if (most !== null && most <= 0) {
    return { found: joined(before), reason: spent, units: mine.length, done: doneOfMine() };
  }
  const budget = most === null ? null : new UnitBudget(queue, most);
  const open = queue.length;
  const estimate = (whole: readonly number[], underWay: readonly number[]): void => {
    const total = extrapolate(whole, underWay, open);
    const earlier = resumed?.found.executions ?? 0;
    onEstimate(total === null ? null : { ...total, executions: total.executions + earlier });
  };
  const finished: number[] = [];
  /** Members that are at a unit. */
  const busy = new Set<number>();
  let unfinished: Found[] = [];
  let reason: string | null = null;
  let lastSaved = performance.now();
  const save = (): void => {
    if (saving === null) return;
    lastSaved = performance.now();
    const saved: Saved = {
      engine: 'dpor',
      found: joined(parts),
      done: [...done],
      units: units.length,
      seconds: seconds(),
    };
    saving.attempt(() => {
      saveCheckpoint(saving.path, job, saving.fingerprint, saved, null);
    });
  };
  const explore = (i: number, unit: number, executionsMax: number | null): Promise<UnitAnswer> =>
    pool.member(i).ask({ type: 'unit', unit: units[unit], executionsMax }, 'unit');
  const work = async (i: number): Promise<void> => {
    for (;;) {
      const goesOn = pool.reason === null && (budget === null || budget.isOpen);
      const next = goesOn ? queue.shift() : undefined;
      if (next === undefined) return;
      busy.add(i);
      const answer = await explore(i, next, most);
      busy.delete(i);
      budget?.add(next, answer);
      if (answer.reason !== null) {
        unfinished = [...unfinished, answer.found];
        // Whether a unit that was not finished counts depends on those before it.
        if (budget !== null && answer.reason !== 'interrupted') continue;
        reason ??= answer.reason === 'interrupted' ? pool.reason : answer.reason;
        if (answer.reason !== 'interrupted') pool.stop(answer.reason);
        return;
      }
      done.add(next);
      parts.push(answer.found);
      finished.push(answer.found.executions);
      estimate(
        finished,
        [...busy].map((member) => pool.member(member).current),
      );
      if (saving !== null && performance.now() - lastSaved >= saving.everyMs) save();
    }
  };
  await Promise.all(Array.from({ length: pool.size }, (_, i) => work(i)));
  if (budget !== null && pool.reason === null) {
    const { last } = budget;
    if (last !== null) budget.add(last.unit, await explore(0, last.unit, last.most));
    const { counted, whole, reason: ended } = budget.outcome();
    // Not what others had finished out of turn: the report must not depend on it.
    const counts = counted.map(({ executions }) => executions);
    estimate(counts.slice(0, whole), counts.slice(whole));
    if (ended !== BUG) save();
    return {
      found: joined([...before, ...counted]),
      reason: ended === null ? null : ended.startsWith('budget') ? spent : ended,
      units: mine.length,
      done: whole + (resumed === null ? 0 : mine.filter((i) => resumed.done.includes(i)).length),
    };
  }
  estimate(
    finished,
    unfinished.map(({ executions }) => executions),
  );
  if (pool.reason !== null) reason ??= pool.reason;
  // Whatever stopped the threads: what is not done is not covered.
  if (mine.some((i) => !done.has(i))) reason ??= 'not every unit was explored';
  if (reason !== BUG) save();
  return {
    found: joined([...parts, ...unfinished]),
    reason,
    units: mine.length,
    done: doneOfMine(),
  };
}

function isMine(unit: number, shard: Job['shard']): boolean {
  return shard === null || unit % shard.of === shard.part - 1;
}
