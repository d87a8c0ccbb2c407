/** `dlab check`: explore scenarios and say what came out. */

import type { Verdict } from '../explore/index.js';
import type { CheckReport } from '../trace/index.js';
import { addToCorpus, corpusFolder, replayCorpus } from './corpus.js';
import { EXIT, exitCodeOf, UsageError } from './exit.js';
import { programOfJob, type Job } from './job.js';
import { livenessVerdict } from './liveness.js';
import { jobsOf, lookOf, persistenceOf, type CheckFlags } from './options.js';
import {
  formatOf,
  renderReports,
  renderShown,
  REPORT_FORMATS,
  TRACE_FORMATS,
  type Format,
  type TraceFormat,
} from './formats.js';
import { isPatchCalled } from './patch/called.js';
import { blamingPatch, withPatch } from './patch/vet.js';
import { checkReportOf, reportOf } from './report.js';
import { runInWorker } from './runner.js';
import { resultOfPart, writeResult } from './shard.js';

/**
 * @param onCode told what the exit code is so far, before anything is printed
 * @returns the exit code
 */
export async function check(
  names: readonly string[],
  flags: CheckFlags,
  onCode: (code: number) => void,
): Promise<number> {
  if (flags.watch === true) {
    if (flags.with === undefined) throw new UsageError('--watch needs a file: --with FILE.ts');
    const { watch } = await import('./patch/watch.js');
    const timed = { ...flags, budget: flags.budget ?? '10s' };
    return watch(flags.with, jobsOf(names, timed), timed);
  }
  const jobs = await withPatch(jobsOf(names, flags), flags);
  return blamingPatch(jobs[0], () => checkJobs(jobs, flags, onCode));
}

async function checkJobs(
  jobs: readonly Job[],
  flags: CheckFlags,
  onCode: (code: number) => void,
): Promise<number> {
  const look = lookOf(flags);
  const verdicts: Verdict[] = [];
  const reports: CheckReport[] = [];
  const format = checkFormatOf(flags);
  const persistence = persistenceOf(flags, jobs);
  if (flags.out !== undefined && jobs.length > 1) {
    throw new UsageError('--out holds the result of one scenario: name one');
  }
  if (flags.liveness === true && format !== null && format !== 'jsonl') {
    throw new UsageError(
      '--liveness prints text or JSON lines: leave --format out, or --format jsonl',
    );
  }
  for (const job of jobs) {
    const corpus = corpusFolder(flags.corpus);
    if (corpus !== null) {
      const lines = await replayCorpus(corpus, job);
      if (lines.length > 0) (format === null ? console.log : console.error)(lines.join('\n'));
    }
    const outcome = await runInWorker(job, persistence);
    const { interrupted, resumeFrom } = outcome;
    const result = resultOfPart(job, outcome.result);
    // A part that was explored whole has done what was asked: the jobs of a matrix are to go on.
    if (result === outcome.result) verdicts.push(result.verdict);
    if (!interrupted) onCode(exitCodeOf(verdicts));
    if (corpus !== null && result.bugs.length > 0) {
      const program = await programOfJob(job);
      for (const bug of result.bugs) addToCorpus(corpus, job, program, bug);
    }
    if (format === null) {
      console.log(`${await reportOf(job, result, look, outcome)}\n`);
    } else {
      const { report, snapshots } = await checkReportOf(job, result);
      const ofAll = REPORT_FORMATS.find((name) => name === format);
      // A line per check is written as soon as it is known; a document has to wait for the last.
      if (format === 'jsonl') console.log(renderReports('jsonl', [report]));
      else if (ofAll !== undefined) reports.push(report);
      else {
        const text = renderShown(format as TraceFormat, report, snapshots, look);
        if (text !== null) console.log(text);
        else console.error(await reportOf(job, result, look, outcome));
      }
    }
    if (flags.out !== undefined) {
      try {
        writeResult(flags.out, job, outcome);
      } catch (error) {
        // The verdict may have taken hours: it is printed, whatever the disk says.
        printDocument(format, reports);
        throw error;
      }
    }
    if (resumeFrom !== null) {
      console.error(`dlab: go on with: dlab ${resumeCommand(process.argv.slice(2), resumeFrom)}`);
    }
    if (interrupted) {
      printDocument(format, reports);
      if (resumeFrom === null) {
        console.error('dlab: nothing was saved; with --checkpoint FILE the next one can go on');
      }
      return EXIT.interrupted;
    }
    if (flags.liveness === true) {
      verdicts.push(await livenessVerdict(job, format !== null, result.verdict));
    }
  }
  printDocument(format, reports);
  const code = exitCodeOf(verdicts);
  if (jobs[0].patch === null) return code;
  return (await isPatchCalled(jobs)) || code !== EXIT.HOLDS ? code : EXIT.VACUOUS;
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

/** The formats that are one document about all checks. */
function printDocument(format: Format | null, reports: readonly CheckReport[]): void {
  const document = REPORT_FORMATS.find((name) => name === format && name !== 'jsonl');
  if (document !== undefined) console.log(renderReports(document, reports));
}

function checkFormatOf({ format, json }: CheckFlags): Format | null {
  if (format !== undefined) {
    return formatOf<Format>(format, [...new Set<Format>([...TRACE_FORMATS, ...REPORT_FORMATS])]);
  }
  return json === true ? 'jsonl' : null;
}
