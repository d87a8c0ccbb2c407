/** `dlab show`: replay one interleaving from its token. */

import {
  leadsBack,
  Limits,
  nearbyFailing,
  replay,
  straightSchedule,
  type Program,
  type Schedule,
} from '../explore/index.js';
import {
  decodeToken,
  record,
  SCENARIOS,
  semanticsOf,
  tokenOfRun,
  variantsOf,
  type TokenContent,
} from '../scenario/index.js';
import { nearest } from '../vfs/index.js';
import {
  createKernelLog,
  functionOf,
  logTrace,
  stateText,
  WORDS,
  wordsOf,
  type Snapshot,
  type Trace,
} from '../trace/index.js';
import { EXIT, UsageError } from './exit.js';
import { formatOf, renderTrace, TRACE_FORMATS } from './formats.js';
import { programOfJob, type Job } from './job.js';
import { jobsOf, lookOf, type CheckFlags } from './options.js';
import { modelOf } from './report.js';
import { blamingPatch, compiledOf } from './patch/vet.js';

export interface ShowFlags extends CheckFlags {
  /** Print the kernel's log as structured records instead. */
  readonly log?: boolean;
  /** The step after which the objects are shown. */
  readonly at?: string;
  /** The one object that is shown then. */
  readonly object?: string;
}

/** @returns the exit code: 1 if the interleaving still fails, 0 if not, 4 if it no longer fits */
export async function show(token: string, flags: ShowFlags): Promise<number> {
  const content = await contentOf(token, flags);
  if (content.patched && flags.with === undefined) {
    throw new UsageError('the token was made with a patch file: give it again, --with FILE.ts');
  }
  const [plain] = jobsOf([content.scenario], { variant: content.variant });
  const job: Job = {
    ...plain,
    variant: flags.variant ?? content.variant,
    lockref: content.lockref,
    rcu: content.rcu,
    fs: content.fs,
    reuse: content.reuse,
    failAlloc: content.failAlloc,
    patch: flags.with ?? null,
    compiled: flags.with === undefined ? null : await compiledOf(flags.with),
  };
  return blamingPatch(job, () => showJob(job, content, flags));
}

async function showJob(job: Job, content: TokenContent, flags: ShowFlags): Promise<number> {
  const program = await programOfJob(job);
  const { diverged, findings } = replay(program, content.schedule);
  const own: Job = { ...job, variant: content.variant, patch: null, compiled: null };
  const isOther = job.variant !== own.variant || job.patch !== null;
  // What a patched token was made with may be gone; what a variant does is still there.
  const original = isOther && !content.patched ? await programOfJob(own) : null;
  if (diverged !== null) {
    const { step, reason } = diverged;
    const word = `  DIVERGED  ${job.scenario} @ ${job.variant}${job.patch === null ? '' : ` with ${job.patch}`}`;
    const lines = [
      word,
      `    ${differenceAt(program, original, content.schedule, step, reason)}`,
      `    semantics ${meaningOf(content, isOther && !content.patched ? original : program)}`,
    ];
    lines.push(...nearby(job, program, original, content.schedule));
    console.log(lines.join('\n'));
    return EXIT.DIVERGED;
  }
  const meaning = meaningOf(content, original ?? program);
  if (meaning !== SAME) console.error(`dlab: it still fits, but its semantics ${meaning}`);
  const { cycleFrom } = content;
  const goesRound = cycleFrom !== undefined && leadsBack(program, content.schedule, cycleFrom);
  const { trace, snapshots } = record(program, content.schedule, goesRound ? cycleFrom : null);
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
      const now = chosen(snapshots[at], flags.object);
      console.log(stateText(now, snapshots[Math.max(0, at - 1)]));
    } else {
      if (format === 'ladder') {
        console.log(`  ${job.scenario} @ ${job.variant}, ${modelOf(job)}`);
        console.log(`    ${trace.steps} steps, ${trace.switches} switches\n`);
      }
      console.log(renderTrace(format, trace, snapshots, look, at));
    }
  }
  if (cycleFrom !== undefined && !goesRound) {
    console.error('dlab: this no longer leads back to where it was: it is no livelock here');
  }
  return findings.length > 0 || goesRound ? EXIT.VIOLATED : EXIT.HOLDS;
}

