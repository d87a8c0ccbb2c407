/** `dlab check`: explore scenarios and say what came out. */

import type { Verdict } from '../explore/index.js';
import { EXIT, exitCodeOf, UsageError } from './exit.js';
import { livenessVerdict } from './liveness.js';
import { jobsOf, lookOf, persistenceOf, type CheckFlags } from './options.js';
import { jsonOf, reportOf } from './report.js';
import { runInWorker } from './runner.js';
import { writeResult } from './shard.js';

/** @returns the exit code */
export async function check(names: readonly string[], flags: CheckFlags): Promise<number> {
  const look = lookOf(flags);
  const verdicts: Verdict[] = [];
  const jobs = jobsOf(names, flags);
  const persistence = persistenceOf(flags, jobs);
  if (flags.out !== undefined && jobs.length > 1) {
    throw new UsageError('--out holds the result of one scenario: name one');
  }
  for (const job of jobs) {
    const outcome = await runInWorker(job, persistence);
    const { result, interrupted, resumeFrom } = outcome;
    verdicts.push(result.verdict);
    if (flags.out !== undefined) writeResult(flags.out, job, outcome);
    if (flags.json === true) console.log(JSON.stringify(jsonOf(job, result)));
    else console.log(`${await reportOf(job, result, look, outcome)}\n`);
    if (resumeFrom !== null) {
      console.error(`dlab: go on with: dlab ${resumeCommand(process.argv.slice(2), resumeFrom)}`);
    }
    if (interrupted) return EXIT.interrupted;
    if (flags.liveness === true) {
      verdicts.push(await livenessVerdict(job, flags.json === true, result.verdict));
    }
  }
  return exitCodeOf(verdicts);
}

/** The words of a command, going on from a checkpoint instead. */
function resumeCommand(words: readonly string[], path: string): string {
  const kept: string[] = [];
  for (let i = 0; i < words.length; i += 1) {
    if (words[i] === '--checkpoint' || words[i] === '--resume') i += 1;
    else if (!/^--(checkpoint|resume)=/.test(words[i])) kept.push(words[i]);
  }
  return [...kept, '--resume', path].map(quoted).join(' ');
}

/** A word as a POSIX shell reads it back. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
