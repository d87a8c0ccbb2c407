/**
 * `dlab demo`: a real bug, found, shown and proved absent in its fix, in a few seconds.
 *
 * It is what a newcomer sees first: every sign of the picture is explained right before it.
 */

import { ASCII_WORDS, WORDS } from '../trace/index.js';
import { EXIT } from './exit.js';
import { jobsOf, lookOf, type CheckFlags } from './options.js';
import { reportOf, type Look } from './report.js';
import { runInWorker } from './runner.js';

const SCENARIO = 'stash/close-vs-open';

const INTRODUCTION = `
  A race in Linux 6.9 that was reported twice and never reproduced: CVE-2024-46801.

  Every namespace has one dentry, remembered in the namespace's "stash" for the
  next open. One task closes the last descriptor while another opens a new one.
  Linux 6.9 loads the stashed pointer first and enters RCU only afterwards.
`;

/** How to read a ladder. */
function legend({ ascii }: Look): string {
  const { here, read, change, bad } = ascii ? ASCII_WORDS : WORDS;
  return `  Below is the shortest run of the two that goes wrong, from top to bottom. Each
  CPU has a column, C0 and C1, and RCU its own, where freed memory goes back.
  ${here} is a step of that CPU, ${bad} one in which something is reported; ${read} is a value
  read, = one written, ${change} one changed at once.
`;
}

const BETWEEN = `
  The fix in 6.11 loads the pointer inside RCU. The same scenario, every
  interleaving again:
`;

const AFTER = `  Try next:
    dlab check stash/close-vs-open --variant seed     the loop as it was mailed
    dlab check stash/close-vs-two-opens --with examples/my-stash.ts   your own
    dlab matrix stash                                 history and mutations
    dlab lesson 1                                     the same from the beginning
    dlab play stash/close-vs-open --variant v6.9      be the scheduler yourself
`;

const IN_A_CLONE = `  In a clone of the repository dlab is: npx dlab, or node dist/cli/main.js
`;

/** @returns 0 if the bug was found in v6.9 and v6.11 holds, else 1 */
export async function demo(flags: CheckFlags): Promise<number> {
  const look = lookOf(flags);
  const [buggy, fixed] = ['v6.9', 'v6.11'].map((variant) => jobsOf([SCENARIO], { variant })[0]);
  console.log(`${INTRODUCTION}\n${legend(look)}`);
  const found = await runInWorker(buggy);
  if (found.interrupted) return EXIT.interrupted;
  console.log(`${await reportOf(buggy, found.result, look)}\n${BETWEEN}`);
  const proved = await runInWorker(fixed);
  if (proved.interrupted) return EXIT.interrupted;
  console.log(`${await reportOf(fixed, proved.result, look)}\n\n${AFTER}`);
  // npm says which of the package's scripts it runs: then nothing is installed.
  if (process.env['npm_lifecycle_event'] === 'start') console.log(IN_A_CLONE);
  return found.result.verdict === 'VIOLATED' && proved.result.verdict === 'HOLDS' ? 0 : 1;
}
