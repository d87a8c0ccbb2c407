/**
 * Parts of one check, explored on different machines, and putting them together again.
 *
 * A shard explores every n-th unit and writes a result file. Invariant: `merge` says HOLDS only if
 * every shard is there, each whole and undamaged, and all were made by the same code for the same check.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isVacuous, verdictOf, type ExploreResult } from '../explore/index.js';
import { fingerprintOf, sameWork } from './checkpoint.js';
import { EXIT, exitCodeOf, UsageError } from './exit.js';
import { programOfJob, type Job } from './job.js';
import { joined, type Found } from './messages.js';
import { lookOf, type CheckFlags } from './options.js';
import { jsonOf, reportOf } from './report.js';
import type { Outcome } from './runner.js';
import { replaceFile } from './whole-file.js';

const FORMAT = 'dentrylab result 1';

interface ResultFile {
  readonly format: typeof FORMAT;
  readonly fingerprint: string;
  readonly job: Job;
  readonly found: Found;
  readonly reason: string | null;
  readonly seconds: number;
}

/**
 * What a part of a check says for itself: that it was explored whole proves nothing about the check.
 * @returns the result to show; the same if it is of a whole check, or says less already
 */
export function resultOfPart({ shard }: Job, result: ExploreResult): ExploreResult {
  if (shard === null || shard.of === 1 || !result.complete || result.bugs.length > 0) return result;
  return {
    ...result,
    verdict: 'INCOMPLETE',
    complete: false,
    reason: `part ${shard.part} of ${shard.of}: dlab merge has the verdict`,
  };
}

/** Write what a check found, for `dlab merge`. @throws UsageError */
export function writeResult(path: string, job: Job, { result }: Outcome): void {
  const { executions, blocked, states, steps, depth, bugs, taken, neverTaken } = result;
  const branches = [...taken, ...neverTaken];
  const file: ResultFile & { branches: unknown } = {
    format: FORMAT,
    fingerprint: fingerprintOf(job),
    job: { ...job, compiled: null },
    found: { executions, blocked, states, steps, depth, bugs, taken: [] },
    reason: result.reason,
    seconds: result.seconds,
    branches: branches.map((branch) => ({ ...branch, taken: taken.includes(branch) })),
  };
  const text = `${JSON.stringify(file)}\n`;
  try {
    replaceFile(path, [Buffer.from(`${text}${hashOf(text)}\n`)]);
  } catch (error) {
    throw new UsageError(
      `cannot write ${path}: ${(error as Error).message}; what was there before is untouched`,
    );
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

interface LoadedFile extends ResultFile {
  readonly path: string;
  readonly branches: readonly { fn: string; what: string; taken: boolean }[];
}

function load(path: string): LoadedFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read the result ${path}: ${(error as Error).message}`);
  }
  if (!text.startsWith(`{"format":"${FORMAT}"`)) {
    throw new UsageError(
      `${path} is not a result file: make one with dlab check --shard 1/2 --out`,
    );
  }
  const end = text.indexOf('\n') + 1;
  if (text.slice(end) !== `${hashOf(text.slice(0, end))}\n`) {
    throw new UsageError(`the result ${path} is damaged: explore its shard again`);
  }
  const file = JSON.parse(text.slice(0, end)) as LoadedFile;
  return { ...file, path };
}

/** `dlab merge`: one verdict from the result files of all shards. @returns the exit code */
export async function merge(paths: readonly string[], flags: CheckFlags): Promise<number> {
  const files = paths.map(load);
  const [first] = files as [LoadedFile];
  const of = first.job.shard?.of ?? 1;
  const seen = new Map<number, string>();
  for (const { path, job, fingerprint } of files) {
    const isOther = !sameWork(job, first.job) || (job.shard?.of ?? 1) !== of;
    if (isOther) throw new UsageError(`${path} and ${first.path} are of different checks`);
    if (fingerprint !== first.fingerprint) {
      throw new UsageError(`${path} and ${first.path} were made by different code`);
    }
    const part = job.shard?.part ?? 1;
    const other = seen.get(part);
    if (other !== undefined) throw new UsageError(`${path} and ${other} are the same shard`);
    seen.set(part, path);
  }
  const missing = Array.from({ length: of }, (_, i) => i + 1).filter((part) => !seen.has(part));
  const all = joined(files.map((file) => file.found));
  // As an unsplit run does: the gravest bug is shown, unless all were asked for.
  const isFirstEnough = !first.job.keepGoing && all.bugs.some(({ kind }) => kind !== 'KCSAN');
  const found = isFirstEnough ? { ...all, bugs: all.bugs.slice(0, 1) } : all;
  const cut = files.find(({ reason }) => reason !== null);
  const reason =
    missing.length > 0
      ? `${missing.length === 1 ? 'shard' : 'shards'} ${missing.join(', ')} of ${of} missing`
      : cut === undefined
        ? null
        : `shard ${cut.job.shard?.part ?? 1}: ${cut.reason}`;
  const job: Job = { ...first.job, shard: null };
  const program = await programOfJob(job);
  const { branches } = program;
  const wasTaken = (i: number): boolean =>
    files.some((file) =>
      file.branches.some(
        ({ fn, what, taken }) => taken && fn === branches[i].fn && what === branches[i].what,
      ),
    );
  const result: ExploreResult = {
    ...found,
    verdict: verdictOf(found.bugs.length > 0, reason === null, () =>
      isVacuous(program, 'dpor', found.executions),
    ),
    engine: 'dpor',
    complete: reason === null,
    reason,
    interleavings: null,
    guarantee: null,
    missedStateChance: null,
    taken: branches.filter((_, i) => wasTaken(i)),
    neverTaken: branches.filter((_, i) => !wasTaken(i)),
    seconds: files.reduce((total, { seconds }) => total + seconds, 0),
  };
  if (flags.json === true) console.log(JSON.stringify(await jsonOf(job, result)));
  else console.log(`${await reportOf(job, result, lookOf(flags))}\n`);
  return exitCodeOf([result.verdict]) || EXIT.HOLDS;
}
