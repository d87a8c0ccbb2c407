/**
 * How much sooner a second thread gets a check done: wall and CPU seconds of the same check with one
 * worker and with several, for both exhaustive engines.
 *
 *   npm run bench -- --workers             with 2
 *   npm run bench -- --workers --only P5   one program of the list
 *
 * CPU seconds are those of all threads: what they grow by is the price of sharing. Wall seconds mean
 * something only where nothing else runs; the ratio counts for runs that one worker needs more than
 * SECONDS_MIN for. The counts must not depend on the number of workers, and are compared.
 */

import { jobsOf } from '../dist/cli/options.js';
import { runInWorker } from '../dist/cli/runner.js';

/** Programs that take one worker long enough; both engines where both end in minutes. */
const CHECKS = [
  ['P5', 'states', 'stash/close-vs-two-opens'],
  ['P6', 'states', 'stash/three-closers'],
  ['P6 counter', 'states', 'stash/three-closers', { lockref: 'counter' }],
  ['P2', 'dpor', 'stash/close-vs-close'],
  ['P5', 'dpor', 'stash/close-vs-two-opens'],
];
const WORKERS = 2;
const SECONDS_MIN = 5;

const ROUNDS = 4;

const quicker = (a, b) => (a.wall < b.wall ? a : b);
const group = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

async function measure(scenario, engine, jobs, flags) {
  const [job] = jobsOf([scenario], { ...flags, engine, jobs: String(jobs) });
  const start = performance.now();
  const before = process.cpuUsage();
  const { result } = await runInWorker(job);
  const { user, system } = process.cpuUsage(before);
  const count = engine === 'states' ? result.states : result.executions;
  return { count, wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}

/** Print the table. @param only name of one program, or undefined for all */
export async function speedUps(only) {
  console.log(`1 worker against ${WORKERS}; wall seconds need an idle machine\n`);
  console.log('program    engine       count   wall 1  wall 2  faster   CPU 1   CPU 2  more CPU');
  for (const [name, engine, scenario, flags] of CHECKS) {
    if (only !== undefined && name !== only) continue;
    let one = await measure(scenario, engine, 1, flags);
    let more = await measure(scenario, engine, WORKERS, flags);
    // By turns, the quickest of each: what else the machine does only ever makes a run slower.
    for (let round = 1; round < ROUNDS && one.wall >= SECONDS_MIN; round += 1) {
      one = quicker(one, await measure(scenario, engine, 1, flags));
      more = quicker(more, await measure(scenario, engine, WORKERS, flags));
    }
    if (one.count !== more.count) {
      throw new Error(`${name}: ${one.count} with 1 worker, ${more.count} with ${WORKERS}`);
    }
    console.log(
      name.padEnd(10),
      engine.padEnd(6),
      group(one.count).padStart(11),
      one.wall.toFixed(2).padStart(8),
      more.wall.toFixed(2).padStart(7),
      `${(one.wall / more.wall).toFixed(2)}x`.padStart(7),
      one.cpu.toFixed(2).padStart(7),
      more.cpu.toFixed(2).padStart(7),
      `${(100 * (more.cpu / one.cpu - 1)).toFixed(0)} %`.padStart(9),
      one.wall < SECONDS_MIN ? ` (under ${SECONDS_MIN} s)` : '',
    );
  }
}
