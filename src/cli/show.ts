/** `dlab show`: replay one interleaving from its token. */

import { replay } from '../explore/index.js';
import { decodeToken, record, SCENARIOS, variantsOf } from '../scenario/index.js';
import { createKernelLog, ladder, logTrace } from '../trace/index.js';
import { EXIT, UsageError } from './exit.js';
import { programOfJob, type Job } from './job.js';
import { jobsOf, lookOf, type CheckFlags } from './options.js';
import { paletteOf } from './report.js';

export interface ShowFlags extends CheckFlags {
  /** Print the kernel's log as structured records instead. */
  readonly log?: boolean;
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
  } else if (flags.json === true) {
    console.log(JSON.stringify({ ...trace, snapshots }));
  } else {
    const look = lookOf(flags);
    console.log(`  ${content.scenario} @ ${content.variant}, lockref ${content.lockref}`);
    console.log(`    ${trace.steps} steps, ${trace.switches} switches\n`);
    console.log(ladder(trace, { ...look, palette: paletteOf(look) }));
  }
  return findings.length > 0 ? EXIT.VIOLATED : EXIT.HOLDS;
}