/** What a token says; of a scenario's name, that its tasks run one after the other. */
async function contentOf(token: string, { variant }: ShowFlags): Promise<TokenContent> {
  if (/^dlab\d/.test(token) || !token.includes('/')) {
    return decodeToken(
      token,
      SCENARIOS.map(({ name }) => name),
      variantsOf(SCENARIOS).map(({ name }) => name),
    );
  }
  const [job] = jobsOf([token], variant === undefined ? {} : { variant });
  const program = await programOfJob(job);
  const schedule = straightSchedule(program);
  return { ...job, patched: false, schedule, semantics: semanticsOf(program, schedule) };
}

const SAME = 'are those that the token was made with';

/** Does the code still do in the token's steps what it did when the token was made? */
function meaningOf({ semantics, schedule, patched }: TokenContent, made: Program | null): string {
  const now = made === null ? null : semanticsOf(made, schedule);
  if (semantics !== null && now === semantics) return SAME;
  const what = patched
    ? 'the patch, or the machine or the kernel here,'
    : 'the machine or the kernel here';
  if (semantics === null && now !== null) {
    return 'are not known:\n      the token was made before tokens said what their steps do';
  }
  const [then, here] = [semantics ?? 'not told', now ?? 'does not fit'];
  return `differ (then ${then}, now ${here}):\n      ${what} has changed since the token was made`;
}

/** Only these objects of a snapshot. @throws UsageError if there is no such object */
function chosen(snapshot: Snapshot, object: string | undefined): Snapshot {
  if (object === undefined) return snapshot;
  const view = snapshot[object];
  if (view === undefined) {
    const near = nearest(object, Object.keys(snapshot));
    throw new UsageError(`there is no object '${object}' then; the nearest are ${near.join(', ')}`);
  }
  return { [object]: view };
}

function stepOf(text: string | undefined, last: number): number {
  if (text === undefined) return last;
  const step = Number(text);
  if (!/^\d+$/.test(text) || step > last) {
    throw new UsageError(`--at takes a step from 0 to ${last}; not '${text}'`);
  }
  return step;
}

/** At which step, whose, what the token was made with, and what happens now. */
function differenceAt(
  program: Program,
  original: Program | null,
  schedule: Schedule,
  divergedAt: number,
  reason: string,
): string {
  const actual = record(program, schedule.slice(0, divergedAt - 1)).trace;
  const expected = original === null ? null : record(original, schedule).trace;
  const doing = (trace: Trace, step: number): string | null => {
    const operation = trace.operations.find((o) => o.step === step && o.main);
    return operation === undefined
      ? null
      : `${functionOf(operation, trace.tasks[operation.task].name)}: ${wordsOf(operation, WORDS)}`;
  };
  let step = divergedAt;
  for (let i = 1; expected !== null && i < divergedAt; i += 1) {
    if (doing(expected, i) === doing(actual, i)) continue;
    step = i;
    break;
  }
  const ran = expected?.operations.find((operation) => operation.step === step);
  const name =
    ran === undefined
      ? schedule[step - 1].task
      : (expected?.tasks[ran.task].name ?? schedule[step - 1].task);
  const now = step === divergedAt ? reason : (doing(actual, step) ?? reason);
  const was = expected === null ? 'a step of this task' : (doing(expected, step) ?? 'a step');
  const later =
    step === divergedAt ? '' : `\n    it no longer fits from step ${divergedAt} on: ${reason}`;
  return `step ${step} of ${schedule.length}, ${name}\n      expected  ${was}\n      actual    ${now}${later}`;
}

/** Another schedule that fails in the same way, near the one that does not fit. */
function nearby(
  job: Job,
  program: Program,
  original: Program | null,
  schedule: Schedule,
): string[] {
  const before = original === null ? [] : replay(original, schedule).findings;
  const grave = before.find(({ finding }) => finding.kind !== 'KCSAN') ?? before[0];
  const limits = new Limits({
    budget: { steps: 500_000, seconds: 2 },
    now: () => performance.now() / 1000,
  });
  const failing = nearbyFailing(
    program,
    schedule,
    (title, { kind }) => (grave === undefined ? kind !== 'KCSAN' : title === grave.title),
    limits,
  );
  const again = `dlab check ${job.scenario} --variant ${job.variant}${job.patch === null ? '' : ` --with ${job.patch}`}`;
  if (failing !== null) {
    const token = tokenOfRun(program, { ...job, patched: job.patch !== null, schedule: failing });
    return ['    a schedule near it still fails:', `    dlab show ${token}`];
  }
  return ['    no schedule near it fails so; that is no proof. All of them:', `    ${again}`];
}
