/**
 * How long an explanation takes: every shipped scenario on every variant on which it fails.
 *
 *   npm run bench -- --explain [--only TEXT]
 *
 * Exit code 1 if one takes more than two seconds of processor time, or is not complete and does not
 * say so. What it takes to find the bug is not counted; minimising is.
 */

import { explain, explore, programOf, SCENARIOS } from '../dist/index.js';

/** What the explorer may take to find a bug, in seconds. */
const BUDGET = 20;
const LIMIT = 2;
/** Processor time: on a busy machine the wall's clock would stop what is not slow. */
const now = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Explain all, print a line for each, and a sum. @param only a part of `scenario @ variant` */
export function explanations(only = '') {
  console.log('CPU s  steps  switches  what                                          missing\n');
  const times = [];
  let stopped = 0;
  let silent = 0;
  for (const scenario of SCENARIOS) {
    for (const variant of scenario.variants) {
      const name = `${scenario.name} @ ${variant.name}`;
      if (!name.includes(only)) continue;
      const program = programOf(scenario, { variant });
      const { bugs } = explore(program, { now, budget: { seconds: BUDGET }, minimise: false });
      // A livelock has no step after which it has happened: it is not explained.
      const bug = bugs.find(({ kind }) => kind !== 'livelock');
      if (bug === undefined) continue;
      const before = process.cpuUsage();
      const explained = explain(program, bug, { now });
      const { user, system } = process.cpuUsage(before);
      const seconds = (user + system) / 1e6;
      times.push(seconds);
      if (explained.stopped !== null) stopped += 1;
      const isWhole = explained.bug.minimal && explained.doom.every((point) => point !== null);
      if (!isWhole && explained.stopped === null) silent += 1;
      console.log(
        seconds.toFixed(2).padStart(5),
        String(explained.bug.steps).padStart(6),
        String(explained.bug.switches).padStart(9),
        ` ${name.padEnd(44)}`,
        explained.stopped ?? '',
      );
    }
  }
  times.sort((a, b) => a - b);
  const slow = times.filter((seconds) => seconds > LIMIT).length;
  console.log(
    `\n${times.length} explanations: median ${times[times.length >> 1]?.toFixed(2)} s, ` +
      `longest ${times.at(-1)?.toFixed(2)} s; ${slow} over ${LIMIT} s; ` +
      `${stopped} say what is missing; ${silent} do not`,
  );
  process.exitCode = slow + silent > 0 ? 1 : 0;
}
