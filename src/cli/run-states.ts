/**
 * Searching states in several threads, with pauses for checkpoints.
 *
 * All threads fill one table; whoever runs dry is given paths by the others. Invariant: at a pause,
 * what is in the table plus what is open in the frontiers is everything that was reached.
 */

import {
  COMMANDS,
  GOES_ROUND,
  SharedStateTable,
  STALE_POINTER,
  TABLE_FULL,
  type Frontier,
} from '../explore/index.js';
import { saveCheckpoint, type Saved } from './checkpoint.js';
import type { Job } from './job.js';
import { joined, type Answer, type Found } from './messages.js';
import type { Pool } from './pool.js';

/**
 * Slots of the tables: the second, with 12.6 million states in 168 MB, is made if the first is full.
 * One that grew by and by would need twice its room whenever it does.
 */
const TABLE_SLOTS = [1 << 20, 14_000_000];
/** Small programs are done before a second thread is up; what takes longer finds it ready. */
const ALONE_MS = 250;
const READY_MS = 100;

export interface Saving {
  readonly path: string;
  readonly everyMs: number;
  readonly fingerprint: string;
  /** Save; a failure is told, and the exploration goes on: hours of work are worth more. */
  readonly attempt: (save: () => void) => void;
}

export interface StatesOutcome {
  readonly found: Found;
  /** Null if everything was searched. */
  readonly reason: string | null;
}

const EMPTY: Found = {
  executions: 0,
  blocked: 0,
  states: 0,
  steps: 0,
  depth: 0,
  bugs: [],
  taken: [],
};

/**
 * Search to the end, to the first bug, or until the pool is stopped.
 * @param freesFirst leave out orders of freeing, see StateSearchOptions; the reason is STALE_POINTER
 *   if that cannot be done
 */
export async function runStates(
  pool: Pool,
  job: Job,
  saving: Saving | null,
  resumed: { saved: Extract<Saved, { engine: 'states' }>; states: Int32Array } | null,
  freesFirst: boolean,
  seconds: () => number,
): Promise<StatesOutcome> {
  // Which states come first depends on who is quicker, but for one thread alone.
  const threads = job.executions === null ? pool.size : 1;
  const spent = `budget of ${job.executions} states used up`;
  const statesMax =
    job.executions === null ? null : job.executions - (resumed?.saved.found.states ?? 0);
  if (resumed !== null && statesMax !== null && statesMax <= 0) {
    return { found: resumed.saved.found, reason: spent };
  }
  const sizes = TABLE_SLOTS.filter((slots) => slots > 2 * ((resumed?.states.length ?? 0) / 3));
  let memory = SharedStateTable.allocate(sizes.shift() ?? TABLE_SLOTS.at(-1)!);
  let table = new SharedStateTable(memory);
  if (resumed !== null) table.restore(resumed.states);
  const before: Found = resumed?.saved.found ?? EMPTY;
  let frontiers: readonly Frontier[] = resumed?.saved.frontiers ?? [];
  let goesRound = resumed?.saved.goesRound ?? false;
  const started = new Set<number>();
  let answers: Extract<Answer, { type: 'states' }>[];
  for (let round = 0; ; round += 1) {
    pool.boxes.command(pool.reason === null ? COMMANDS.work : COMMANDS.stop);
    const timer =
      saving === null ? null : setTimeout(() => pool.boxes.command(COMMANDS.pause), saving.everyMs);
    answers = await searchOnce(round);
    if (timer !== null) clearTimeout(timer);
    const found = joined([before, ...answers.map((answer) => answer.found)]);
    goesRound ||= answers.some((answer) => answer.goesRound);
    let reason = reasonOf(answers);
    const slots = reason === TABLE_FULL ? sizes.shift() : undefined;
    if (slots !== undefined) {
      memory = SharedStateTable.allocate(slots);
      const larger = new SharedStateTable(memory);
      larger.addAll(table);
      table = larger;
      reason = null;
    }
    frontiers = answers.flatMap((answer) => answer.frontiers);
    const over = frontiers.length === 0 && reason === null;
    if (saving !== null && !over && (reason === null || reason === pool.reason)) {
      const saved: Saved = {
        engine: 'states',
        found,
        frontiers,
        goesRound,
        freesFirst,
        seconds: seconds(),
      };
      saving.attempt(() => {
        saveCheckpoint(saving.path, job, saving.fingerprint, saved, table.dump());
      });
    }
    if (over || reason !== null) return { found, reason: over && goesRound ? GOES_ROUND : reason };
  }

  /** Let every thread search until all have stopped. */
  async function searchOnce(round: number): Promise<Extract<Answer, { type: 'states' }>[]> {
    const asked: Promise<Extract<Answer, { type: 'states' }>>[] = [];
    const ask = (i: number): void => {
      const isNew = !started.has(i);
      started.add(i);
      asked[i] = pool.member(i).ask(
        isNew
          ? {
              type: 'states',
              table: memory,
              start: i === 0 && resumed === null,
              statesMax,
              freesFirst,
              frontiers: round === 0 ? frontiers.filter((_, f) => f % threads === i) : [],
            }
          : { type: 'continue', table: memory },
        'states',
      );
      const onFailure = (): void => undefined; // Told by who waits for all of them.
      void asked[i].then((answer) => {
        if (answer.reason === 'a bug was found') pool.stop('a bug was found');
        if (answer.reason === STALE_POINTER) pool.stop(STALE_POINTER);
        if (answer.reason === TABLE_FULL) {
          if (sizes.length === 0) pool.stop(TABLE_FULL);
          else pool.boxes.command(COMMANDS.pause);
        }
        if (answer.reason === `budget of ${statesMax} states used up`) pool.stop(spent);
      }, onFailure);
    };
    if (resumed === null && round === 0) {
      pool.boxes.join();
      ask(0);
      const ready = setTimeout(() => {
        for (let i = 1; i < threads; i += 1) pool.member(i);
      }, READY_MS);
      await Promise.race([
        asked[0],
        new Promise((resolve) => setTimeout(resolve, ALONE_MS).unref()),
      ]);
      clearTimeout(ready);
      if (pool.boxes.commanded === COMMANDS.work && !(await isSettled(asked[0]))) startOthers();
    } else {
      for (let i = 0; i < threads; i += 1) pool.boxes.join();
      for (let i = 0; i < threads; i += 1) ask(i);
    }
    return Promise.all(asked);

    function startOthers(): void {
      for (let i = 1; i < threads; i += 1) pool.boxes.join();
      for (let i = 1; i < threads; i += 1) ask(i);
    }
  }

  function reasonOf(all: readonly { reason: string | null }[]): string | null {
    if (pool.reason !== null) return pool.reason;
    const own = all.find(({ reason }) => reason !== null && reason !== 'interrupted');
    return own?.reason ?? null;
  }
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}
