/** `dlab show`: replay one interleaving from its token. */

import { replay } from '../explore/index.js';
import { decodeToken, record, SCENARIOS, variantsOf } from '../scenario/index.js';
import { createKernelLog, logTrace, stateText } from '../trace/index.js';
import { EXIT, UsageError } from './exit.js';
import { formatOf, renderTrace, TRACE_FORMATS } from './formats.js';
import { programOfJob, type Job } from './job.js';
import { jobsOf, lookOf, type CheckFlags } from './options.js';

export interface ShowFlags extends CheckFlags {
  /** Print the kernel's log as structured records instead. */
  readonly log?: boolean;
  /** The step after which the objects are shown. */
  readonly at?: string;
}

/** @returns the exit code: 1 if the interleaving still fails, 0 if not, 4 if it no longer fits */
export async function show(token: string, flags: ShowFlags): Promise<number> {
  const content = decodeToken(
    token,
    SCENARIOS.map(({ name }) => name),
    variantsOf(SCENARIOS).map(({ name }) => name),
  );
  if (content.patched && flags.with === undefined) {
    throw new UsageError('the token was made with a patch file: give it again, --with FILE.ts');
  }
  const [plain] = jobsOf([content.scenario], { variant: content.variant });
  const job: Job = {
    ...plain,
    variant: flags.variant ?? content.variant,
    lockref: content.lockref,
    fs: content.fs,
    reuse: content.reuse,
    failAlloc: content.failAlloc,
    patch: flags.with ?? null,
  };
  const program = await programOfJob(job);
  const { diverged, findings } = replay(program, content.schedule);
  if (diverged !== null) {
    console.log(
      `  DIVERGED  ${content.scenario} @ ${content.variant}\n` +
        `    at step ${diverged.step} of ${content.schedule.length}: ${diverged.reason}\n` +
        `    the code is not what the token was made with; look again with\n` +
        `    dlab check ${content.scenario} --variant ${content.variant}`,
    );
    return EXIT.DIVERGED;
  }
  const { trace, snapshots } = record(program, content.schedule);
  if (flags.log === true) {
    logTrace(trace, createKernelLog({ write: (line: string) => void process.stdout.write(line) }));
  } else {
    const look = lookOf(flags);
    const format = formatOf(
      flags.format ?? (flags.json === true ? 'json' : 'ladder'),
      TRACE_FORMATS,
    );
    const at = stepOf(flags.at, trace.steps);
    if (flags.at !== undefined && flags.format === undefined) {
      console.log(stateText(snapshots[at], snapshots[Math.max(0, at - 1)]));
    } else {
      if (format === 'ladder') {
        console.log(`  ${job.scenario} @ ${job.variant}, lockref ${content.lockref}`);
        console.log(`    ${trace.steps} steps, ${trace.switches} switches\n`);
      }
      console.log(renderTrace(format, trace, snapshots, look, at));
    }
  }
  return findings.length > 0 ? EXIT.VIOLATED : EXIT.HOLDS;
}

function stepOf(text: string | undefined, last: number): number {
  if (text === undefined) return last;
  const step = Number(text);
  if (!/^\d+$/.test(text) || step > last) {
    throw new UsageError(`--at takes a step from 0 to ${last}; not '${text}'`);
  }
  return step;
}
