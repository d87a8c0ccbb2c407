/** `dlab check`: explore scenarios and say what came out. */

import type { Verdict } from '../explore/index.js';
import { EXIT, exitCodeOf } from './exit.js';
import { jobsOf, lookOf, type CheckFlags } from './options.js';
import { jsonOf, reportOf } from './report.js';
import { runInWorker } from './runner.js';

/** @returns the exit code */
export async function check(names: readonly string[], flags: CheckFlags): Promise<number> {
  const look = lookOf(flags);
  const verdicts: Verdict[] = [];
  for (const job of jobsOf(names, flags)) {
    const { result, interrupted } = await runInWorker(job);
    verdicts.push(result.verdict);
    if (flags.json === true) console.log(JSON.stringify(jsonOf(job, result)));
    else console.log(`${await reportOf(job, result, look)}\n`);
    if (interrupted) return EXIT.interrupted;
  }
  return exitCodeOf(verdicts);
}
